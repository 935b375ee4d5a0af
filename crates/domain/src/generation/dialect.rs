//! What a prompt's punctuation means, and where noise comes from. Both change the picture, so both are stored with it.

use super::plain;
use serde::{Deserialize, Serialize};

/// How weights in a prompt are written and what they do to the embedding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `(x)`, `[x]`, `(x:1.3)`, `BREAK`, `[a:b:0.5]`, `[a|b]`. A weight multiplies the embedding, whose mean is then restored.
    #[default]
    A1111,
    /// `(x)`, `(x:1.3)`; square brackets are letters. A weight moves the embedding away from that of the empty prompt.
    ComfyUi,
}

impl Dialect {
    /// Every dialect in menu order.
    pub const ALL: [Self; 2] = [Self::A1111, Self::ComfyUi];

    /// The word that REST and the command line use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A1111 => "a1111",
            Self::ComfyUi => "comfyui",
        }
    }

    /// Name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::A1111 => "A1111",
            Self::ComfyUi => "ComfyUI",
        }
    }

    /// One line for a person who chooses.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::A1111 => {
                "Weights multiply: (x) is 1.1, [x] is 1/1.1, (x:1.3) is what it says. Prompts of A1111, Forge and most of the web."
            }
            Self::ComfyUi => "Weights pull away from the empty prompt: (x) is 1.1, (x:1.3) is what it says. Prompts of ComfyUI.",
        }
    }

    /// The dialect of that word, however it is written.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match plain(name).as_str() {
            "a1111" | "automatic1111" | "webui" | "forge" => Some(Self::A1111),
            "comfyui" | "comfy" => Some(Self::ComfyUi),
            _ => None,
        }
    }
}

/// Which random numbers a seed stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum NoiseSource {
    /// The noise that PyTorch draws on a CPU: ComfyUI, diffusers with a CPU generator, A1111 set to CPU.
    #[default]
    Cpu,
    /// The noise that PyTorch draws on an NVIDIA card: A1111 as it comes.
    Gpu,
}

impl NoiseSource {
    /// Every source in menu order.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Gpu];

    /// The word that REST and the command line use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }

    /// Name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Gpu => "GPU (NVIDIA)",
        }
    }

    /// One line for a person who chooses.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Cpu => "Noise as ComfyUI and diffusers draw it. Seeds that differ by a multiple of 2³² give one picture.",
            Self::Gpu => "Noise as A1111 draws it on an NVIDIA card, computed here: every machine gives the same.",
        }
    }

    /// The source of that word, however it is written.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match plain(name).as_str() {
            "cpu" | "torch" | "comfyui" => Some(Self::Cpu),
            "gpu" | "nv" | "cuda" | "philox" => Some(Self::Gpu),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_json_and_are_read_back() {
        for dialect in Dialect::ALL {
            assert_eq!(serde_json::to_value(dialect).expect("a word"), dialect.as_str());
            assert_eq!(Dialect::parse(dialect.label()), Some(dialect));
        }
        for source in NoiseSource::ALL {
            assert_eq!(serde_json::to_value(source).expect("a word"), source.as_str());
            assert_eq!(NoiseSource::parse(source.as_str()), Some(source));
        }
    }
}
