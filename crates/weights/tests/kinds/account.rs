//! Every key ends in exactly one place: in a module, carried through, or left out with a warning.

use crate::open::all;
use crate::truth::{cases, open};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::Cursor;
use weft_weights::adapter::Adapter;
use weft_weights::dtype::Dtype;
use weft_weights::header::Header;
use weft_weights::source::MemorySource;
use weft_weights::write::{Planned, TensorWriter, header_bound};

/// Panics unless every tensor is in exactly one place, and every one left out is told.
fn settle(name: &str, adapter: &Adapter) {
    let mut places = vec![0; adapter.header.tensors.len()];
    for (_, tensor) in adapter.modules.iter().flat_map(|m| &m.parts) {
        places[*tensor] += 1;
    }
    for tensor in adapter.carried.iter().chain(&adapter.left_out) {
        places[*tensor] += 1;
    }
    for (info, places) in adapter.header.tensors.iter().zip(&places) {
        assert_eq!(*places, 1, "{name}: {} has {places} places", info.name);
    }
    for module in &adapter.modules {
        for tensor in module.tensors() {
            assert!(module.parts.iter().any(|(_, t)| *t == tensor), "{name}: {} lacks a part", module.name);
        }
        assert!(module.alpha.is_none_or(|a| adapter.modules.iter().any(|m| m.parts.iter().any(|(_, t)| *t == a))));
    }
    assert_eq!(adapter.left_out.is_empty(), !told(adapter), "{name}: {:?}", adapter.warnings);
}

/// True when a warning speaks of keys that are left out.
fn told(adapter: &Adapter) -> bool {
    adapter.warnings.iter().any(|w| ["left out", "ignored", "more warnings"].iter().any(|word| w.contains(word)))
}

#[test]
fn all_golden_files_are_accounted_for_and_lose_nothing() {
    for (name, opened) in all() {
        settle(&name, &opened.adapter);
        assert!(opened.adapter.left_out.is_empty(), "{name}: {:?}", opened.adapter.warnings);
    }
    for case in cases() {
        let opened = open(&case);
        settle(&case, &opened.adapter);
        // One alpha stands beside a scale, which is stronger.
        let left: Vec<&str> = opened.adapter.left_out.iter().map(|t| opened.adapter.header.tensors[*t].name.as_str()).collect();
        assert!(left.is_empty() || left == ["lora_unet_scaled.alpha"], "{case}: {:?}", opened.adapter.warnings);
    }
}

const STEMS: [&str; 7] = [
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
    "transformer.x.to_k",
    "base_model.model.y",
    "diffusion_model.blocks.0.ffn.0",
    "double_blocks.0.img_attn.norm.query_norm",
    "bundle_emb.word",
    "",
];
const ENDS: [&str; 46] = [
    ".lora_down.weight",
    ".lora_up.weight",
    ".lora_mid.weight",
    ".lora_A.weight",
    ".lora_B.weight",
    ".lora_A",
    ".lora_B.default.weight",
    ".lora_B.bias",
    ".alpha",
    ".scale",
    ".dora_scale",
    ".magnitude",
    ".lora_magnitude_vector",
    ".reshape_weight",
    ".hada_w1_a",
    ".hada_w1_b",
    ".hada_w2_a",
    ".hada_w2_b",
    ".hada_t1",
    ".lokr_w1",
    ".lokr_w1_a",
    ".lokr_w1_b",
    ".lokr_w2",
    ".lokr_w2_a",
    ".lokr_w2_b",
    ".lokr_t2",
    ".a1.weight",
    ".a2.weight",
    ".b1.weight",
    ".b2.weight",
    ".bm.weight",
    ".oft_blocks",
    ".oft_diag",
    ".oft_R.weight",
    ".boft_R",
    ".boft_s",
    ".rescale",
    ".on_input",
    ".weight",
    ".ia3_l",
    ".diff",
    ".diff_b",
    ".w_norm",
    ".b_norm",
    ".set_weight",
    ".bias",
];

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        Just(vec![]),
        Just(vec![1]),
        Just(vec![0]),
        prop::collection::vec(1usize..5, 1..5),
        prop::collection::vec(prop_oneof![Just(2usize), Just(4), Just(6)], 2..5),
    ]
}

fn file(tensors: &[(String, Vec<usize>)]) -> Vec<u8> {
    let plan = |(name, shape): &(String, Vec<usize>)| Planned { name: name.clone(), dtype: Dtype::F32, shape: shape.clone() };
    let planned: Vec<Planned> = tensors.iter().map(plan).collect();
    let metadata = BTreeMap::new();
    let mut writer = TensorWriter::new(Cursor::new(Vec::new()), header_bound(&planned, &metadata)).unwrap();
    for (i, (name, shape)) in tensors.iter().enumerate() {
        let count: usize = shape.iter().product();
        let bytes: Vec<u8> = (0..count).flat_map(|j| ((i * 7 + j * 3) as f32 * 0.01 - 0.1).to_le_bytes()).collect();
        writer.tensor(name, Dtype::F32, shape, &bytes).unwrap();
    }
    writer.finish(&metadata).unwrap().into_inner()
}

/// The shape that the tensor has in a sound module of 6 × 4 (or 6 × 4·9) and rank 2.
fn fitting(end: &str, conv: bool) -> Vec<usize> {
    let (m, n, r) = (6, 4, 2);
    let with = |shape: &[usize]| if conv { [shape, &[3, 3]].concat() } else { shape.to_vec() };
    match end {
        ".lora_down.weight" | ".lora_A.weight" | ".lora_A" | ".b2.weight" => with(&[r, n]),
        ".lora_up.weight" | ".lora_B.weight" | ".lora_B.default.weight" | ".b1.weight" => vec![m, r],
        ".lora_mid.weight" | ".hada_t1" | ".lokr_t2" | ".bm.weight" => vec![r, r, 3, 3],
        ".lora_B.bias" | ".diff_b" | ".b_norm" | ".w_norm" | ".magnitude" | ".rescale" | ".boft_s" | ".bias" => vec![m],
        ".dora_scale" | ".lora_magnitude_vector" => with(&[1, n])[..2].to_vec(),
        ".hada_w1_a" | ".hada_w2_a" => vec![m, r],
        ".hada_w1_b" | ".hada_w2_b" | ".a2.weight" => vec![r, n],
        ".lokr_w1" => vec![3, 2],
        ".lokr_w1_a" => vec![3, r],
        ".lokr_w1_b" | ".lokr_w2_b" => vec![r, 2],
        ".lokr_w2" => with(&[2, 2]),
        ".lokr_w2_a" => vec![2, r],
        ".a1.weight" => vec![n, r],
        ".oft_blocks" | ".oft_diag" => vec![3, 2, 2],
        ".boft_R" => vec![1, 2, 2, 2],
        ".oft_R.weight" => vec![2, 1],
        ".ia3_l" => vec![m, 1],
        ".diff" | ".set_weight" | ".weight" => with(&[m, n]),
        ".reshape_weight" => vec![2],
        _ => vec![],
    }
}

/// Calls what a caller would call.
fn load_all(adapter: &Adapter, source: &MemorySource<'_>) -> usize {
    let mut loaded = 0;
    for module in &adapter.modules {
        let loader = weft_weights::delta::Loader { adapter, source, base: Some(&Any) };
        if let Ok(delta) = loader.load(module) {
            let (m, n) = delta.shape();
            let mut out = vec![0.0; m * n];
            delta.rows(0..m, &mut out);
            let _ = (delta.frobenius(), delta.factors(64));
            loaded += 1;
        }
    }
    loaded
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Keys thrown together at random: nothing is lost, nothing counts twice, and loading any module ends in a ΔW or in an error.
    #[test]
    fn random_keys_are_accounted_for(
        picked in prop::collection::btree_map((0..STEMS.len(), 0..ENDS.len()), (shapes(), 0u8..8), 1..14),
        conv in any::<bool>(),
    ) {
        let shape = |end: usize, (free, fit): (Vec<usize>, u8)| if fit > 0 { fitting(ENDS[end], conv) } else { free };
        let tensors: Vec<(String, Vec<usize>)> =
            picked.into_iter().map(|((stem, end), of)| (format!("{}{}", STEMS[stem], ENDS[end]), shape(end, of))).collect();
        let bytes = file(&tensors);
        let source = MemorySource(&bytes);
        let Ok(adapter) = Adapter::from_header(Header::read(&source).unwrap(), None, None) else { return Ok(()) };
        settle("random", &adapter);
        load_all(&adapter, &source);
    }

    /// Whole sets of one stem with at most one tensor of another shape: most load, none panics.
    #[test]
    fn sound_modules_with_one_odd_shape(
        set in 0..SETS.len(), odd in prop::option::of((0usize..6, shapes())), more in prop::option::of(0..ENDS.len()), conv in any::<bool>(),
    ) {
        let mut tensors: Vec<(String, Vec<usize>)> =
            SETS[set].iter().map(|end| (format!("transformer.x.to_k{end}"), fitting(end, conv))).collect();
        if let Some((at, shape)) = odd.clone() {
            let at = at % tensors.len();
            tensors[at].1 = shape;
        }
        if let Some(more) = more.map(|m| ENDS[m]).filter(|m| !SETS[set].contains(m)) {
            tensors.push((format!("transformer.x.to_k{more}"), fitting(more, conv)));
        }
        let bytes = file(&tensors);
        let source = MemorySource(&bytes);
        let Ok(adapter) = Adapter::from_header(Header::read(&source).unwrap(), None, None) else { return Ok(()) };
        settle("set", &adapter);
        let loaded = load_all(&adapter, &source);
        prop_assert!(loaded > 0 || odd.is_some() || more.is_some() || conv, "{:?} {:?}", tensors, adapter.warnings);
    }
}

const SETS: [&[&str]; 13] = [
    &[".lora_down.weight", ".lora_up.weight", ".alpha"],
    &[".lora_down.weight", ".lora_up.weight", ".dora_scale"],
    &[".lora_A.weight", ".lora_B.weight", ".magnitude", ".lora_B.bias"],
    &[".hada_w1_a", ".hada_w1_b", ".hada_w2_a", ".hada_w2_b", ".alpha"],
    &[".lokr_w1", ".lokr_w2", ".dora_scale"],
    &[".lokr_w1_a", ".lokr_w1_b", ".lokr_w2_a", ".lokr_w2_b", ".alpha"],
    &[".oft_blocks", ".alpha", ".rescale"],
    &[".oft_R.weight"],
    &[".boft_R", ".boft_s"],
    &[".a1.weight", ".a2.weight", ".b1.weight", ".b2.weight", ".alpha"],
    &[".ia3_l"],
    &[".set_weight"],
    &[".diff", ".diff_b"],
];

/// A base that has whatever it is asked for.
struct Any;

impl weft_weights::delta::Base for Any {
    fn weight(
        &self,
        _: &weft_weights::adapter::Target,
        m: usize,
        n: usize,
    ) -> Result<Option<weft_weights::delta::Dense>, weft_weights::source::ReadError> {
        let (m, n) = (if m == 0 { 6 } else { m }, if n == 0 { 4 } else { n });
        Ok(Some(weft_weights::delta::Dense { m, n, values: vec![0.5; m * n] }))
    }
}
