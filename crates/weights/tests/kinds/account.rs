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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Keys thrown together at random: nothing is lost, nothing counts twice, and loading any module ends in a ΔW or in an error.
    #[test]
    fn random_keys_are_accounted_for(picked in prop::collection::btree_map((0..STEMS.len(), 0..ENDS.len()), shapes(), 1..14)) {
        let tensors: Vec<(String, Vec<usize>)> =
            picked.into_iter().map(|((stem, end), shape)| (format!("{}{}", STEMS[stem], ENDS[end]), shape)).collect();
        let bytes = file(&tensors);
        let source = MemorySource(&bytes);
        let Ok(adapter) = Adapter::from_header(Header::read(&source).unwrap(), None, None) else { return Ok(()) };
        settle("random", &adapter);
        let base = Any;
        for module in &adapter.modules {
            let loader = weft_weights::delta::Loader { adapter: &adapter, source: &source, base: Some(&base) };
            if let Ok(delta) = loader.load(module) {
                let (m, n) = delta.shape();
                let mut out = vec![0.0; m * n];
                delta.rows(0..m, &mut out);
                let _ = (delta.frobenius(), delta.factors(64));
            }
        }
    }
}

/// A base that has whatever it is asked for.
struct Any;

impl weft_weights::delta::Base for Any {
    fn weight(
        &self,
        _: &weft_weights::adapter::Target,
        m: usize,
        n: usize,
    ) -> Result<Option<weft_weights::delta::Dense>, weft_weights::source::ReadError> {
        let (m, n) = (if m == 0 { 4 } else { m }, if n == 0 { 4 } else { n });
        Ok(Some(weft_weights::delta::Dense { m, n, values: vec![0.5; m * n] }))
    }
}
