//! The beginning and the end of a checkpoint's tensor names: which network, which module, which of its tensors.

use super::{File, Tensor};
use crate::adapter::Component;
use crate::keys::{Located, locate};

/// What a tensor is to its module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// The weight, or a parameter without a module of its own.
    Weight,
    Bias,
    /// What the stored values of the weight are multiplied by (scaled 8-bit checkpoints).
    Scale,
    /// The image encoder and decoder, which adapters do not change.
    Vae,
    /// Averages over the training.
    Ema,
    /// The second denoiser of a folder (the low-noise expert of Wan 2.2).
    Second,
    /// Anything else that belongs to no weight (marks, input scales, tables of packed formats).
    Aside,
}

/// A name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name<'a> {
    pub(super) role: Role,
    /// The name in its file without the role at its end.
    pub(super) stem: &'a str,
    /// Network and flattened path; None for what adapters do not reach.
    pub(super) located: Option<Located>,
    /// The text encoder has OpenCLIP's names (`transformer.resblocks`).
    pub(super) openclip: bool,
}

/// Beginnings of the parts of single files that are not the denoiser: (beginning, encoder's number, what stands for it in adapters).
const ENCODERS: &[(&str, u8)] = &[
    ("cond_stage_model.transformer.", 1),
    ("cond_stage_model.model.", 1),
    ("cond_stage_model.", 1),
    ("conditioner.embedders.0.transformer.", 1),
    // The refiner has the second encoder only.
    ("conditioner.embedders.0.model.", 2),
    ("conditioner.embedders.1.model.", 2),
    ("conditioner.embedders.1.transformer.", 2),
];

const VAE: &[&str] = &["first_stage_model.", "vae.", "vqmodel.", "movq.", "audio_vae.", "vocoder."];

/// Takes all names apart.
pub(super) fn read<'a>(files: &'a [File], tensors: &[Tensor]) -> Vec<Name<'a>> {
    let one = |t: &Tensor| name(&files[t.file].prefix, &files[t.file].header.tensors[t.index].name);
    tensors.iter().map(one).collect()
}

fn name<'a>(prefix: &str, name: &'a str) -> Name<'a> {
    let (stem, end) = end(name);
    let aside = |role| Name { role, stem, located: None, openclip: false };
    if VAE.iter().any(|p| name.starts_with(p)) || matches!(prefix, "vae." | "vqmodel." | "movq.") {
        return aside(Role::Vae);
    }
    if name.starts_with("model_ema.") || name.starts_with("ema.") {
        return aside(Role::Ema);
    }
    if prefix == "transformer_2." {
        return aside(Role::Second);
    }
    if matches!(end, Role::Scale | Role::Aside) {
        return aside(end);
    }
    let (located, openclip) = place(prefix, stem);
    Name { role: end, stem, located: Some(located), openclip }
}

/// The role at the end of a name.
fn end(name: &str) -> (&str, Role) {
    const ENDS: &[(&str, Role)] = &[
        (".weight", Role::Weight),
        (".bias", Role::Bias),
        (".scale_weight", Role::Scale),
        (".weight_scale", Role::Scale),
        (".scale_input", Role::Aside),
        (".input_scale", Role::Aside),
        (".weight_scale_2", Role::Aside),
        (".scaled_fp8", Role::Aside),
        (".comfy_quant", Role::Aside),
        (".absmax", Role::Aside),
        (".nested_absmax", Role::Aside),
        (".quant_map", Role::Aside),
        (".nested_quant_map", Role::Aside),
        (".SCB", Role::Aside),
        (".qweight", Role::Aside),
        (".qzeros", Role::Aside),
        (".scales", Role::Aside),
        (".wscales", Role::Aside),
        (".smooth_factor", Role::Aside),
        (".scale", Role::Weight),
    ];
    if name == "scaled_fp8" || name.contains(".quant_state.") {
        return (name, Role::Aside);
    }
    ENDS.iter().find_map(|(e, role)| name.strip_suffix(e).map(|stem| (stem, *role))).unwrap_or((name, Role::Weight))
}

fn place(prefix: &str, stem: &str) -> (Located, bool) {
    let encoder = ENCODERS.iter().find_map(|(p, n)| stem.strip_prefix(p).map(|rest| (*n, rest)));
    let folder = if prefix.starts_with("text_encoder") { Some(locate(&format!("{prefix}{stem}"))) } else { None };
    let located = match (encoder, folder) {
        (Some((n, rest)), _) => locate(&format!("text_encoder{}.{rest}", if n == 1 { String::new() } else { format!("_{n}") })),
        (_, Some(located)) => located,
        _ => locate(&format!("{prefix}{}", inner(stem))),
    };
    // `locate` takes `transformer.` off, so OpenCLIP's blocks begin with `resblocks_`.
    let path = located.path.as_str();
    let openclip =
        located.component != Component::Denoiser && (path.starts_with("resblocks_") || path.starts_with("transformer_resblocks_"));
    let open_root = matches!(path, "positional_embedding" | "text_projection" | "token_embedding" | "ln_final")
        && located.component != Component::Denoiser
        && stem.contains(".model.");
    (located, openclip || open_root)
}

/// Wrappers around the denoiser that only checkpoints have.
fn inner(stem: &str) -> &str {
    if let Some(rest) = stem.strip_prefix("net.") {
        return rest;
    }
    match stem.strip_prefix("model.") {
        // A language model's own names begin like this.
        Some(rest) if !["diffusion_model.", "layers.", "embed_tokens", "norm"].iter().any(|p| rest.starts_with(p)) => rest,
        _ => stem,
    }
}

/// OpenCLIP's flattened path in the names of Hugging Face's CLIP. `in_proj_weight` has three leaves of equal rows.
pub(super) fn from_openclip(path: &str) -> Vec<OpenClip> {
    let whole = |path: String| vec![OpenClip { path, third: None, transposed: false }];
    let root = match path {
        "token_embedding" => Some("text_model_embeddings_token_embedding"),
        "positional_embedding" => Some("text_model_embeddings_position_embedding"),
        "ln_final" => Some("text_model_final_layer_norm"),
        _ => None,
    };
    if let Some(root) = root {
        return whole(root.to_owned());
    }
    if path == "text_projection" {
        return vec![OpenClip { path: "text_projection".to_owned(), third: None, transposed: true }];
    }
    let rest = path.strip_prefix("transformer_").unwrap_or(path);
    let Some((layer, leaf)) = crate::keys::indexed(rest, "resblocks_") else { return whole(path.to_owned()) };
    let at = |name: &str| format!("text_model_encoder_layers_{layer}_{name}");
    let name = match leaf {
        "ln_1" => "layer_norm1",
        "ln_2" => "layer_norm2",
        "mlp_c_fc" => "mlp_fc1",
        "mlp_c_proj" => "mlp_fc2",
        "attn_out_proj" => "self_attn_out_proj",
        "attn_in_proj_weight" | "attn_in_proj_bias" => {
            let bias = if leaf.ends_with("_bias") { "_bias" } else { "" };
            let leaf =
                |(third, letter)| OpenClip { path: at(&format!("self_attn_{letter}_proj{bias}")), third: Some(third), transposed: false };
            return ["q", "k", "v"].into_iter().enumerate().map(leaf).collect();
        }
        other => other,
    };
    whole(at(name))
}

/// One leaf of an OpenCLIP tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenClip {
    pub(super) path: String,
    /// Which third of the tensor's rows; None: all.
    pub(super) third: Option<usize>,
    /// Stored as columns × rows.
    pub(super) transposed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(prefix: &str, key: &str) -> (Option<Component>, String, Role) {
        let name = name(prefix, key);
        let located = name.located;
        (located.as_ref().map(|l| l.component), located.map(|l| l.path).unwrap_or_default(), name.role)
    }

    #[test]
    fn prefixes_of_single_files_lead_to_their_networks() {
        let (te1, te2) = (Some(Component::TextEncoder(1)), Some(Component::TextEncoder(2)));
        let unet = Some(Component::Denoiser);
        for (key, component, inside) in [
            ("model.diffusion_model.input_blocks.1.1.proj_in.weight", unet, "input_blocks_1_1_proj_in"),
            ("net.blocks.0.self_attn.q_proj.weight", unet, "blocks_0_self_attn_q_proj"),
            ("model.double_layers.0.attn.w1q.weight", unet, "double_layers_0_attn_w1q"),
            ("double_blocks.0.img_attn.norm.key_norm.scale", unet, "double_blocks_0_img_attn_norm_key_norm"),
            ("cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight", te1, "text_model_encoder_layers_0_mlp_fc1"),
            ("conditioner.embedders.1.model.transformer.resblocks.3.ln_1.bias", te2, "resblocks_3_ln_1"),
            ("text_encoders.clip_g.transformer.text_model.encoder.layers.0.mlp.fc1.weight", te2, "text_model_encoder_layers_0_mlp_fc1"),
            (
                "text_encoders.t5xxl.transformer.encoder.block.0.layer.0.SelfAttention.q.weight",
                Some(Component::TextEncoder(3)),
                "encoder_block_0_layer_0_SelfAttention_q",
            ),
            ("first_stage_model.decoder.conv_in.weight", None, ""),
            ("model_ema.diffusion_modelinput_blocks00weight", None, ""),
        ] {
            let found = path("", key);
            assert_eq!((found.0, found.1.as_str()), (component, inside), "{key}");
        }
        assert_eq!(path("text_encoder_2.", "text_model.encoder.layers.0.mlp.fc1.weight").0, te2);
        assert_eq!(path("", "double_blocks.0.img_attn.qkv.scale_weight").2, Role::Scale);
    }

    #[test]
    fn openclip_has_one_tensor_for_three_projections() {
        let leaves = from_openclip("resblocks_7_attn_in_proj_bias");
        assert_eq!(leaves.len(), 3);
        assert_eq!(leaves[1].path, "text_model_encoder_layers_7_self_attn_k_proj_bias");
        assert_eq!(leaves[1].third, Some(1));
        assert!(from_openclip("text_projection")[0].transposed);
        assert_eq!(from_openclip("resblocks_7_mlp_c_fc")[0].path, "text_model_encoder_layers_7_mlp_fc1");
    }
}
