//! Names and alphas of the result, which decide what other programs make of it.

use super::{assert_probe, plan, svd};
use crate::support::{Build, Random, merged, open};
use weft_weights::adapter::Naming;
use weft_weights::dtype::{Dtype, decode_f64};
use weft_weights::family::Family;
use weft_weights::merge::{MergePlan, Method, OutDtype};

const TO_K: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k";
const TO_Q: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_q";
const TE: &str = "lora_te_text_model_encoder_layers_3_self_attn_q_proj";

fn peft(modules: &[(&str, (usize, usize, usize))], seed: u64) -> Vec<u8> {
    let mut rng = Random(seed);
    modules.iter().fold(Build::default(), |b, (stem, shape)| b.peft(stem, *shape, &mut rng)).bytes()
}

fn kohya(modules: &[(&str, (usize, usize, usize))], seed: u64) -> Vec<u8> {
    let mut rng = Random(seed);
    modules.iter().fold(Build::default(), |b, (stem, shape)| b.kohya(stem, *shape, Some(1.5), &mut rng)).bytes()
}

/// (module, rank, alpha) of every module of a file, sorted.
fn alphas(file: &[u8]) -> Vec<(String, usize, Option<f64>)> {
    let adapter = open(file);
    let value = |i: usize| {
        let t = &adapter.header.tensors[i];
        let mut out = [0.0];
        decode_f64(t.dtype, &file[t.range.start as usize..t.range.end as usize], &mut out).unwrap();
        out[0]
    };
    let mut all: Vec<_> = adapter.modules.iter().map(|m| (m.name.clone(), m.rank, m.alpha.map(value))).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn stems(file: &[u8]) -> Vec<String> {
    alphas(file).into_iter().map(|m| m.0).collect()
}

/// Merges two files with the default names and checks the weights.
fn stems_of(plan: &MergePlan, files: &[&[u8]]) -> (Vec<u8>, Vec<String>) {
    let (out, _) = merged(plan, files).unwrap();
    let parts: Vec<(f64, &[u8])> = plan.inputs.iter().map(|i| i.weight).zip(files.iter().copied()).collect();
    assert_probe(&out, &parts);
    let names = stems(&out);
    (out, names)
}

#[test]
fn one_alpha_throughout_whatever_the_ranks() {
    let a = kohya(&[(TO_K, (320, 768, 2)), (TO_Q, (320, 320, 5)), (TE, (768, 768, 3))], 1);
    let b = kohya(&[(TO_K, (320, 768, 4))], 2);
    assert_eq!(open(&a).detection.family, Family::Sd1);
    let two = [a.as_slice(), b.as_slice()];
    let w = [0.7, -1.2];
    let energy = MergePlan { energy: Some(0.5), ..plan(&w, Method::Svd) };
    for (plan, alpha, exact) in [
        (plan(&w, Method::Concat), 6.0, true),
        (plan(&w, Method::Sum), 6.0, true),
        (svd(&w, 6), 6.0, true),
        (svd(&w, 4), 4.0, false),
        (energy, 6.0, false),
    ] {
        let (out, report) = merged(&plan, &two).unwrap();
        let told = alphas(&out);
        assert_eq!(told.len(), 3);
        assert!(report.rank_min < report.rank_max);
        assert!(told.iter().all(|m| m.2 == Some(alpha)), "{told:?}");
        let meta = open(&out).header.metadata;
        assert_eq!(meta["ss_network_alpha"], alpha.to_string());
        assert_eq!(meta["ss_network_dim"], report.rank_max.to_string());
        if exact {
            assert_probe(&out, &[(0.7, &a), (-1.2, &b)]);
        }
    }
    // Uneven ranks in f16: the quotient of rank and alpha takes no digits.
    let wide = kohya(&[(TO_K, (320, 768, 64)), (TE, (768, 768, 1))], 3);
    for method in [Method::Concat, Method::Sum] {
        let out = merged(&MergePlan { dtype: OutDtype::F16, ..plan(&[1.0], method) }, &[&wide]).unwrap().0;
        let (ours, truth) = (crate::support::probe(&out), crate::support::probe(&wide));
        for (key, t) in &truth {
            let difference: Vec<f64> = ours[key].iter().zip(t).map(|(a, b)| a - b).collect();
            assert!(crate::support::norm(&difference) < 1e-3 * crate::support::norm(t), "{method:?} {key:?}");
        }
    }
}

#[test]
fn concatenation_leaves_the_down_factors_as_they_are() {
    let a = kohya(&[(TO_K, (320, 768, 2)), (TO_Q, (320, 320, 5))], 1);
    let out = merged(&plan(&[0.3], Method::Concat), &[&a]).unwrap().0;
    let bytes = |file: &[u8], key: &str| {
        let adapter = open(file);
        let range = &adapter.header.find(key).unwrap().1.range;
        file[range.start as usize..range.end as usize].to_vec()
    };
    for stem in [TO_K, TO_Q] {
        let key = format!("{stem}.lora_down.weight");
        assert_eq!(bytes(&out, &key), bytes(&a, &key));
    }
}

#[test]
fn flux_alphas_are_the_ranks() {
    let shapes = [("lora_unet_double_blocks_0_img_attn_proj", (3072, 3072, 3)), ("lora_unet_final_layer_linear", (64, 3072, 1))];
    let (out, _) = stems_of(&plan(&[0.5, 1.0], Method::Concat), &[&kohya(&shapes, 1), &kohya(&shapes[..1], 2)]);
    assert_eq!(alphas(&out).into_iter().map(|m| (m.1, m.2)).collect::<Vec<_>>(), [(6, Some(6.0)), (1, Some(1.0))]);
}

#[test]
fn unets_get_kohya_names() {
    let concat = plan(&[1.0, 0.5], Method::Concat);
    let sd1 = |seed| peft(&[("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k", (320, 768, 1))], seed);
    let sdxl = |seed| peft(&[("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k", (640, 2048, 1))], seed);
    let bare = |seed| peft(&[("base_model.model.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k", (320, 768, 1))], seed);
    assert_eq!(stems_of(&concat, &[&sd1(1), &sd1(2)]).1, [TO_K]);
    assert_eq!(stems_of(&concat, &[&bare(1), &bare(2)]).1, [TO_K]);
    let ldm = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k";
    assert_eq!(stems_of(&concat, &[&sdxl(1), &sdxl(2)]).1, [ldm]);
    // A wanted naming wins.
    let kept = MergePlan { naming: Some(Naming::Peft), ..concat.clone() };
    let (out, names) = stems_of(&kept, &[&sd1(1), &sd1(2)]);
    assert_eq!(names, ["unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"]);
    assert_eq!(alphas(&out)[0].2, None);
    let why = merged(&kept, &[&sd1(1), &kohya(&[(TO_K, (320, 768, 1))], 2)]).unwrap_err().to_string();
    assert!(why.contains("kohya names always work"), "{why}");
}

#[test]
fn flux_keeps_diffusers_names_and_turns_the_others_into_kohyas() {
    let concat = plan(&[1.0, 0.5], Method::Concat);
    let (first, second) = ("transformer.single_transformer_blocks.3.attn.to_k", "transformer.transformer_blocks.0.attn.to_k");
    let split = |seed| peft(&[(first, (3072, 3072, 1)), (second, (3072, 3072, 1))], seed);
    assert_eq!(stems_of(&concat, &[&split(1), &split(2)]).1, [first, second]);
    let qkv = "lora_unet_double_blocks_0_img_attn_qkv";
    assert_eq!(stems_of(&concat, &[&split(1), &kohya(&[(qkv, (9216, 3072, 1))], 2)]).1, [qkv, "lora_unet_single_blocks_3_linear1"]);
    for prefix in ["", "diffusion_model.", "base_model.model."] {
        let native = |seed| peft(&[(&format!("{prefix}double_blocks.0.img_attn.qkv"), (9216, 3072, 1))], seed);
        assert_eq!(stems_of(&concat, &[&native(1), &native(2)]).1, [qkv], "{prefix}");
    }
    let xlabs = |seed| {
        let (stem, mut rng) = ("double_blocks.0.processor.qkv_lora1", Random(seed));
        let (down, up) = (rng.many(3072), rng.many(9216));
        let file = Build::default().tensor(&format!("{stem}.down.weight"), Dtype::F32, &[1, 3072], down);
        file.tensor(&format!("{stem}.up.weight"), Dtype::F32, &[9216, 1], up).bytes()
    };
    assert_eq!(stems_of(&concat, &[&xlabs(1), &xlabs(2)]).1, [qkv]);
}

#[test]
fn wan_gets_native_names_without_alphas() {
    let concat = plan(&[1.0, 0.5], Method::Concat);
    let square = (1536, 1536, 2);
    let diffusers = |seed| {
        let modules = [("blocks.0.attn1.to_q", square), ("blocks.7.attn2.to_out.0", square), ("blocks.7.ffn.net.0.proj", (8960, 1536, 1))];
        let named: Vec<(String, _)> = modules.iter().map(|(m, s)| (format!("transformer.{m}"), *s)).collect();
        peft(&named.iter().map(|(m, s)| (m.as_str(), *s)).collect::<Vec<_>>(), seed)
    };
    let musubi = |extra: &[(&str, (usize, usize, usize))]| {
        let mut all = vec![("lora_unet_blocks_0_self_attn_q", square), ("lora_unet_blocks_7_cross_attn_o", square)];
        all.extend(extra);
        kohya(&all, 3)
    };
    let native = ["diffusion_model.blocks.0.self_attn.q", "diffusion_model.blocks.7.cross_attn.o", "diffusion_model.blocks.7.ffn.0"];
    for files in [[diffusers(1), musubi(&[])], [diffusers(1), diffusers(2)]] {
        let (out, names) = stems_of(&concat, &[&files[0], &files[1]]);
        assert_eq!(names, native);
        let keys = open(&out).header;
        assert!(keys.tensors.iter().all(|t| t.name.ends_with(".lora_A.weight") || t.name.ends_with(".lora_B.weight")));
    }
    assert_eq!(stems_of(&concat, &[&musubi(&[]), &musubi(&[])]).1, native[..2]);
    let wanted = MergePlan { naming: Some(Naming::Kohya), ..concat.clone() };
    assert!(stems_of(&wanted, &[&diffusers(1), &musubi(&[])]).1.iter().all(|n| n.starts_with("lora_unet_blocks_")));
    // A module that the native model is not known to have.
    let odd = musubi(&[("lora_unet_blocks_0_audio_q", square)]);
    let (out, report) = merged(&concat, &[&odd, &diffusers(1)]).unwrap();
    assert!(report.warnings.iter().any(|w| w.contains("blocks_0_audio_q") && w.contains("kohya")), "{:?}", report.warnings);
    assert!(stems(&out).iter().all(|n| n.starts_with("lora_unet_")));
    let forced = MergePlan { naming: Some(Naming::ComfyUi), ..concat };
    assert!(merged(&forced, &[&odd, &diffusers(1)]).unwrap_err().to_string().contains("blocks_0_audio_q"));
}
