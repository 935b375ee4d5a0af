//! What metadata and file name say about the base model. Only a hint: metadata can be missing or wrong, shapes win.

use std::collections::BTreeMap;

use super::Family;

/// What a hint names: a family we know, or one we only recognise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    Known(Family),
    Foreign(&'static str),
}

impl Claim {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Known(family) => family.label(),
            Self::Foreign(label) => label,
        }
    }
}

/// Hints gathered from metadata and file name.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// The claim and where it stands.
    pub(super) claim: Option<(Claim, String)>,
    /// Names that may tell a variant, folded to lower case; words separated by one space.
    words: String,
    pony_tags: bool,
}

/// Values whose beginning, folded, names a family. Longer beginnings before shorter ones.
const CLAIMS: &[(&str, Claim)] = &[
    ("stablediffusionxl", Claim::Known(Family::Sdxl)),
    ("sdxl", Claim::Known(Family::Sdxl)),
    ("stablediffusion3", Claim::Known(Family::Sd3)),
    ("stablediffusionv3", Claim::Known(Family::Sd3)),
    ("sd3", Claim::Known(Family::Sd3)),
    ("5medium", Claim::Known(Family::Sd3)),
    ("5large", Claim::Known(Family::Sd3)),
    ("stablediffusionv1", Claim::Known(Family::Sd1)),
    ("sdv1", Claim::Known(Family::Sd1)),
    ("sd1", Claim::Known(Family::Sd1)),
    ("stablediffusionv2", Claim::Known(Family::Sd2)),
    ("sdv2", Claim::Known(Family::Sd2)),
    ("sd2", Claim::Known(Family::Sd2)),
    ("flux2", Claim::Foreign("Flux.2")),
    ("flux", Claim::Known(Family::Flux1)),
    ("wan", Claim::Known(Family::Wan)),
    ("chroma", Claim::Foreign("Chroma")),
    ("lumina", Claim::Foreign("Lumina 2")),
    ("hunyuanimage", Claim::Foreign("HunyuanImage")),
    ("hunyuan", Claim::Foreign("HunyuanVideo")),
    ("framepack", Claim::Foreign("HunyuanVideo")),
    ("qwenimage", Claim::Foreign("Qwen-Image")),
    ("zimage", Claim::Foreign("Z-Image")),
    ("anima", Claim::Foreign("Anima")),
    ("hidream", Claim::Foreign("HiDream")),
    ("ideogram", Claim::Foreign("Ideogram 4")),
    ("krea2", Claim::Foreign("Krea 2")),
    ("ltx", Claim::Foreign("LTX-Video")),
    ("lightricksltx", Claim::Foreign("LTX-Video")),
    ("omnigen", Claim::Foreign("OmniGen2")),
    ("kandinsky", Claim::Foreign("Kandinsky")),
    ("pixart", Claim::Foreign("PixArt")),
    ("auraflow", Claim::Foreign("AuraFlow")),
];

/// Longest text that is looked at for words, in bytes.
const LOOKED_AT: usize = 4096;

impl Hints {
    /// Gathers the hints of one file.
    #[must_use]
    pub fn gather(metadata: &BTreeMap<String, String>, file_name: Option<&str>) -> Self {
        let get = |key: &str| metadata.get(key).map(String::as_str).filter(|v| !v.is_empty() && *v != "None");
        let claim = ["modelspec.architecture", "ss_base_model_version"].into_iter().find_map(|key| {
            let value = get(key)?;
            let folded: String = value.chars().take(80).filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
            let (_, claim) = CLAIMS.iter().find(|(start, _)| folded.starts_with(start))?;
            Some((*claim, format!("{key} = {}", crate::text::shown(value))))
        });
        let claim = claim.or_else(|| {
            let v2 = get("ss_v2")?;
            let family = if v2 == "True" { Family::Sd2 } else { return None };
            Some((Claim::Known(family), "ss_v2 = \"True\"".to_owned()))
        });
        let keys = [
            "modelspec.architecture",
            "ss_base_model_version",
            "ss_sd_model_name",
            "ss_output_name",
            "modelspec.title",
            "modelspec.merged_from",
        ];
        let texts = keys.iter().filter_map(|k| get(k)).chain(file_name);
        let words = texts.map(words_of).collect::<Vec<_>>().join(" ");
        let pony_tags = get("ss_tag_frequency").is_some_and(|t| t.contains("\"score_9\""));
        Self { claim, words: format!(" {words} "), pony_tags }
    }

    /// True when one of the names has this word (or words, separated by spaces).
    pub(super) fn word(&self, word: &str) -> bool {
        self.words.contains(&format!(" {word} "))
    }

    /// True when one of the names has a word that begins so.
    pub(super) fn begins(&self, start: &str) -> bool {
        self.words.contains(&format!(" {start}"))
    }

    /// The variant of an SDXL model, as the names tell.
    pub(super) fn sdxl(&self) -> Option<&'static str> {
        if self.pony_tags || self.begins("pony") {
            Some("Pony")
        } else if self.begins("noob") {
            Some("NoobAI")
        } else if self.begins("illustrious") || self.word("ilxl") {
            Some("Illustrious")
        } else {
            None
        }
    }

    /// The variant of a Flux.1 model, as the names tell.
    pub(super) fn flux(&self) -> Option<&'static str> {
        ["schnell", "kontext", "fill", "krea", "dev"].into_iter().find(|v| self.word(v))
    }

    /// Which expert of Wan 2.2 A14B: `high noise` or `low noise`.
    pub(super) fn wan_expert(&self) -> Option<&'static str> {
        let either = |side: &str| self.word(side) || self.word(&format!("{side}noise"));
        match (either("high"), either("low")) {
            (true, false) => Some("high noise"),
            (false, true) => Some("low noise"),
            _ => None,
        }
    }
}

/// Lower case, everything but letters and digits a single space.
fn words_of(text: &str) -> String {
    let text: String = text.chars().take(LOOKED_AT).collect::<String>().to_lowercase();
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(pairs: &[(&str, &str)], file: &str) -> Hints {
        Hints::gather(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(), Some(file))
    }

    #[test]
    fn claims_fold_case_and_punctuation() {
        let claim = |v| hints(&[("modelspec.architecture", v)], "x").claim.map(|c| c.0);
        assert_eq!(claim("stable-diffusion-xl-v1-base/lora"), Some(Claim::Known(Family::Sdxl)));
        assert_eq!(claim("Flux.2-klein-4b"), Some(Claim::Foreign("Flux.2")));
        assert_eq!(claim("flux-1-dev/lora"), Some(Claim::Known(Family::Flux1)));
        assert_eq!(claim("wan-2_2-ti2v-5b"), Some(Claim::Known(Family::Wan)));
        assert_eq!(claim("something new"), None);
    }

    #[test]
    fn words_tell_the_variant() {
        assert_eq!(hints(&[], "wan22_HIGH_noise-v3.safetensors").wan_expert(), Some("high noise"));
        assert_eq!(hints(&[], "highland_low.safetensors").wan_expert(), Some("low noise"));
        assert_eq!(hints(&[("ss_sd_model_name", "ponyDiffusionV6XL.safetensors")], "x").sdxl(), Some("Pony"));
        assert_eq!(hints(&[("modelspec.architecture", "flux-1-schnell/lora")], "x").flux(), Some("schnell"));
    }
}
