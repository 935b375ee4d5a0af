//! Names of text encoders.

use crate::family::Family;
use crate::keys::indexed;

const CLIP: [&str; 8] =
    ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "mlp.fc1", "mlp.fc2", "layer_norm1", "layer_norm2"];

const T5: [&str; 7] = [
    "layer.0.SelfAttention.q",
    "layer.0.SelfAttention.k",
    "layer.0.SelfAttention.v",
    "layer.0.SelfAttention.o",
    "layer.1.DenseReluDense.wi_0",
    "layer.1.DenseReluDense.wi_1",
    "layer.1.DenseReluDense.wo",
];

/// The dotted path of a flattened one, for CLIP and T5.
pub(super) fn dotted(path: &str) -> Option<String> {
    let leaf = |list: &[&'static str], rest: &str| list.iter().find(|l| l.replace('.', "_") == rest).copied();
    if let Some((i, rest)) = indexed(path, "text_model_encoder_layers_") {
        return leaf(&CLIP, rest).map(|l| format!("text_model.encoder.layers.{i}.{l}"));
    }
    let (i, rest) = indexed(path, "encoder_block_")?;
    leaf(&T5, rest).map(|l| format!("encoder.block.{i}.{l}"))
}

/// SD 1 and 2 and Lumina have one encoder without a number; T5 is always the third in kohya's files.
pub(super) fn kohya(family: Family, n: u8, path: &str) -> String {
    match family {
        Family::Cascade => format!("lora_prior_te_{path}"),
        Family::Sd1 | Family::Sd2 | Family::Lumina2 => format!("lora_te_{path}"),
        _ if path.starts_with("encoder_block") => format!("lora_te3_{path}"),
        _ => format!("lora_te{n}_{path}"),
    }
}
