//! Traps that are known from other programs, one test each.

use crate::open::whole;
use std::collections::BTreeMap;
use std::io::Cursor;
use weft_weights::adapter::{Adapter, Kind, Module, Target};
use weft_weights::delta::{Base, Delta, DeltaError, Dense, Loader};
use weft_weights::dtype::{Dtype, encode_f32};
use weft_weights::header::Header;
use weft_weights::progress::Silent;
use weft_weights::source::{MemorySource, ReadError};
use weft_weights::strength::strengths;
use weft_weights::write::{Planned, TensorWriter, header_bound};

/// A file in memory.
pub(crate) struct Made(Vec<u8>);

impl Made {
    pub(crate) fn of(tensors: &[(&str, &[usize], Vec<f32>)], metadata: &[(&str, &str)]) -> Self {
        let planned: Vec<Planned> = tensors.iter().map(|t| Planned { name: t.0.into(), dtype: Dtype::F32, shape: t.1.to_vec() }).collect();
        let metadata: BTreeMap<String, String> = metadata.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let mut writer = TensorWriter::new(Cursor::new(Vec::new()), header_bound(&planned, &metadata)).unwrap();
        for (name, shape, values) in tensors {
            let mut bytes = Vec::new();
            encode_f32(Dtype::F32, values, &mut bytes).unwrap();
            writer.tensor(name, Dtype::F32, shape, &bytes).unwrap();
        }
        Self(writer.finish(&metadata).unwrap().into_inner())
    }

    pub(crate) fn adapter(&self) -> Adapter {
        Adapter::from_header(Header::read(&MemorySource(&self.0)).unwrap(), None, None).unwrap()
    }

    fn load(&self, module: &Module, base: Option<&dyn Base>) -> Result<Delta, DeltaError> {
        let adapter = self.adapter();
        Loader { adapter: &adapter, source: &MemorySource(&self.0), base }.load(module)
    }

    /// ΔW of the first module.
    fn first(&self, base: Option<&dyn Base>) -> Vec<f32> {
        whole(&self.load(&self.adapter().modules[0], base).unwrap())
    }
}

pub(crate) fn ramp(n: usize, step: f32) -> Vec<f32> {
    (0..n).map(|i| ((i * 37 + 11) % 23) as f32 * step - 0.5 * step).collect()
}

/// W₀ by its target's path, in the target's order of rows.
struct Weights(BTreeMap<&'static str, Dense>);

impl Base for Weights {
    fn weight(&self, target: &Target, _: usize, _: usize) -> Result<Option<Dense>, ReadError> {
        let Some(found) = self.0.get(target.path.as_str()) else { return Ok(None) };
        let (first, rows) = target.rows.unwrap_or((0, found.m));
        Ok(Some(Dense { m: rows, n: found.n, values: found.values[first * found.n..(first + rows) * found.n].to_vec() }))
    }
}

fn pair<'a>(alpha: Option<f32>) -> Vec<(&'a str, &'a [usize], Vec<f32>)> {
    let mut list: Vec<(&str, &[usize], Vec<f32>)> =
        vec![("lora_unet_x.lora_down.weight", &[2, 3], ramp(6, 0.1)), ("lora_unet_x.lora_up.weight", &[4, 2], ramp(8, 0.2))];
    if let Some(alpha) = alpha {
        list.push(("lora_unet_x.alpha", &[], vec![alpha]));
    }
    list
}

#[test]
fn a_stored_alpha_of_zero_means_zero_and_is_warned_about() {
    let made = Made::of(&pair(Some(0.0)), &[]);
    assert!(made.first(None).iter().all(|v| *v == 0.0));
    let found = strengths(&made.adapter(), &MemorySource(&made.0), &Silent).unwrap();
    assert!(found.warnings.iter().any(|w| w.contains("is 0")), "{:?}", found.warnings);
    assert!(Made::of(&pair(None), &[]).first(None).iter().any(|v| *v != 0.0), "no alpha means rank, not zero");
}

#[test]
fn the_rank_comes_from_the_tensor_and_never_from_the_metadata() {
    let made = Made::of(&pair(Some(1.0)), &[("ss_network_dim", "64"), ("ss_network_alpha", "64")]);
    assert_eq!(made.load(&made.adapter().modules[0], None).unwrap().scale, 0.5);
}

#[test]
fn the_gauge_of_the_factors_changes_nothing() {
    let of = |c: f32| {
        let times = |v: Vec<f32>, c: f32| v.into_iter().map(|x| x * c).collect::<Vec<_>>();
        Made::of(
            &[
                ("lora_unet_x.lora_down.weight", &[2, 3], times(ramp(6, 0.1), c)),
                ("lora_unet_x.lora_up.weight", &[4, 2], times(ramp(8, 0.2), 1.0 / c)),
            ],
            &[],
        )
    };
    let (one, other) = (of(1.0), of(64.0));
    assert_eq!(one.first(None), other.first(None));
    let norm = |made: &Made| made.load(&made.adapter().modules[0], None).unwrap().frobenius();
    assert_eq!(norm(&one), norm(&other));
}

#[test]
fn a_bias_beside_a_pair_has_the_scale_of_the_pair_and_a_difference_has_not() {
    let mut tensors = pair(Some(1.0));
    tensors.push(("lora_unet_x.lora_up.bias", &[4], vec![1.0; 4]));
    tensors.push(("lora_unet_x.diff_b", &[4], vec![1.0; 4]));
    let made = Made::of(&tensors, &[]);
    let adapter = made.adapter();
    let biases: Vec<f32> =
        adapter.modules.iter().filter(|m| m.kind == Kind::Full).map(|m| whole(&made.load(m, None).unwrap())[0]).collect();
    assert_eq!(biases, [1.0, 0.5]);
    assert!(adapter.modules.iter().filter(|m| m.kind == Kind::Full).all(|m| m.target.path == "x_bias" && m.in_dim == 1));
    assert!(adapter.carried.is_empty() && adapter.left_out.is_empty());
}

#[test]
fn a_magnitude_of_one_row_is_of_the_inputs_in_one_spelling_and_of_the_outputs_in_the_other() {
    let base = Weights(BTreeMap::from([("x", Dense { m: 3, n: 3, values: ramp(9, 0.3) })]));
    let of = |key: &str| {
        let key = format!("lora_unet_x.{key}");
        let tensors: [(&str, &[usize], Vec<f32>); 3] = [
            ("lora_unet_x.lora_down.weight", &[1, 3], vec![0.0; 3]),
            ("lora_unet_x.lora_up.weight", &[3, 1], vec![0.0; 3]),
            (&key, &[1, 3], vec![1.0, 2.0, 3.0]),
        ];
        let step = Made::of(&tensors, &[]).first(Some(&base));
        let new: Vec<f32> = step.iter().zip(ramp(9, 0.3)).map(|(d, w)| d + w).collect();
        let norm = |at: &dyn Fn(usize) -> usize| (0..3).map(|i| new[at(i)].powi(2)).sum::<f32>().sqrt();
        [norm(&|i| i), norm(&|i| 3 + i), norm(&|i| 6 + i), norm(&|i| 3 * i), norm(&|i| 3 * i + 1), norm(&|i| 3 * i + 2)]
    };
    let near = |found: &[f32]| found.iter().zip([1.0, 2.0, 3.0]).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(near(&of("lora_magnitude_vector")[..3]), "per output");
    assert!(near(&of("dora_scale")[3..]), "per input");
}

#[test]
fn swapped_halves_of_the_last_modulation_are_those_of_the_base_too() {
    let (m, n) = (6144, 2);
    let native = Dense { m, n, values: ramp(m * n, 0.1) };
    let base = Weights(BTreeMap::from([("final_layer_adaLN_modulation_1", native)]));
    let half = m / 2;
    let swap = |v: Vec<f32>, width: usize| [v[half * width..].to_vec(), v[..half * width].to_vec()].concat();
    let (up, magnitude) = (ramp(m, 0.2), ramp(m, 0.05).into_iter().map(|v| v + 1.0).collect::<Vec<_>>());
    // A second module that only Flux has.
    let file = |stem: &str, other: &str, up: Vec<f32>, magnitude: Vec<f32>| {
        let names = ["lora_A.weight", "lora_B.weight", "lora_magnitude_vector"].map(|end| format!("{stem}.{end}"));
        let mark = [".lora_A.weight", ".lora_B.weight"].map(|end| format!("{other}{end}"));
        let tensors: [(&str, &[usize], Vec<f32>); 5] = [
            (&names[0], &[1, n], vec![0.5; n]),
            (&names[1], &[m, 1], up),
            (&names[2], &[m], magnitude),
            (&mark[0], &[1, 3072], vec![0.0; 3072]),
            (&mark[1], &[9216, 1], vec![0.0; 9216]),
        ];
        Made::of(&tensors, &[("modelspec.architecture", "flux-1-dev/lora")])
    };
    let stored = file(
        "transformer.norm_out.linear",
        "transformer.single_transformer_blocks.37.norm.linear",
        swap(up.clone(), 1),
        swap(magnitude.clone(), 1),
    );
    let own = file("diffusion_model.final_layer.adaLN_modulation.1", "diffusion_model.single_blocks.37.modulation.lin", up, magnitude);
    let step = |made: &Made| {
        let adapter = made.adapter();
        let module = adapter.modules.iter().find(|m| m.kind == Kind::Dora).unwrap();
        assert_eq!(module.target.path, "final_layer_adaLN_modulation_1", "{:?}", adapter.detection.family);
        (module.swapped_halves, whole(&made.load(module, Some(&base)).unwrap()))
    };
    let ((swapped, theirs), (plain, ours)) = (step(&stored), step(&own));
    assert!(swapped && !plain);
    assert_eq!(swap(theirs, n), ours);
}

#[test]
fn windows_of_a_fused_weight_reach_the_base_as_windows() {
    // A rotation of the inputs tells the columns only; the third of qkv that it belongs to is known all the same.
    let h = 3072;
    let qkv = Dense { m: 3 * h, n: h, values: (0..3 * h * h).map(|i| (i / (h * h)) as f32 + 1.0).collect() };
    let base = Weights(BTreeMap::from([("double_blocks_0_img_attn_qkv", qkv)]));
    let mark: [(&str, &[usize], Vec<f32>); 3] = [
        ("transformer.transformer_blocks.0.attn.to_k.oft_R.weight", &[h / 2, 1], vec![0.1; h / 2]),
        ("transformer.single_transformer_blocks.37.proj_out.lora_A.weight", &[1, 15360], vec![0.0; 15360]),
        ("transformer.single_transformer_blocks.37.proj_out.lora_B.weight", &[3072, 1], vec![0.0; 3072]),
    ];
    let made = Made::of(&mark, &[("modelspec.architecture", "flux-1-dev/lora")]);
    let adapter = made.adapter();
    let module = adapter.modules.iter().find(|m| m.kind == Kind::Oft).unwrap();
    assert_eq!((module.target.path.as_str(), module.target.rows), ("double_blocks_0_img_attn_qkv", Some((h, h))));
    let delta = made.load(module, Some(&base)).unwrap();
    // Rows of twos, turned: all rows alike, and their norm stays.
    let mut row = vec![0.0; h];
    delta.rows(5..6, &mut row);
    let turned: f32 = row.iter().map(|d| (d + 2.0).powi(2)).sum::<f32>();
    assert!((turned - 4.0 * h as f32).abs() < 0.02 * h as f32, "{turned}");
}

#[test]
fn values_that_are_no_numbers_are_named_by_their_key() {
    for (at, key) in [(0, "lora_down"), (1, "lora_up"), (2, "alpha")] {
        let mut tensors = pair(Some(1.0));
        tensors[at].2[0] = f32::NAN;
        let made = Made::of(&tensors, &[]);
        let error = made.load(&made.adapter().modules[0], None).unwrap_err();
        assert!(matches!(&error, DeltaError::NotFinite { key: found } if found.contains(key)), "{error}");
    }
}

#[test]
fn a_checkpoint_is_no_adapter_though_some_of_its_keys_look_like_one() {
    let tensors: [(&str, &[usize], Vec<f32>); 3] = [
        ("double_blocks.0.img_attn.norm.query_norm.scale", &[4], vec![1.0; 4]),
        ("base_model.model.x.weight", &[2, 2], vec![1.0; 4]),
        ("transformer.transformer_blocks.0.attn.norm_q.weight", &[4], vec![1.0; 4]),
    ];
    let made = Made::of(&tensors, &[]);
    assert!(Adapter::from_header(Header::read(&MemorySource(&made.0)).unwrap(), None, None).is_err());
}

#[test]
fn norms_that_control_loras_replace_are_modules() {
    let mut tensors = pair(None);
    tensors.push(("transformer.transformer_blocks.0.attn.norm_added_q.weight", &[4], vec![1.0; 4]));
    tensors.push(("double_blocks.0.img_attn.norm.query_norm.scale", &[4], vec![1.0; 4]));
    let adapter = Made::of(&tensors, &[]).adapter();
    let norms = adapter.modules.iter().filter(|m| m.kind == Kind::Set && (m.out_dim, m.in_dim) == (4, 1)).count();
    assert_eq!((norms, adapter.left_out.len()), (2, 0), "{:?}", adapter.warnings);
}

#[test]
fn an_adalora_is_refused_by_name() {
    let mut tensors = pair(None);
    tensors.push(("lora_unet_x.lora_E", &[2, 1], vec![1.0; 2]));
    let adapter = Made::of(&tensors, &[]).adapter();
    assert!(adapter.modules.is_empty() && adapter.left_out.len() == 3, "{:?}", adapter.modules);
    assert!(adapter.warnings[0].contains("AdaLoRA"), "{:?}", adapter.warnings);
}

#[test]
fn embeddings_of_a_placeholder_are_carried_whatever_they_are_called() {
    let mut tensors = pair(None);
    tensors.push(("bundle_emb.lora_A.weight", &[2, 2], vec![1.0; 4]));
    tensors.push(("bundle_emb.cat.clip_g_out", &[2, 2], vec![1.0; 4]));
    let adapter = Made::of(&tensors, &[]).adapter();
    assert_eq!((adapter.modules.len(), adapter.carried.len(), adapter.left_out.len()), (1, 2, 0));
}
