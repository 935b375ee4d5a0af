//! The beginning of a module's name: which network it belongs to, and its path in there.

use crate::adapter::Component;

/// Where a module's name points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    pub component: Component,
    /// Path inside the network with dots as underscores, prefixes removed. Not yet canonical.
    pub path: String,
}

const TEXT: &[(&str, u8)] = &[
    ("lora_te1_", 1),
    ("lora_te2_", 2),
    ("lora_te3_", 3),
    ("lora_te_", 1),
    ("lora_prior_te_", 1),
    ("lycoris_te1_", 1),
    ("lycoris_te2_", 2),
    ("lycoris_te_", 1),
    ("text_encoder.", 1),
    ("text_encoder_1.", 1),
    ("text_encoder_2.", 2),
    ("text_encoder_3.", 3),
    ("text_encoders.clip_l.", 1),
    ("text_encoders.clip_h.", 1),
    ("text_encoders.clip_g.", 2),
    ("text_encoders.t5xxl.", 3),
    ("text_encoders.", 4),
    ("text_model.", 1),
];

const WRAPPERS: &[&str] = &[
    "base_model.model.",
    "model.diffusion_model.",
    "diffusion_model.",
    "transformer.",
    "unet.",
    "_orig_mod.",
    "module.",
    "lora_unet__",
    "lora_unet_",
    "lora_transformer_",
    "lora_prior_unet_",
    "oft_unet_",
    "lycoris_",
    "conditional_transformer.",
    "prior.",
    "net.",
    // DiffSynth-Studio's pipelines.
    "pipe.dit.",
    "pipe.denoising_model.",
];

/// Takes the prefixes off `stem`.
#[must_use]
pub fn locate(stem: &str) -> Located {
    let mut rest = stem;
    loop {
        if let Some((prefix, number)) = TEXT.iter().find(|(p, _)| rest.starts_with(p)) {
            // `text_model.` is part of the path itself.
            let path = if *prefix == "text_model." { rest } else { &rest[prefix.len()..] };
            return text_encoder(path, *number);
        }
        match WRAPPERS.iter().find_map(|w| rest.strip_prefix(w)) {
            Some(inner) if !inner.is_empty() => rest = inner,
            _ => break,
        }
    }
    Located { component: Component::Denoiser, path: flat(rest) }
}

fn text_encoder(rest: &str, number: u8) -> Located {
    let mut rest = rest;
    while let Some(inner) = ["base_model.model.", "transformer.", "model.text_model.encoder."].iter().find_map(|w| rest.strip_prefix(w)) {
        rest = inner;
    }
    let mut path = flat(rest);
    let t5 = path.starts_with("encoder_block_") || path.contains("SelfAttention") || path.contains("DenseReluDense");
    if path.starts_with("encoder_layers_") || path.starts_with("layers_") && number < 3 {
        path = if path.starts_with("layers_") { format!("text_model_encoder_{path}") } else { format!("text_model_{path}") };
    }
    Located { component: Component::TextEncoder(if t5 { 3 } else { number }), path }
}

/// Dots to underscores; the words that only say "an attention processor stands here" are dropped.
fn flat(path: &str) -> String {
    let mut flat = path.replace('.', "_");
    if let Some(at) = flat.find("_processor_to_") {
        flat.replace_range(at..at + "_processor".len(), "");
    }
    if flat.ends_with("_to_out") && (flat.contains("attn") || flat.contains("attention")) {
        flat.push_str("_0");
    }
    flat
}
