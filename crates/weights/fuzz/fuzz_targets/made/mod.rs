//! Small hostile files out of fuzz bytes: sound headers with names that mean something and shapes that nearly fit, so that the work behind the header is
//! reached, not only its checks.
#![allow(dead_code, reason = "each target uses a part of it")]

use std::collections::BTreeMap;
use std::io::Cursor;
use weft_weights::adapter::{Adapter, Target};
use weft_weights::delta::{Base, Dense};
use weft_weights::dtype::Dtype;
use weft_weights::header::Header;
use weft_weights::source::{MemorySource, ReadError};
use weft_weights::write::{Planned, TensorWriter, header_bound};

const STEMS: [&str; 28] = [
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k",
    "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_v",
    "lora_unet_output_blocks_2_2_conv",
    "unet.up_blocks.1.attentions.0.proj_in",
    "unet.up_blocks.1.attentions.0.processor.to_q",
    "lora_te_text_model_encoder_layers_3_self_attn_q_proj",
    "text_encoder_2.text_model.encoder.layers.3.mlp.fc1",
    "lora_te3_encoder_block_0_layer_0_SelfAttention_q",
    "lora_unet_double_blocks_0_img_attn_qkv",
    "transformer.transformer_blocks.0.attn.to_q",
    "transformer.transformer_blocks.0.attn.to_k",
    "transformer.single_transformer_blocks.37.proj_mlp",
    "diffusion_model.single_blocks.37.linear1",
    "double_blocks.0.processor.qkv_lora1",
    "diffusion_model.final_layer.adaLN_modulation.1",
    "transformer.norm_out.linear",
    "diffusion_model.blocks.0.self_attn.q",
    "diffusion_model.blocks.0.ffn.0",
    "blocks.0.attn1.to_q",
    "lora_unet_joint_blocks_3_context_block_attn_qkv",
    "lora_unet_layers_3_attention_to_k",
    "diffusion_model.layers.3.attention.qkv",
    "base_model.model.x.y",
    "lycoris_transformer_blocks_0_attn_to_out_0",
    "bundle_emb.word",
    "x",
    "",
];

const ENDS: [&str; 52] = [
    ".lora_down.weight",
    ".lora_up.weight",
    ".lora_mid.weight",
    ".alpha",
    ".lora_A.weight",
    ".lora_B.weight",
    ".lora_A.default.weight",
    ".lora_B.default.weight",
    ".lora_B.bias",
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
    ".hada_t2",
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
    ".bias",
    ".ia3_l",
    ".diff",
    ".diff_b",
    ".w_norm",
    ".b_norm",
    ".set_weight",
    ".lora_E",
    ".down.weight",
    ".up.weight",
    ".vera_lambda_b",
    ".clip_l",
];

const TYPES: [Dtype; 8] = [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F8E4M3, Dtype::F8E5M2, Dtype::F64, Dtype::I64, Dtype::U8];

/// Endings of whole modules: a byte picks one and its tensors come together.
const SETS: [&[&str]; 10] = [
    &[".lora_down.weight", ".lora_up.weight", ".alpha"],
    &[".lora_A.weight", ".lora_B.weight"],
    &[".lora_down.weight", ".lora_up.weight", ".dora_scale"],
    &[".lora_down.weight", ".lora_mid.weight", ".lora_up.weight", ".alpha"],
    &[".hada_w1_a", ".hada_w1_b", ".hada_w2_a", ".hada_w2_b", ".alpha"],
    &[".lokr_w1", ".lokr_w2_a", ".lokr_w2_b", ".alpha"],
    &[".oft_blocks", ".alpha"],
    &[".a1.weight", ".a2.weight", ".b1.weight", ".b2.weight"],
    &[".diff", ".diff_b"],
    &[".oft_R.weight"],
];

/// Bytes that run out into zeros.
pub struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    pub fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::from(self.next()) % list.len()]
    }

    pub fn float(&mut self) -> f32 {
        match self.next() {
            0 => 0.0,
            250 => f32::NAN,
            251 => f32::INFINITY,
            252 => 3e38,
            253 => -1e-38,
            254 => 7e4,
            v => f32::from(v) / 64.0 - 2.0,
        }
    }
}

/// A width that recurs, so that shapes often agree.
fn width(bytes: &mut Bytes<'_>) -> usize {
    [1, 2, 2, 4, 4, 6, 8, 12, 24, 3, 0, 5, 40, 70][usize::from(bytes.next()) % 14]
}

/// The shape that goes with an ending in a module of m × n and rank r.
fn shape(end: &str, (m, n, r): (usize, usize, usize), conv: bool) -> Vec<usize> {
    let kernel = |mut shape: Vec<usize>| {
        shape.extend_from_slice(if conv { &[3, 3] } else { &[] });
        shape
    };
    match end {
        ".lora_down.weight" | ".lora_A.weight" | ".lora_A.default.weight" | ".b2.weight" | ".hada_w1_b" | ".hada_w2_b" | ".down.weight" => {
            kernel(vec![r, n])
        }
        ".a2.weight" => vec![r, n],
        ".lora_mid.weight" | ".hada_t1" | ".hada_t2" | ".lokr_t2" | ".bm.weight" => vec![r, r, 3, 3],
        ".lora_B.bias" | ".diff_b" | ".b_norm" | ".w_norm" | ".magnitude" | ".rescale" | ".boft_s" | ".bias" | ".lora_magnitude_vector" => {
            vec![m]
        }
        ".dora_scale" => vec![m, 1],
        ".lokr_w1" => vec![2, 2],
        ".lokr_w1_a" => vec![2, r],
        ".lokr_w1_b" => vec![r, 2],
        ".lokr_w2" => kernel(vec![m / 2, n / 2]),
        ".lokr_w2_a" => vec![m / 2, r],
        ".lokr_w2_b" => vec![r, n / 2],
        ".a1.weight" => vec![n, r],
        ".oft_blocks" | ".oft_diag" => vec![m / 2, 2, 2],
        ".boft_R" => vec![1, n / 2, 2, 2],
        ".oft_R.weight" => vec![n / 2, 1],
        ".ia3_l" => vec![m, 1],
        ".diff" | ".set_weight" | ".weight" => kernel(vec![m, n]),
        ".reshape_weight" => vec![2],
        ".alpha" | ".scale" | ".on_input" => vec![],
        _ => vec![m, r],
    }
}

/// Above sixteen, factors may be multiplied by tiles.
const RANKS: [usize; 6] = [1, 2, 3, 2, 20, 48];

/// A whole file of a few modules.
pub fn file(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<f32>)> = BTreeMap::new();
    for _ in 0..1 + bytes.next() % 5 {
        let stem = bytes.pick(&STEMS);
        let size = (width(bytes), width(bytes), bytes.pick(&RANKS));
        let how = bytes.next();
        let (conv, odd) = (how & 1 == 1, how & 6 == 6);
        let one = [bytes.pick(&ENDS)];
        let ends: &[&str] = if how & 8 == 8 { &one } else { bytes.pick(&SETS) };
        let dtype = if how & 16 == 16 { bytes.pick(&TYPES) } else { Dtype::F32 };
        for end in ends {
            let mut shape = shape(end, size, conv);
            if odd {
                let at = usize::from(bytes.next());
                let other = width(bytes);
                if let Some(at) = at.checked_rem(shape.len()) {
                    shape[at] = other;
                }
            }
            let count = shape.iter().product::<usize>().min(4096);
            if shape.iter().product::<usize>() > count {
                continue;
            }
            let values = (0..count).map(|_| bytes.float()).collect();
            tensors.insert(format!("{stem}{end}"), (dtype, shape, values));
        }
    }
    write(&tensors, metadata(bytes))
}

const WEIGHTS: [&str; 16] = [
    "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight",
    "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_v.weight",
    "model.diffusion_model.output_blocks.2.2.conv.weight",
    "cond_stage_model.transformer.text_model.encoder.layers.3.self_attn.q_proj.weight",
    "conditioner.embedders.1.model.transformer.resblocks.3.attn.in_proj_weight",
    "double_blocks.0.img_attn.qkv.weight",
    "double_blocks.0.img_attn.qkv.weight_scale",
    "double_blocks.0.img_attn.qkv.bias",
    "single_blocks.37.linear1.weight",
    "single_blocks.37.linear1.scale_weight",
    "final_layer.adaLN_modulation.1.weight",
    "blocks.0.self_attn.q.weight",
    "transformer_blocks.0.attn.to_q.weight",
    "layers.3.attention.qkv.weight",
    "img_in.weight",
    "scaled_fp8",
];

/// A checkpoint with places for the modules of [`file`].
pub fn checkpoint(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut tensors = BTreeMap::new();
    for _ in 0..1 + bytes.next() % 6 {
        let (name, dtype) = (bytes.pick(&WEIGHTS), bytes.pick(&TYPES));
        let mut shape: Vec<usize> = (0..[2, 2, 4, 1, 0, 3][usize::from(bytes.next()) % 6]).map(|_| width(bytes)).collect();
        shape.truncate(4);
        let count = shape.iter().product::<usize>();
        if count <= 8192 {
            tensors.insert(name.to_owned(), (dtype, shape, (0..count).map(|_| bytes.float()).collect()));
        }
    }
    write(&tensors, metadata(bytes))
}

fn metadata(bytes: &mut Bytes<'_>) -> BTreeMap<String, String> {
    const ENTRIES: [(&str, &str); 8] = [
        ("modelspec.architecture", "flux-1-dev/lora"),
        ("modelspec.architecture", "stable-diffusion-v1/lora"),
        ("ss_base_model_version", "sdxl_base_v1-0"),
        ("lora_adapter_metadata", r#"{"transformer.r":2,"transformer.lora_alpha":4,"transformer.use_rslora":true}"#),
        ("lora_adapter_metadata", r#"{"r":0,"lora_alpha":-1e308,"rank_pattern":{".*":0}}"#),
        ("weft.history", "[{\"operation\":"),
        ("ss_network_dim", "0"),
        ("modelspec.architecture", "wan2.1-t2v-14b"),
    ];
    (0..bytes.next() % 3).map(|_| bytes.pick(&ENTRIES)).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn write(tensors: &BTreeMap<String, (Dtype, Vec<usize>, Vec<f32>)>, metadata: BTreeMap<String, String>) -> Vec<u8> {
    let planned: Vec<Planned> =
        tensors.iter().map(|(name, (dtype, shape, _))| Planned { name: name.clone(), dtype: *dtype, shape: shape.clone() }).collect();
    let mut writer = TensorWriter::new(Cursor::new(Vec::new()), header_bound(&planned, &metadata)).expect("a vector takes all");
    for (name, (dtype, shape, values)) in tensors {
        let mut out = Vec::new();
        for value in values {
            let raw = value.to_le_bytes();
            out.extend((0..dtype.size()).map(|i| raw[3 - (dtype.size() - 1 - i).min(3)]));
        }
        writer.tensor(name, *dtype, shape, &out).expect("a vector takes all");
    }
    writer.finish(&metadata).expect("a vector takes all").into_inner()
}

pub fn adapter(file: &[u8]) -> Option<Adapter> {
    Adapter::from_header(Header::read(&MemorySource(file)).ok()?, None, None).ok()
}

/// A base that has whatever it is asked for; sizes that an adapter leaves open are those given.
pub struct Any(pub usize, pub usize);

impl Base for Any {
    fn weight(&self, _: &Target, m: usize, n: usize) -> Result<Option<Dense>, ReadError> {
        let (m, n) = (if m == 0 { self.0 } else { m }, if n == 0 { self.1 } else { n });
        let Some(len) = m.checked_mul(n).filter(|len| *len <= 1 << 16) else { return Ok(None) };
        Ok(Some(Dense { m, n, values: (0..len).map(|i| (i % 7) as f32 * 0.25 - 0.5).collect() }))
    }
}
