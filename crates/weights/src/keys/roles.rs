//! The end of a key: which tensor of its module it is, and in which naming the file is written.

use crate::adapter::Naming;

/// Which tensor of a module a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Down,
    Up,
    Mid,
    Alpha,
    /// The factor before the product itself, which replaces alpha / rank (stable-diffusion.cpp, AUTOMATIC1111). Beside no factors and with as
    /// many values as a norm has: that norm's new weight (control LoRAs in the native names).
    Scale,
    /// Magnitude of DoRA per output, as PEFT and ai-toolkit store it.
    Magnitude,
    /// `dora_scale`: magnitude of DoRA; its shape tells the axis, `[out, 1, …]` or `[1, in, …]`.
    DoraScale,
    /// Shape to which the weight is padded with zeros before the pair is added (ComfyUI's extracted control LoRAs).
    Reshape,
    /// Bias trained beside a pair.
    Bias,
    HadaW1A,
    HadaW1B,
    HadaW2A,
    HadaW2B,
    HadaT1,
    HadaT2,
    LokrW1,
    LokrW1A,
    LokrW1B,
    LokrW2,
    LokrW2A,
    LokrW2B,
    LokrT2,
    GloraA1,
    GloraA2,
    GloraB1,
    GloraB2,
    /// Tucker core of GLoRA's second pair.
    GloraBMid,
    /// `oft_blocks`: generators of rotations of the outputs; 3-D is OFT, 4-D BOFT.
    Oft,
    /// `oft_diag`: the rotations themselves (LyCORIS 2).
    OftDiag,
    /// `oft_R`: generators of PEFT, upper triangles, rotations of the inputs.
    OftR,
    /// `boft_R` and `boft_s`: BOFT of PEFT, rotations of the inputs and a factor per output.
    BoftR,
    BoftS,
    Rescale,
    /// (IA)3 of LyCORIS: `weight`, only beside `on_input`. What is added to 1.
    Ia3,
    OnInput,
    /// (IA)3 of PEFT: the factor itself.
    Ia3L,
    Diff,
    DiffBias,
    WNorm,
    BNorm,
    /// Replaces a weight instead of adding to it.
    Set,
    /// A whole weight or bias under its own name: PEFT's `modules_to_save` and trained biases, norms of diffusers' control LoRAs. Such keys stand
    /// in checkpoints too, so they make no adapter by themselves.
    Whole,
    WholeBias,
    /// Values between the factors: `lora_E` of AdaLoRA, `lora_diag` of KaSA.
    Singular,
}

/// A key taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParsedKey<'a> {
    /// The module's name: the key without its end.
    pub stem: &'a str,
    pub role: Role,
    pub naming: Naming,
}

/// Ends of keys, sorted by use. No entry is the end of an earlier one with another meaning.
const ENDS: &[(&str, Role)] = &[
    (".lora_down.weight", Role::Down),
    (".lora_up.weight", Role::Up),
    (".alpha", Role::Alpha),
    (".lora_A.weight", Role::Down),
    (".lora_B.weight", Role::Up),
    (".lora_mid.weight", Role::Mid),
    ("_lora.down.weight", Role::Down),
    ("_lora.up.weight", Role::Up),
    (".lora.down.weight", Role::Down),
    (".lora.up.weight", Role::Up),
    (".lora_linear_layer.down.weight", Role::Down),
    (".lora_linear_layer.up.weight", Role::Up),
    (".lora_A", Role::Down),
    (".lora_B", Role::Up),
    (".lora_down", Role::Down),
    (".lora_up", Role::Up),
    (".dora_scale", Role::DoraScale),
    (".lora_magnitude_vector", Role::Magnitude),
    (".lora_magnitude_vector.weight", Role::Magnitude),
    (".magnitude", Role::Magnitude),
    (".lora_B.bias", Role::Bias),
    (".lora_up.bias", Role::Bias),
    (".hada_w1_a", Role::HadaW1A),
    (".hada_w1_b", Role::HadaW1B),
    (".hada_w2_a", Role::HadaW2A),
    (".hada_w2_b", Role::HadaW2B),
    (".hada_t1", Role::HadaT1),
    (".hada_t2", Role::HadaT2),
    (".lokr_w1", Role::LokrW1),
    (".lokr_w1_a", Role::LokrW1A),
    (".lokr_w1_b", Role::LokrW1B),
    (".lokr_w2", Role::LokrW2),
    (".lokr_w2_a", Role::LokrW2A),
    (".lokr_w2_b", Role::LokrW2B),
    (".lokr_t2", Role::LokrT2),
    (".a1.weight", Role::GloraA1),
    (".a2.weight", Role::GloraA2),
    (".b1.weight", Role::GloraB1),
    (".b2.weight", Role::GloraB2),
    (".bm.weight", Role::GloraBMid),
    (".oft_blocks", Role::Oft),
    (".oft_diag", Role::OftDiag),
    (".oft_R.weight", Role::OftR),
    (".oft_R", Role::OftR),
    (".boft_R", Role::BoftR),
    (".boft_s", Role::BoftS),
    (".ia3_l", Role::Ia3L),
    (".rescale", Role::Rescale),
    (".on_input", Role::OnInput),
    (".diff", Role::Diff),
    (".diff_b", Role::DiffBias),
    (".w_norm", Role::WNorm),
    (".b_norm", Role::BNorm),
    (".set_weight", Role::Set),
    (".lora_E", Role::Singular),
    (".lora_diag", Role::Singular),
    (".reshape_weight", Role::Reshape),
    (".scale", Role::Scale),
];

/// PEFT may put the adapter's name between the factor and `weight`.
const NAMED: &[(&str, Role)] = &[
    (".lora_A.", Role::Down),
    (".lora_B.", Role::Up),
    (".lora_magnitude_vector.", Role::Magnitude),
    (".oft_R.", Role::OftR),
    (".boft_R.", Role::BoftR),
    (".boft_s.", Role::BoftS),
    (".ia3_l.", Role::Ia3L),
    (".hada_w1_a.", Role::HadaW1A),
    (".hada_w1_b.", Role::HadaW1B),
    (".hada_w2_a.", Role::HadaW2A),
    (".hada_w2_b.", Role::HadaW2B),
    (".hada_t1.", Role::HadaT1),
    (".hada_t2.", Role::HadaT2),
    (".lokr_w1.", Role::LokrW1),
    (".lokr_w1_a.", Role::LokrW1A),
    (".lokr_w1_b.", Role::LokrW1B),
    (".lokr_w2.", Role::LokrW2),
    (".lokr_w2_a.", Role::LokrW2A),
    (".lokr_w2_b.", Role::LokrW2B),
    (".lokr_t2.", Role::LokrT2),
];

/// Takes a key apart; None when it ends in nothing that is known.
#[must_use]
pub fn parse(key: &str) -> Option<ParsedKey<'_>> {
    if let Some(parsed) = xlabs(key) {
        return Some(parsed);
    }
    let (stem, role) = match ENDS.iter().find_map(|(end, role)| key.strip_suffix(end).map(|stem| (stem, *role, *end))) {
        Some((stem, Role::Alpha, _)) => (stem.strip_suffix("_lora").or(stem.strip_suffix(".lora")).unwrap_or(stem), Role::Alpha),
        Some((stem, role, _)) => (stem, role),
        None => named(key).or_else(|| whole(key))?,
    };
    if stem.is_empty() {
        return None;
    }
    Some(ParsedKey { stem, role, naming: naming(key, stem) })
}

fn named(key: &str) -> Option<(&str, Role)> {
    let (end, role) = if let Some(rest) = key.strip_suffix(".bias") {
        (rest, Some(Role::Bias))
    } else {
        (key.strip_suffix(".weight").unwrap_or(key), None)
    };
    NAMED.iter().find_map(|(mark, found)| {
        let at = end.rfind(mark)?;
        let adapter = &end[at + mark.len()..];
        let fits = !adapter.is_empty() && !adapter.contains('.') && (role.is_none() || *found == Role::Up);
        fits.then(|| (&end[..at], role.unwrap_or(*found)))
    })
}

/// A whole weight or bias that a trainer saved beside the adapter: all that PEFT saves, and the norms that diffusers' control LoRAs replace.
fn whole(key: &str) -> Option<(&str, Role)> {
    const NORMS: [&str; 4] = [".norm_q", ".norm_k", ".norm_added_q", ".norm_added_k"];
    let (stem, role) = match (key.strip_suffix(".weight"), key.strip_suffix(".bias")) {
        (Some(stem), _) => (stem, Role::Whole),
        (None, Some(stem)) => (stem, Role::WholeBias),
        (None, None) => return None,
    };
    let saved = stem.starts_with("base_model.model.") || (stem.starts_with("transformer.") && NORMS.iter().any(|n| stem.ends_with(n)));
    // The frozen weight under a pair, in dumps of a whole model, was not trained; its bias may have been.
    if !saved || (role == Role::Whole && stem.ends_with(".base_layer")) {
        return None;
    }
    Some(([".modules_to_save", ".base_layer"].iter().find_map(|w| stem.strip_suffix(w)).unwrap_or(stem), role))
}

/// `double_blocks.0.processor.qkv_lora1.down.weight`.
fn xlabs(key: &str) -> Option<ParsedKey<'_>> {
    let at = key.find(".processor.")?;
    let tail = &key[at + ".processor.".len()..];
    let (name, role) = match tail.split_once('.')? {
        (name, "down.weight") => (name, Role::Down),
        (name, "up.weight") => (name, Role::Up),
        (name, "alpha") => (name, Role::Alpha),
        _ => return None,
    };
    let known = matches!(name, "qkv_lora" | "qkv_lora1" | "qkv_lora2" | "proj_lora" | "proj_lora1" | "proj_lora2");
    known.then(|| ParsedKey { stem: &key[..at + ".processor.".len() + name.len()], role, naming: Naming::Xlabs })
}

/// The naming of a key, by its beginning and its end.
fn naming(key: &str, stem: &str) -> Naming {
    const FLAT: [&str; 8] = ["lora_unet_", "lora_te", "lora_transformer_", "lora_prior_", "lycoris_", "lora_llm_", "oft_unet_", "oft_te"];
    const COMFY: [&str; 3] = ["diffusion_model.", "text_encoders.", "model.diffusion_model."];
    const PEFT: [&str; 5] = ["transformer.", "unet.", "text_encoder", "base_model.model.", "prior."];
    const NATIVE: [&str; 9] = [
        "double_blocks.",
        "single_blocks.",
        "joint_blocks.",
        "input_blocks.",
        "output_blocks.",
        "middle_block.",
        "img_in",
        "txt_in",
        "final_layer.",
    ];
    let begins = |list: &[&str]| list.iter().any(|p| stem.starts_with(p));
    let tail = &key[stem.len()..];
    if begins(&FLAT) {
        Naming::Kohya
    } else if tail.starts_with("_lora.")
        || tail.starts_with(".lora.")
        || tail.starts_with(".lora_linear_layer.")
        || stem.contains(".processor.")
    {
        Naming::DiffusersLegacy
    } else if begins(&COMFY) {
        Naming::ComfyUi
    } else if begins(&PEFT) {
        Naming::Peft
    } else if begins(&NATIVE) || (stem.starts_with("blocks.") && wan_native(stem)) {
        Naming::ComfyUi
    } else {
        Naming::Peft
    }
}

/// Wan's own names inside a block; diffusers calls the attentions `attn1` and `attn2`, and the layers of `ffn` begin with `net`.
fn wan_native(stem: &str) -> bool {
    stem.contains("self_attn") || stem.contains("cross_attn") || (stem.contains(".ffn.") && !stem.contains(".ffn.net."))
}
