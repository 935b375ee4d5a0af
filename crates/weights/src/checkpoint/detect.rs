//! Which model a checkpoint is: from tensors that only one family has, then from widths and input channels.

use super::names::{Name, Role};
use super::{File, Tensor};
use crate::adapter::Component;
use crate::family::{Evidence, Family, Hints, detect as by_modules};
use crate::header::TensorInfo;
use std::collections::{BTreeSet, HashMap};

/// What the denoiser's input is for, as its input channels tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Makes pictures from noise.
    #[default]
    Base,
    /// Fills a masked part; sees picture and mask beside the noise.
    Inpaint,
    /// Changes a given picture after an instruction.
    Edit,
    /// Follows a control picture.
    Control,
    /// Makes a film from a picture.
    ImageToVideo,
}

/// A quantised format whose numbers are packed: shapes are not those of the weights, and values need tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Packing {
    BitsAndBytes,
    Nunchaku,
    Gptq,
    Nvfp4,
    /// Integer weights of no known scheme.
    Integer,
}

/// What a checkpoint is.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Model {
    /// [`Family::Unknown`] where Weft has no data for the family, or no test fits.
    pub family: Family,
    /// 0 to 1; 0 for an unknown family.
    pub confidence: f32,
    /// Name for people, also of families without data: `Flux.1 schnell`, `AuraFlow`, `unknown`.
    pub label: String,
    /// Finer than the family: `schnell`, `14B`, `3.5 Large`, …
    pub variant: Option<String>,
    pub purpose: Purpose,
    /// Channels of the denoiser's input layer, patches included.
    pub in_channels: Option<usize>,
    /// What the model predicts, where something says so (`v`); a header mostly does not tell.
    pub prediction: Option<String>,
    /// Packed weights among the tensors.
    pub packing: Option<Packing>,
    /// Numbers of the text encoders it brings.
    pub encoders: Vec<u8>,
    /// True with an image encoder and decoder.
    pub vae: bool,
    /// The reasons, as plain sentences.
    pub evidence: Vec<String>,
}

impl Packing {
    /// Name for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::BitsAndBytes => "bitsandbytes",
            Self::Nunchaku => "nunchaku (SVDQuant)",
            Self::Gptq => "GPTQ or AWQ",
            Self::Nvfp4 => "NVFP4",
            Self::Integer => "an integer format",
        }
    }
}

/// The denoiser's tensors by flattened path.
struct Denoiser<'a>(HashMap<&'a str, &'a TensorInfo>);

impl Denoiser<'_> {
    fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    fn begins(&self, prefix: &str) -> bool {
        self.0.keys().any(|p| p.starts_with(prefix))
    }

    /// Dimension `d` of the tensor at `path`.
    fn dim(&self, path: &str, d: usize) -> Option<usize> {
        self.0.get(path)?.shape.get(d).copied()
    }

    fn count(&self, stem: &str) -> usize {
        self.0.keys().filter_map(|p| crate::keys::indexed(p, stem).map(|(i, _)| i + 1)).max().unwrap_or(0)
    }
}

/// (tensors of which one must be there, id of the family, name for people). In order: the first that fits counts.
const SIGNS: &[(&[&str], &str, &str)] = &[
    (&["joint_blocks_0_context_block_attn_qkv"], "sd3", "SD 3"),
    (&["clf_1", "effnet_mapper_0"], "cascade", "Stable Cascade"),
    (&["double_layers_0_attn_w1q", "joint_transformer_blocks_0_attn_to_q"], "auraflow", "AuraFlow"),
    (&["mlp_t5_0"], "hunyuandit", "HunyuanDiT"),
    (
        &["txt_in_individual_token_refiner_blocks_0_norm1", "context_embedder_token_refiner_refiner_blocks_0_norm1"],
        "hunyuanvideo",
        "HunyuanVideo",
    ),
    (&["double_stream_modulation_img_lin", "double_stream_modulation_img_linear"], "flux2", "Flux.2"),
    (&["distilled_guidance_layer_in_proj", "distilled_guidance_layer_norms_0"], "chroma", "Chroma"),
    (&["double_blocks_0_img_attn_norm_key_norm", "single_transformer_blocks_0_proj_mlp"], "flux1", "Flux.1"),
    (&["t5_yproj"], "mochi", "Mochi"),
    (&["t_block_1"], "pixart", "PixArt"),
    (&["blocks_block0_blocks_0_block_attn_to_q_0"], "cosmos", "Cosmos"),
    (&["head_modulation", "condition_embedder_time_proj"], "wan", "Wan"),
    (&["llm_adapter_blocks_0_self_attn_q_proj"], "anima", "Anima"),
    (&["blocks_0_mlp_layer1"], "cosmospredict2", "Cosmos-Predict2"),
    (&["caption_projection_0_linear"], "hidream", "HiDream"),
    (&["txt_norm"], "qwenimage", "Qwen-Image"),
];

/// Tells what the tensors are.
pub(super) fn detect(files: &[File], tensors: &[Tensor], names: &[Name<'_>]) -> Model {
    let info = |t: usize| &files[tensors[t].file].header.tensors[tensors[t].index];
    let weights = names.iter().enumerate().filter(|(_, n)| n.role == Role::Weight);
    let denoiser = Denoiser(
        weights
            .clone()
            .filter_map(|(t, n)| n.located.as_ref().filter(|l| l.component == Component::Denoiser).map(|l| (l.path.as_str(), info(t))))
            .collect(),
    );
    let encoders: BTreeSet<u8> = names
        .iter()
        .filter_map(|n| match n.located.as_ref()?.component {
            Component::TextEncoder(n) => Some(n),
            Component::Denoiser => None,
        })
        .collect();
    let mut model = signs(&denoiser).or_else(|| widths(&denoiser)).unwrap_or_default();
    if model.label.is_empty() && !denoiser.0.is_empty() {
        model = modules(files, tensors, names);
    }
    if model.label.is_empty() {
        model.label = if denoiser.0.is_empty() && !encoders.is_empty() { "text encoder".into() } else { "unknown".into() };
    }
    model.encoders = encoders.into_iter().collect();
    model.vae = names.iter().any(|n| n.role == Role::Vae);
    model.prediction = prediction(files, &denoiser);
    model.packing = packing(files, tensors, names);
    model
}

/// What a tensor that only one family has, or a width that only it has, is worth.
const SURE: f32 = 0.98;

fn found(id: &str, label: &str, because: String) -> Model {
    let family = Family::by_id(id);
    let confidence = if family.is_some() { SURE } else { 0.0 };
    Model { family: family.unwrap_or_default(), confidence, label: label.to_owned(), evidence: vec![because], ..Model::default() }
}

fn signs(d: &Denoiser<'_>) -> Option<Model> {
    let (sign, id, label) = SIGNS.iter().find_map(|(signs, id, label)| Some((signs.iter().find(|s| d.has(s))?, *id, *label)))?;
    let mut model = found(id, label, format!("There is {sign}, which only {label} has."));
    match id {
        "sd3" => sd3(d, &mut model),
        "flux1" | "chroma" => flux(d, &mut model),
        "flux2" => {
            let rows = d.dim(sign, 0);
            model.variant = rows.and_then(|r| match r {
                36864 => Some("dev".to_owned()),
                24576 => Some("Klein 9B".to_owned()),
                18432 => Some("Klein 4B".to_owned()),
                _ => None,
            });
            model.in_channels = d.dim("img_in", 1).or(d.dim("x_embedder", 1));
        }
        "wan" => wan(d, &mut model),
        "hunyuanvideo" => hunyuan(d, &mut model),
        _ => {}
    }
    if let Some(variant) = &model.variant {
        model.label = format!("{} {variant}", model.label);
    }
    Some(model)
}

fn sd3(d: &Denoiser<'_>, model: &mut Model) {
    model.in_channels = d.dim("x_embedder_proj", 1);
    let depth = d.count("joint_blocks_");
    let medium = if d.has("joint_blocks_0_x_block_attn2_qkv") { "3.5 Medium" } else { "3 Medium" };
    model.variant = match depth {
        24 => Some(medium.to_owned()),
        38 => Some("3.5 Large".to_owned()),
        _ => None,
    };
    if let Some(variant) = &model.variant {
        (model.label, model.variant) = ("SD".to_owned(), Some(variant.clone()));
    }
    model.evidence.push(format!("It has {depth} joint blocks."));
}

fn flux(d: &Denoiser<'_>, model: &mut Model) {
    model.in_channels = d.dim("img_in", 1).or(d.dim("x_embedder", 1));
    model.purpose = match model.in_channels {
        Some(128) => Purpose::Control,
        Some(384) => Purpose::Inpaint,
        _ => Purpose::Base,
    };
    if model.label == "Chroma" {
        return;
    }
    let guided = d.begins("guidance_in_") || d.begins("time_text_embed_guidance_embedder_");
    model.variant = Some(if guided { "dev" } else { "schnell" }.to_owned());
    model.evidence.push(if guided {
        "It has an embedding of the guidance, as dev, Krea and Kontext have.".to_owned()
    } else {
        "It has no embedding of the guidance, as schnell.".to_owned()
    });
}

fn wan(d: &Denoiser<'_>, model: &mut Model) {
    let width = d.dim("head_modulation", 2).or(d.dim("condition_embedder_time_embedder_linear_1", 0));
    model.in_channels = d.dim("patch_embedding", 1);
    let size = match width {
        Some(1536) => Some("1.3B"),
        Some(3072) => Some("5B"),
        Some(5120) => Some("14B"),
        _ => None,
    };
    let vace = d.begins("vace_patch_embedding") || d.begins("vace_blocks_");
    model.variant = size.map(|s| if vace { format!("{s} VACE") } else { s.to_owned() });
    if d.begins("img_emb_") || d.begins("condition_embedder_image_embedder") || model.in_channels == Some(36) {
        model.purpose = Purpose::ImageToVideo;
        model.evidence.push("It reads a picture beside the noise (image to video).".to_owned());
    }
}

fn hunyuan(d: &Denoiser<'_>, model: &mut Model) {
    let image = d.0.get("img_in_proj").is_some_and(|t| t.shape.len() == 4);
    let (id, label) = if d.count("double_blocks_") > 40 {
        ("hunyuanvideo15", "HunyuanVideo 1.5")
    } else if image {
        ("hunyuanimage", "HunyuanImage 2.1")
    } else {
        ("hunyuanvideo", "HunyuanVideo")
    };
    (model.family, model.label) = (Family::by_id(id).unwrap_or_default(), label.to_owned());
    model.in_channels = d.dim("img_in_proj", 1);
}

/// Families whose names others share: told by widths.
fn widths(d: &Denoiser<'_>) -> Option<Model> {
    if d.has("adaln_single_emb_timestep_embedder_linear_1") {
        let pixart = d.has("pos_embed_proj");
        let (id, label) = if pixart { ("pixart", "PixArt") } else { ("ltx", "LTX-Video") };
        return Some(found(id, label, "There is adaln_single, as in PixArt and LTX; the picture's embedding tells which.".to_owned()));
    }
    if let Some(width) = d.dim("cap_embedder_1", 0) {
        let (id, label) = if width == 3840 { ("zimage", "Z-Image") } else { ("lumina2", "Lumina 2") };
        return Some(found(id, label, format!("The captions are embedded {width} wide, as in {label}.")));
    }
    if d.has("pos_embed_proj") && d.has("transformer_blocks_0_attn_add_k_proj") {
        let mut model = found("sd3", "SD 3", "There are joint attentions and a picture embedding as in SD 3 of diffusers.".to_owned());
        model.in_channels = d.dim("pos_embed_proj", 1);
        return Some(model);
    }
    unet(d)
}

fn unet(d: &Denoiser<'_>) -> Option<Model> {
    let first = ["input_blocks_0_0", "conv_in"].into_iter().find(|p| d.has(p))?;
    if !d.begins("input_blocks_") && !d.begins("down_blocks_") {
        return None;
    }
    let text = d.0.iter().find(|(p, _)| p.ends_with("attn2_to_k")).and_then(|(_, t)| t.shape.get(1).copied());
    let sized = d.begins("label_emb_") || d.begins("add_embedding_");
    let (id, label) = match text {
        Some(768) => ("sd1", "SD 1.5"),
        Some(1024) => ("sd2", "SD 2"),
        Some(2048) => ("sdxl", "SDXL"),
        Some(1280) => ("", "SDXL refiner"),
        _ if sized => ("sdxl", "SDXL"),
        _ => ("sd1", "SD 1.5"),
    };
    let because =
        text.map_or_else(|| "It is a UNet without cross-attention.".to_owned(), |t| format!("It is a UNet that reads text {t} wide."));
    let mut model = found(id, label, because);
    model.in_channels = d.dim(first, 1);
    model.purpose = match model.in_channels {
        Some(9) => Purpose::Inpaint,
        Some(8) => Purpose::Edit,
        _ => Purpose::Base,
    };
    Some(model)
}

/// The adapters' own detection, on the checkpoint's modules: for families with nothing that stands out.
fn modules(files: &[File], tensors: &[Tensor], names: &[Name<'_>]) -> Model {
    let evidence: Vec<Evidence<'_>> = names
        .iter()
        .enumerate()
        .filter(|(_, n)| n.role == Role::Weight)
        .filter_map(|(t, name)| {
            let located = name.located.as_ref()?;
            let shape = &files[tensors[t].file].header.tensors[tensors[t].index].shape;
            let [out_dim, width, ..] = shape.as_slice() else { return None };
            Some(Evidence { component: located.component, path: &located.path, stem: name.stem, out_dim: *out_dim, width: *width })
        })
        .collect();
    let hints = files.first().map(|f| Hints::gather(&f.header.metadata, Some(&f.label))).unwrap_or_default();
    let found = by_modules(&evidence, &hints);
    let label = match (found.family, found.looks_like) {
        (Family::Unknown, Some(label)) => label.to_owned(),
        (Family::Unknown, None) => String::new(),
        (family, _) => family.label().to_owned(),
    };
    Model {
        family: found.family,
        confidence: found.confidence,
        label,
        variant: found.variant,
        evidence: found.evidence,
        ..Model::default()
    }
}

/// Merged checkpoints carry a mark, some files a line of metadata; nothing else tells.
fn prediction(files: &[File], d: &Denoiser<'_>) -> Option<String> {
    let said = files.iter().find_map(|f| f.header.metadata.get("modelspec.prediction_type").or(f.header.metadata.get("prediction_type")));
    if let Some(said) = said {
        return Some(crate::text::clean(said, 40));
    }
    (d.has("v_pred") || d.has("edm_vpred_sigma_max")).then(|| "v".to_owned())
}

fn packing(files: &[File], tensors: &[Tensor], names: &[Name<'_>]) -> Option<Packing> {
    let name = |t: &Tensor| files[t.file].header.tensors[t.index].name.as_str();
    let ends = |list: &[&str]| {
        tensors.iter().any(|t| list.iter().any(|e| name(t).ends_with(e) || name(t).contains(".quant_state.") && *e == ".absmax"))
    };
    if ends(&[".wscales", ".smooth_factor", ".smooth_orig", ".smooth_factor_orig"]) {
        return Some(Packing::Nunchaku);
    }
    if ends(&[".absmax", ".quant_map", ".SCB"]) {
        return Some(Packing::BitsAndBytes);
    }
    if ends(&[".qweight", ".qzeros"]) {
        return Some(Packing::Gptq);
    }
    if ends(&[".weight_scale_2"]) {
        return Some(Packing::Nvfp4);
    }
    let packed = |(t, n): (&Tensor, &Name<'_>)| {
        let info = &files[t.file].header.tensors[t.index];
        n.role == Role::Weight
            && n.located.is_some()
            && info.shape.len() >= 2
            && !info.dtype.is_float()
            && !info.name.ends_with("position_ids")
    };
    tensors.iter().zip(names).any(packed).then_some(Packing::Integer)
}
