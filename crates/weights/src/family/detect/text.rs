//! Files without a denoiser: the widths of the text encoders are all there is.

use super::{Evidence, Family, Verdict};
use crate::adapter::Component;

pub(super) fn detect(evidence: &[Evidence<'_>]) -> Verdict {
    let has = |n| evidence.iter().any(|e| e.component == Component::TextEncoder(n));
    let only = "The file changes text encoders only";
    let width = |ends: &[&str]| evidence.iter().find(|e| e.width > 0 && ends.iter().any(|end| e.path.ends_with(end))).map(|e| e.width);
    // Language models have a gated feed-forward layer and other names for the output; CLIP and T5 have neither.
    if evidence.iter().any(|e| ["gate_proj", "up_proj", "down_proj", "self_attn_o_proj"].iter().any(|end| e.path.ends_with(end))) {
        return match width(&["q_proj", "k_proj", "v_proj", "gate_proj", "up_proj"]) {
            Some(2304) => Verdict::known(Family::Lumina2, 0.5, format!("{only}: a language model 2304 wide, as Lumina 2 has it.")),
            _ => Verdict::nothing(format!("{only}: a language model, which several families share.")),
        }
        .rivals(&Family::ALL);
    }
    let numbered = evidence.iter().any(|e| e.stem.starts_with("lora_te1_"));
    let verdict = match (has(1), has(2), has(3), width(&["q_proj", "k_proj", "v_proj", "fc1"])) {
        (_, true, true, _) => Verdict::known(Family::Sd3, 0.5, format!("{only}: two CLIP encoders and T5, as SD 3 has them.")),
        (true, _, true, _) => Verdict::known(Family::Flux1, 0.5, format!("{only}: CLIP-L and T5, as Flux.1 has them.")),
        (_, _, true, _) => return Verdict::nothing(format!("{only}: T5, which many families share.")).rivals(&Family::ALL),
        (true, true, ..) => Verdict::known(Family::Sdxl, 0.7, format!("{only}: two CLIP encoders, as SDXL has them.")),
        (_, true, ..) => Verdict::known(Family::Sdxl, 0.6, format!("{only}: the second one, which SDXL has.")),
        (.., Some(1024)) => Verdict::known(Family::Sd2, 0.6, format!("{only}, 1024 wide, as in SD 2.")),
        (.., Some(1280)) if evidence.iter().any(|e| e.stem.starts_with("lora_prior_te_")) => {
            Verdict::known(Family::Cascade, 0.8, format!("{only}, of Stable Cascade's prior."))
        }
        (.., Some(1280)) => Verdict::known(Family::Sdxl, 0.5, format!("{only}, 1280 wide, as the second one of SDXL.")),
        (.., Some(768)) if numbered => Verdict::nothing(format!("{only}: CLIP-L, which SDXL, SD 3 and Flux.1 share.")),
        (.., Some(768)) => Verdict::known(Family::Sd1, 0.5, format!("{only}, 768 wide, as in SD 1 (SDXL and Flux.1 have the same one).")),
        _ => Verdict::nothing(format!("{only}, of no known width.")),
    };
    let close: &[Family] = match verdict.family {
        Some(Family::Sd3 | Family::Flux1) => &[Family::Sd3, Family::Flux1],
        Some(Family::Sd1) => &[Family::Sdxl, Family::Flux1, Family::Sd3],
        None if numbered => &[Family::Sdxl, Family::Flux1, Family::Sd3],
        _ => &[],
    };
    let verdict = verdict.rivals(if close.is_empty() { &Family::ALL } else { close });
    let open = if close.is_empty() { 0 } else { verdict.rivals.len() };
    Verdict { open, ..verdict }
}
