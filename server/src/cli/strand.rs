//! `FILE[:WEIGHT][@PROFILE]`, one strand of a merge on the command line.

use anyhow::{Result, bail};
use std::path::PathBuf;
use weft_domain::parameter::WEIGHT;

/// A file with its weight and, perhaps, a profile (a file, a preset's name, or the values themselves).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StrandArg {
    pub(super) path: PathBuf,
    pub(super) weight: f64,
    pub(super) profile: Option<String>,
}

impl std::str::FromStr for StrandArg {
    type Err = anyhow::Error;

    /// Reads from the right, as a path may hold `:` and `@` itself; a path that exists as it stands is taken whole.
    fn from_str(text: &str) -> Result<Self> {
        if std::path::Path::new(text).exists() {
            return Ok(Self { path: text.into(), weight: WEIGHT.default, profile: None });
        }
        let (front, profile) = match text.rsplit_once('@') {
            Some((front, profile)) if !profile.contains(['/', '\\']) || std::path::Path::new(profile).exists() => {
                (front, Some(profile.to_owned()))
            }
            _ => (text, None),
        };
        let (path, weight) = match front.rsplit_once(':') {
            Some((path, number)) if !number.contains(['/', '\\']) => match number.parse::<f64>() {
                Ok(weight) => (path, weight),
                Err(_) => bail!("{number:?} in {text:?} is no weight. Write FILE:WEIGHT@PROFILE, for example ink.safetensors:0.8."),
            },
            _ => (front, WEIGHT.default),
        };
        let weight = WEIGHT.check(weight).map_err(|problem| anyhow::anyhow!("{text}: {problem}"))?;
        if profile.as_deref() == Some("") {
            bail!("{text:?} ends with @ but names no profile.");
        }
        Ok(Self { path: path.into(), weight, profile })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strand(path: &str, weight: f64, profile: Option<&str>) -> StrandArg {
        StrandArg { path: path.into(), weight, profile: profile.map(str::to_owned) }
    }

    #[test]
    fn every_part_may_be_left_out() -> Result<()> {
        assert_eq!("a.safetensors".parse::<StrandArg>()?, strand("a.safetensors", 1.0, None));
        assert_eq!("a.safetensors:0.8".parse::<StrandArg>()?, strand("a.safetensors", 0.8, None));
        assert_eq!("b.safetensors:-0.5@profile.json".parse::<StrandArg>()?, strand("b.safetensors", -0.5, Some("profile.json")));
        assert_eq!("b.safetensors@INS".parse::<StrandArg>()?, strand("b.safetensors", 1.0, Some("INS")));
        Ok(())
    }

    #[test]
    fn weights_out_of_range_and_nonsense_are_refused() {
        for text in ["a.safetensors:3", "a.safetensors:NaN", "a.safetensors:x", "a.safetensors:0.5@"] {
            assert!(text.parse::<StrandArg>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_drive_letter_is_no_weight() -> Result<()> {
        assert_eq!(r"C:\loras\a.safetensors".parse::<StrandArg>()?.path, PathBuf::from(r"C:\loras\a.safetensors"));
        Ok(())
    }
}
