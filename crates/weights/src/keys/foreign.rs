//! Adapters of methods that are known by their keys, but whose ΔW is not computed here. What is left out of a file, or the whole file, is told by name.

/// A method whose keys are recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Foreign {
    /// Its name.
    pub name: &'static str,
    /// Why its change of the weights cannot be had.
    pub why: &'static str,
}

const DRAWN: &str = "its change is made with random matrices that its layers share or a seed draws again; merge it into the checkpoint with the program that trained it";
const UNSUPPORTED: &str = "this kind is not supported; merge it into the checkpoint with the program that trained it";
const TABLE: &str = "a change of an embedding table has no form in the files that other programs read";
const PROMPT: &str = "it changes prompts, not weights";
const START: &str = "its change counts from a start that is not in the file (singular vectors of the base model, and not which ones)";

/// What a key holds somewhere, and whose it is.
const MARKS: [(&str, &str, &str); 38] = [
    (".lora_embedding_", "LoRA of an embedding", TABLE),
    (".trainable_tokens_", "trainable tokens (PEFT)", TABLE),
    (".vera_lambda_", "VeRA", DRAWN),
    (".vera_A", "VeRA", DRAWN),
    (".vera_B", "VeRA", DRAWN),
    (".pvera_", "PVeRA", DRAWN),
    (".randlora_", "RandLoRA", DRAWN),
    (".fourierft_", "FourierFT", DRAWN),
    (".waveft_", "WaveFT", DRAWN),
    (".tinylora_", "TinyLoRA", DRAWN),
    (".unilora_", "UniLoRA", DRAWN),
    (".vblora_", "VB-LoRA", UNSUPPORTED),
    (".c3a_kernel", "C³A", UNSUPPORTED),
    (".hra_u", "HRA", UNSUPPORTED),
    (".miss_block", "MiSS", UNSUPPORTED),
    (".bone_block", "Bone", UNSUPPORTED),
    (".glora_", "GLoRA of PEFT", UNSUPPORTED),
    (".gralora_", "GraLoRA", UNSUPPORTED),
    (".hira_", "HiRA", UNSUPPORTED),
    (".delora_", "DeLoRA", UNSUPPORTED),
    (".deft_", "DEFT", UNSUPPORTED),
    (".shira_", "SHiRA", UNSUPPORTED),
    (".road_theta", "RoAd", UNSUPPORTED),
    (".road_alpha", "RoAd", UNSUPPORTED),
    (".poly_lora_", "Poly", UNSUPPORTED),
    (".poly_router", "Poly", UNSUPPORTED),
    (".lily_", "Lily", UNSUPPORTED),
    (".peanut_", "PEANuT", UNSUPPORTED),
    (".psoft_", "PSOFT", UNSUPPORTED),
    (".osf_svd_params", "OSF", UNSUPPORTED),
    (".frod_", "FRoD", UNSUPPORTED),
    (".supertuning_", "SuperTuning", UNSUPPORTED),
    (".beft_", "BEFT", UNSUPPORTED),
    (".ln_tuning_layers", "LayerNorm tuning (PEFT)", UNSUPPORTED),
    (".q_layer.weight", "T-LoRA", START),
    (".p_layer.weight", "T-LoRA", START),
    (".lambda_layer", "T-LoRA", START),
    ("prompt_embeddings", "prompt tuning", PROMPT),
];

/// The method that a key belongs to, where it is one of these. For keys that are of no kind that is read.
#[must_use]
pub fn foreign(key: &str) -> Option<Foreign> {
    MARKS.iter().find(|(mark, ..)| key.contains(mark)).map(|(_, name, why)| Foreign { name, why })
}
