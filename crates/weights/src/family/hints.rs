//! What metadata and file name say about the base model. Only a hint: metadata can be missing or wrong, shapes win.

use std::collections::BTreeMap;

use super::{Family, model, sd};

/// Hints gathered from metadata and file name.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// The family that the metadata claims and where.
    claim: Option<(Family, String)>,
    /// The family that a title, a model's name or the file's name mentions, and where.
    named: Option<(Family, String)>,
    /// Names that may tell a variant, folded to lower case; words separated by one space.
    words: String,
    pony_tags: bool,
}

/// The family that `value`, folded, begins with; the longest beginning of all families wins.
fn claimed(value: &str) -> Option<Family> {
    let folded: String = value.chars().take(80).filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let tables = model::all().flat_map(|m| m.claims.iter().map(|c| (*c, m.family)));
    let hit = tables.chain(sd::CLAIMS).filter(|(start, _)| folded.starts_with(start)).max_by_key(|(start, _)| start.len());
    hit.map(|(_, family)| family)
}

/// `networks.lora_qwen_image` → `qwen_image`: the trainer's module says the family.
fn module(value: &str) -> &str {
    let name = value.rsplit('.').next().unwrap_or(value);
    name.strip_prefix("lora_").or(name.strip_prefix("loha_")).or(name.strip_prefix("lokr_")).unwrap_or("")
}

/// `"model_type": "CHROMA_1"` of OneTrainer's configuration.
fn onetrainer(config: &str) -> Option<&str> {
    let (_, rest) = config.split_once("\"model_type\"")?;
    rest.split('"').nth(1)
}

/// Longest text that is looked at for words, in bytes.
const LOOKED_AT: usize = 4096;

impl Hints {
    /// Gathers the hints of one file.
    #[must_use]
    pub fn gather(metadata: &BTreeMap<String, String>, file_name: Option<&str>) -> Self {
        let get = |key: &str| metadata.get(key).map(String::as_str).filter(|v| !v.is_empty() && *v != "None");
        let from = |key: &str, value: Option<&str>| {
            let value = value?;
            Some((claimed(value)?, format!("{key} = {}", crate::text::shown(value))))
        };
        let direct = ["modelspec.architecture", "ss_base_model_version"].into_iter().find_map(|key| from(key, get(key)));
        let claim = direct
            .or_else(|| from("ss_network_module", get("ss_network_module").map(module)))
            .or_else(|| from("ot_config", get("ot_config").and_then(onetrainer)))
            .or_else(|| get("ss_v2").filter(|v| *v == "True").map(|_| (Family::Sd2, "ss_v2 = \"True\"".to_owned())));
        let keys = [
            "modelspec.architecture",
            "ss_base_model_version",
            "ss_sd_model_name",
            "ss_output_name",
            "modelspec.title",
            "modelspec.merged_from",
        ];
        let texts: Vec<&str> = keys.iter().filter_map(|k| get(k)).chain(file_name).collect();
        let named = texts.iter().find_map(|text| mentioned(text));
        let words = texts.into_iter().map(words_of).collect::<Vec<_>>().join(" ");
        let pony_tags = get("ss_tag_frequency").is_some_and(|t| t.contains("\"score_9\""));
        Self { claim, named, words: format!(" {words} "), pony_tags }
    }

    /// The family that the metadata claims, and where.
    pub(super) fn claim(&self) -> Option<(Family, &str)> {
        self.claim.as_ref().map(|(f, place)| (*f, place.as_str()))
    }

    /// The family that a name mentions, and where. Much weaker than a claim.
    pub(super) fn named(&self) -> Option<(Family, &str)> {
        self.named.as_ref().map(|(f, place)| (*f, place.as_str()))
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

/// The family that a name mentions: words that spell a claim, whole or with a number behind it (`flux2-klein-cat`, `My_Qwen_Image_thing`,
/// `wan22_dance`). Words that are common in titles count at the beginning only.
fn mentioned(text: &str) -> Option<(Family, String)> {
    const COMMON: [&str; 6] = ["cascade", "cosmos", "anima", "mochi", "ovis", "ernie"];
    let words = words_of(text);
    let starts = || std::iter::once(0).chain(words.match_indices(' ').map(|(i, _)| i + 1));
    let tables = || model::all().flat_map(|m| m.claims.iter().map(|c| (*c, m.family))).chain(sd::CLAIMS);
    let at = |start: usize| {
        let hits = tables().filter(|(claim, _)| spells(&words[start..], claim) && (start == 0 || !COMMON.contains(claim)));
        hits.max_by_key(|(claim, _)| claim.len()).map(|(_, family)| family)
    };
    starts().find_map(at).map(|family| (family, format!("the name {}", crate::text::shown(text))))
}

/// True when `words` begin with the letters of `claim`, up to the end of a word or to a number.
fn spells(words: &str, claim: &str) -> bool {
    let mut letters = words.chars();
    let met = claim.chars().all(|c| letters.by_ref().find(|w| *w != ' ') == Some(c));
    met && letters.next().is_none_or(|c| c == ' ' || c.is_ascii_digit())
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
        assert_eq!(claim("stable-diffusion-xl-v1-base/lora"), Some(Family::Sdxl));
        assert_eq!(claim("Flux.2-klein-4b"), Some(Family::Flux2));
        assert_eq!(claim("flux-1-dev/lora"), Some(Family::Flux1));
        assert_eq!(claim("wan-2_2-ti2v-5b"), Some(Family::Wan));
        assert_eq!(claim("hunyuan-video-1.5-i2v"), Some(Family::HunyuanVideo15));
        assert_eq!(claim("hunyuan-image-2.1"), Some(Family::HunyuanImage));
        assert_eq!(claim("something new"), None);
    }

    #[test]
    fn trainers_and_names_say_the_family() {
        let said = |key, v| hints(&[(key, v)], "x").claim.map(|c| c.0);
        assert_eq!(said("ss_network_module", "networks.lora_qwen_image"), Some(Family::QwenImage));
        assert_eq!(said("ss_network_module", "networks.lora"), None);
        assert_eq!(said("ot_config", r#"{"a": 1, "model_type": "CHROMA_1", "b": 2}"#), Some(Family::Chroma));
        let named = |file| hints(&[], file).named.map(|n| n.0);
        assert_eq!(named("my_chroma_style.safetensors"), Some(Family::Chroma));
        assert_eq!(named("zImage_cat"), Some(Family::ZImage));
        assert_eq!(named("a wanderer.safetensors"), None);
        assert_eq!(named("aurora cascade"), None);
    }

    #[test]
    fn words_tell_the_variant() {
        assert_eq!(hints(&[], "wan22_HIGH_noise-v3.safetensors").wan_expert(), Some("high noise"));
        assert_eq!(hints(&[], "highland_low.safetensors").wan_expert(), Some("low noise"));
        assert_eq!(hints(&[("ss_sd_model_name", "ponyDiffusionV6XL.safetensors")], "x").sdxl(), Some("Pony"));
        assert_eq!(hints(&[("modelspec.architecture", "flux-1-schnell/lora")], "x").flux(), Some("schnell"));
    }
}
