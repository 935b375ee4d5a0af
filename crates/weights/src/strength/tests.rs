use super::*;
use crate::adapter::Adapter;
use crate::dtype::{Dtype, encode_f32};
use crate::header::Header;
use crate::layout::Group;
use crate::progress::Silent;
use crate::source::MemorySource;

/// Small numbers that look random and repeat on every run.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn value(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * 0.05
    }

    pub(crate) fn values(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.value()).collect()
    }
}

/// Builds a file in memory.
#[derive(Default)]
pub(crate) struct FileMaker {
    entries: Vec<String>,
    body: Vec<u8>,
}

impl FileMaker {
    /// Stores `values` and returns them as they read back.
    pub(crate) fn add(&mut self, name: &str, dtype: Dtype, shape: &[usize], values: &[f32]) -> Vec<f64> {
        let start = self.body.len();
        encode_f32(dtype, values, &mut self.body).unwrap();
        self.entries.push(format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{}]}}"#, self.body.len()));
        let mut back = vec![0.0; values.len()];
        crate::dtype::decode_f64(dtype, &self.body[start..], &mut back).unwrap();
        back
    }

    pub(crate) fn finish(&self) -> Vec<u8> {
        let json = format!("{{{}}}", self.entries.join(","));
        let mut out = (json.len() as u64).to_le_bytes().to_vec();
        out.extend(json.bytes());
        out.extend(&self.body);
        out
    }
}

fn measured(bytes: &[u8]) -> (Adapter, Strengths) {
    let source = MemorySource(bytes);
    let adapter = Adapter::from_header(Header::read(&source).unwrap(), None, None).unwrap();
    let strengths = strengths(&adapter, &source, &Silent).unwrap();
    (adapter, strengths)
}

/// ‖B·A‖ in f64, m×n formed.
fn dense(b: &[f64], a: &[f64], m: usize, r: usize, n: usize) -> f64 {
    let mut sum = 0.0;
    for i in 0..m {
        for j in 0..n {
            let v: f64 = (0..r).map(|p| b[i * r + p] * a[p * n + j]).sum();
            sum += v * v;
        }
    }
    f64::sqrt(sum)
}

fn close(got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance * want.abs(), "{got} is not {want}: relative error {}", (got - want).abs() / want.abs());
}

const Q: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
const K2: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k";

#[test]
fn pairs_of_every_type_agree_with_the_dense_product() {
    for (dtype, seed) in [(Dtype::F32, 1), (Dtype::F16, 2), (Dtype::BF16, 3), (Dtype::F8E4M3, 4)] {
        for r in [1, 3, 8, 17] {
            let (m, n) = (130, 777);
            let mut noise = Noise(seed);
            let mut file = FileMaker::default();
            let a = file.add(&format!("{Q}.lora_down.weight"), dtype, &[r, n], &noise.values(r * n));
            let b = file.add(&format!("{Q}.lora_up.weight"), dtype, &[m, r], &noise.values(r * m));
            file.add(&format!("{Q}.alpha"), Dtype::F32, &[], &[2.0]);
            let (_, s) = measured(&file.finish());
            close(s.frobenius, dense(&b, &a, m, r, n) * 2.0 / r as f64, 3e-7);
        }
    }
}

#[test]
fn extreme_gauges_do_not_overflow_or_vanish() {
    let (m, r, n) = (20, 4, 30);
    for power in [-120, -70, -40, 40, 70, 120] {
        let gauge = 2f32.powi(power);
        let mut noise = Noise(9);
        let mut file = FileMaker::default();
        let down: Vec<f32> = noise.values(r * n).iter().map(|v| v * gauge).collect();
        let up: Vec<f32> = noise.values(r * m).iter().map(|v| v / gauge).collect();
        let a = file.add(&format!("{Q}.lora_down.weight"), Dtype::F32, &[r, n], &down);
        let b = file.add(&format!("{Q}.lora_up.weight"), Dtype::F32, &[m, r], &up);
        close(measured(&file.finish()).1.frobenius, dense(&b, &a, m, r, n), 1e-6);
    }
}

#[test]
fn convolutions_with_and_without_core() {
    let (m, r, c) = (12, 4, 10);
    let mut noise = Noise(5);
    let mut file = FileMaker::default();
    let conv = "lora_unet_down_blocks_0_resnets_0_conv1";
    let a = file.add(&format!("{conv}.lora_down.weight"), Dtype::F32, &[r, c, 3, 3], &noise.values(r * c * 9));
    let b = file.add(&format!("{conv}.lora_up.weight"), Dtype::F32, &[m, r, 1, 1], &noise.values(r * m));
    let (adapter, s) = measured(&file.finish());
    assert_eq!((adapter.modules[0].kind, adapter.modules[0].in_dim, adapter.modules[0].kernel), (Kind::Locon, 90, Some((3, 3))));
    close(s.frobenius, dense(&b, &a, m, r, 90), 1e-7);

    let mut file = FileMaker::default();
    let a = file.add(&format!("{conv}.lora_down.weight"), Dtype::F32, &[r, c, 1, 1], &noise.values(r * c));
    let b = file.add(&format!("{conv}.lora_up.weight"), Dtype::F32, &[m, r, 1, 1], &noise.values(r * m));
    let core = file.add(&format!("{conv}.lora_mid.weight"), Dtype::F32, &[r, r, 3, 3], &noise.values(r * r * 9));
    let mut full = vec![0.0; r * c * 9];
    for p in 0..r {
        for i in 0..c {
            for k in 0..9 {
                full[(p * c + i) * 9 + k] = (0..r).map(|q| core[(p * r + q) * 9 + k] * a[q * c + i]).sum();
            }
        }
    }
    let (adapter, s) = measured(&file.finish());
    assert_eq!(adapter.modules[0].in_dim, 90);
    close(s.frobenius, dense(&b, &full, m, r, 90), 1e-6);
}

/// ‖(w1)∘(w2)‖ of two dense matrices given as factors.
fn dense_loha(b1: &[f64], a1: &[f64], b2: &[f64], a2: &[f64], m: usize, r: usize, n: usize) -> f64 {
    let mut sum = 0.0;
    for i in 0..m {
        for j in 0..n {
            let v = |b: &[f64], a: &[f64]| -> f64 { (0..r).map(|p| b[i * r + p] * a[p * n + j]).sum() };
            sum += (v(b1, a1) * v(b2, a2)).powi(2);
        }
    }
    f64::sqrt(sum)
}

#[test]
fn loha_by_both_ways() {
    for r in [4, 12] {
        let (m, n) = (33, 600);
        let mut noise = Noise(7);
        let mut file = FileMaker::default();
        let b1 = file.add(&format!("{Q}.hada_w1_a"), Dtype::F32, &[m, r], &noise.values(m * r));
        let a1 = file.add(&format!("{Q}.hada_w1_b"), Dtype::F32, &[r, n], &noise.values(n * r));
        let b2 = file.add(&format!("{Q}.hada_w2_a"), Dtype::F32, &[m, r], &noise.values(m * r));
        let a2 = file.add(&format!("{Q}.hada_w2_b"), Dtype::F32, &[r, n], &noise.values(n * r));
        file.add(&format!("{Q}.alpha"), Dtype::F32, &[], &[1.0]);
        let (adapter, s) = measured(&file.finish());
        assert_eq!(adapter.kind, Kind::Loha);
        close(s.frobenius, dense_loha(&b1, &a1, &b2, &a2, m, r, n) / r as f64, 1e-6);
    }
}

#[test]
fn lokr_is_the_product_of_its_sides() {
    let mut noise = Noise(8);
    let mut file = FileMaker::default();
    let w1 = file.add(&format!("{Q}.lokr_w1"), Dtype::F32, &[4, 4], &noise.values(16));
    let b = file.add(&format!("{Q}.lokr_w2_a"), Dtype::F32, &[80, 2], &noise.values(160));
    let a = file.add(&format!("{Q}.lokr_w2_b"), Dtype::F32, &[2, 80], &noise.values(160));
    file.add(&format!("{Q}.alpha"), Dtype::F32, &[], &[1.0]);
    let (adapter, s) = measured(&file.finish());
    assert_eq!((adapter.modules[0].out_dim, adapter.modules[0].in_dim, adapter.modules[0].rank), (320, 320, 2));
    let one: f64 = w1.iter().map(|v| v * v).sum::<f64>().sqrt();
    close(s.frobenius, one * dense(&b, &a, 80, 2, 80) / 2.0, 1e-6);

    // Both sides whole: alpha does not count.
    let mut file = FileMaker::default();
    let w1 = file.add(&format!("{Q}.lokr_w1"), Dtype::F32, &[4, 4], &noise.values(16));
    let w2 = file.add(&format!("{Q}.lokr_w2"), Dtype::F32, &[8, 8], &noise.values(64));
    file.add(&format!("{Q}.alpha"), Dtype::F32, &[], &[7.0]);
    let norm = |w: &[f64]| w.iter().map(|v| v * v).sum::<f64>().sqrt();
    close(measured(&file.finish()).1.frobenius, norm(&w1) * norm(&w2), 1e-7);
}

#[test]
fn nan_marks_its_module_and_leaves_the_others_alone() {
    let mut noise = Noise(11);
    let mut file = FileMaker::default();
    let mut bad = noise.values(4 * 320);
    bad[77] = f32::NAN;
    file.add(&format!("{Q}.lora_down.weight"), Dtype::F16, &[4, 320], &bad);
    file.add(&format!("{Q}.lora_up.weight"), Dtype::F16, &[320, 4], &noise.values(4 * 320));
    let a = file.add(&format!("{K2}.lora_down.weight"), Dtype::F16, &[4, 768], &noise.values(4 * 768));
    let b = file.add(&format!("{K2}.lora_up.weight"), Dtype::F16, &[320, 4], &noise.values(4 * 320));
    let (_, s) = measured(&file.finish());
    assert_eq!((s.modules[0].frobenius, s.modules[0].problem), (None, Some(Problem::NotFinite(0))));
    close(s.frobenius, dense(&b, &a, 320, 4, 768), 1e-7);
    assert!(s.warnings.iter().any(|w| w.contains("lora_down") && w.contains("NaN")), "{:?}", s.warnings);
}

#[test]
fn alpha_zero_gives_zero_and_a_warning() {
    let mut noise = Noise(12);
    let mut file = FileMaker::default();
    file.add(&format!("{K2}.lora_down.weight"), Dtype::F16, &[4, 768], &noise.values(4 * 768));
    file.add(&format!("{K2}.lora_up.weight"), Dtype::F16, &[320, 4], &noise.values(4 * 320));
    file.add(&format!("{K2}.alpha"), Dtype::F32, &[], &[0.0]);
    let (_, s) = measured(&file.finish());
    assert_eq!((s.frobenius, s.modules[0].problem), (0.0, Some(Problem::AlphaZero)));
    assert!(s.warnings[0].contains("alpha"), "{:?}", s.warnings);
}

#[test]
fn dora_has_no_strength_but_a_reason() {
    let mut noise = Noise(13);
    let mut file = FileMaker::default();
    file.add(&format!("{K2}.lora_down.weight"), Dtype::F16, &[4, 768], &noise.values(4 * 768));
    file.add(&format!("{K2}.lora_up.weight"), Dtype::F16, &[320, 4], &noise.values(4 * 320));
    file.add(&format!("{K2}.dora_scale"), Dtype::F16, &[320, 1], &noise.values(320));
    let (adapter, s) = measured(&file.finish());
    assert_eq!((adapter.kind, s.has_blocks(), s.modules[0].frobenius), (Kind::Dora, false, None));
    assert!(s.warnings[0].contains("DoRA"), "{:?}", s.warnings);
}

/// A Flux qkv as one fused module, and as three split ones with the same rows.
#[test]
fn fused_and_split_agree_and_the_parts_account_for_the_whole() {
    let (h, r) = (48, 4);
    let mut noise = Noise(14);
    let a = noise.values(r * h);
    let b = noise.values(3 * h * r);
    let te = noise.values(r * 64);
    let mut fused = FileMaker::default();
    fused.add("lora_unet_double_blocks_2_img_attn_qkv.lora_down.weight", Dtype::F32, &[r, h], &a);
    fused.add("lora_unet_double_blocks_2_img_attn_qkv.lora_up.weight", Dtype::F32, &[3 * h, r], &b);
    fused.add("lora_unet_img_in.lora_down.weight", Dtype::F32, &[r, 64], &te);
    fused.add("lora_unet_img_in.lora_up.weight", Dtype::F32, &[h, r], &b[..h * r]);
    fused.add("lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", Dtype::F32, &[r, 64], &te);
    fused.add("lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight", Dtype::F32, &[64, r], &te);
    let mut split = FileMaker::default();
    for (i, name) in ["to_q", "to_k", "to_v"].iter().enumerate() {
        let stem = format!("transformer.transformer_blocks.2.attn.{name}");
        split.add(&format!("{stem}.lora_A.weight"), Dtype::F32, &[r, h], &a);
        split.add(&format!("{stem}.lora_B.weight"), Dtype::F32, &[h, r], &b[i * h * r..(i + 1) * h * r]);
    }
    split.add("transformer.single_transformer_blocks.0.proj_mlp.lora_A.weight", Dtype::F32, &[r, h], &a);
    split.add("transformer.single_transformer_blocks.0.proj_mlp.lora_B.weight", Dtype::F32, &[h, r], &vec![0.0; h * r]);
    let ((one, x), (two, y)) = (measured(&fused.finish()), measured(&split.finish()));
    assert_eq!(one.detection.layout.map(|l| l.id), two.detection.layout.map(|l| l.id));
    let d02 = SlotRef::Block(one.detection.layout.unwrap().group(Group::Double).start + 2);
    close(x.slot(d02).unwrap().frobenius, y.slot(d02).unwrap().frobenius, 1e-7);
    assert!((x.slot(d02).unwrap().rms - y.slot(d02).unwrap().rms).abs() < 1e-9);
    let energy = |te: bool| -> f64 {
        let is_te = |s: &SlotStrength| matches!(s.slot, SlotRef::Extra(e) if e.is_text_encoder());
        x.slots.iter().filter(|s| is_te(s) == te).map(|s| s.frobenius.powi(2)).sum::<f64>().sqrt()
    };
    close(energy(false), x.frobenius, 1e-12);
    close(energy(true), x.te_frobenius, 1e-12);
    assert_eq!(two.modules.iter().map(|m| m.target.rows).collect::<Vec<_>>()[..3], [Some((0, h)), Some((h, h)), Some((2 * h, h))]);
}
