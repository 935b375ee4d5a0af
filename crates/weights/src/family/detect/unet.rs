//! SD1, SD2 and SDXL: told apart by the width of the text that cross-attention reads.

use super::{Family, Keys, Verdict, indexed};

const RIVALS: [Family; 3] = [Family::Sd1, Family::Sd2, Family::Sdxl];

pub(super) fn detect(keys: &Keys<'_>, te2: bool) -> Option<Verdict> {
    const STEMS: [&str; 7] = ["input_blocks_", "middle_block_", "output_blocks_", "down_blocks_", "mid_block_", "up_blocks_", "time_embed"];
    if !STEMS.iter().any(|s| keys.begins(s)) {
        return None;
    }
    if keys.has("motion_modules") {
        return Some(Verdict::foreign("AnimateDiff motion modules", "There are motion modules inside the UNet."));
    }
    if keys.has("temporal_transformer_blocks") || keys.has("time_stack") {
        return Some(Verdict::foreign("Stable Video Diffusion", "There are temporal blocks inside the UNet."));
    }
    let text = keys.width(|p| p.ends_with("attn2_to_k") || p.ends_with("attn2_to_v"));
    let reads = |n: usize| format!("Cross-attention reads text of width {n}");
    Some(match text {
        Some(768) => Verdict::known(Family::Sd1, 0.98, format!("{}, as in SD 1.", reads(768))),
        Some(1024) => Verdict::known(Family::Sd2, 0.98, format!("{}, as in SD 2.", reads(1024))),
        Some(2048) => Verdict::known(Family::Sdxl, 0.98, format!("{}, as in SDXL.", reads(2048))),
        Some(1280) => Verdict::foreign("the SDXL refiner", format!("{}.", reads(1280))),
        Some(other) => by_structure(keys, te2, &format!("{}, which no known model does", reads(other)), 0.3),
        None => by_structure(keys, te2, "There is no cross-attention key", 0.6),
    })
}

/// Without the text width: depth and place of the attention tell SDXL from SD1 and SD2, which share their structure.
fn by_structure(keys: &Keys<'_>, te2: bool, why: &str, ceiling: f32) -> Verdict {
    let deep = keys.any(|p| deeper(p).is_some_and(|i| i >= 1));
    let at =
        |down: &str, level: usize| keys.any(|p| indexed(p, down).is_some_and(|(i, rest)| i == level && rest.starts_with("attentions_")));
    let sdxl = if deep {
        Some("attention blocks are more than one layer deep")
    } else if keys.begins("label_emb") || keys.begins("add_embedding") {
        Some("there is an embedding of size and crop")
    } else if te2 {
        Some("the file has a second text encoder")
    } else if at("up_blocks_", 0)
        || keys.any(|p| indexed(p, "output_blocks_").is_some_and(|(i, rest)| i < 3 && rest.starts_with("1_") && rest != "1_conv"))
    {
        Some("the first output level has attention")
    } else {
        None
    };
    if let Some(sdxl) = sdxl {
        return Verdict::known(Family::Sdxl, ceiling + 0.3, format!("{why}, but {sdxl}, as in SDXL.")).rivals(&RIVALS);
    }
    let early = |p: &str| indexed(p, "input_blocks_").is_some_and(|(i, rest)| (i >= 9) || ((i == 1 || i == 2) && rest.starts_with("1_")));
    let late = |p: &str| indexed(p, "output_blocks_").is_some_and(|(i, _)| i >= 9);
    if at("down_blocks_", 0) || keys.begins("down_blocks_3_") || keys.begins("up_blocks_3_") || keys.any(early) || keys.any(late) {
        let text = format!("{why}, but the levels are those of SD 1 and SD 2; SD 1 is assumed.");
        return Verdict { open: 1, ..Verdict::known(Family::Sd1, ceiling, text).rivals(&[Family::Sd1, Family::Sd2]) };
    }
    if ceiling < 0.5 {
        return Verdict::known(Family::Sd1, 0.2, format!("{why}; a UNet of the shape of SD 1 is assumed.")).rivals(&RIVALS);
    }
    let text = format!("The keys are those of an SD UNet. {why}, so SD 1, SD 2 and SDXL cannot be told apart.");
    Verdict { open: 3, ..Verdict::nothing(text).rivals(&RIVALS) }
}

/// Index of the layer inside an attention block.
fn deeper(path: &str) -> Option<usize> {
    let at = path.find("_transformer_blocks_")?;
    indexed(&path[at + 1..], "transformer_blocks_").map(|(i, _)| i)
}
