//! `NAME=VALUE,VALUE,…`, one axis of a sheet.

use anyhow::{Result, anyhow, bail};
use std::path::PathBuf;
use weft_domain::generation::parameter::GENERATION;
use weft_domain::generation::{Axis, Sampler, Schedule};

/// An axis as it was written. Names of adapters and checkpoints are looked up later.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum AxisArg {
    Plain(Axis),
    Adapters { strand: usize, names: Vec<PathBuf> },
    Checkpoints { names: Vec<PathBuf> },
}

impl AxisArg {
    /// How many values it has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Plain(axis) => axis.len(),
            Self::Adapters { names, .. } | Self::Checkpoints { names } => names.len(),
        }
    }

    /// Files or names that it stands for.
    pub(super) fn names(&self) -> &[PathBuf] {
        match self {
            Self::Plain(_) => &[],
            Self::Adapters { names, .. } | Self::Checkpoints { names } => names,
        }
    }
}

impl std::str::FromStr for AxisArg {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, values) = text.split_once('=').ok_or_else(|| anyhow!("write NAME=VALUE,VALUE,…, for example cfg=4,7,10"))?;
        let list: Vec<&str> = values.split(',').map(str::trim).collect();
        let words: Vec<&str> = name.split(':').map(str::trim).collect();
        let paths = || list.iter().map(PathBuf::from).collect();
        let axis = match words.as_slice() {
            ["adapter"] => return Ok(Self::Adapters { strand: 0, names: paths() }),
            ["adapter", strand] => return Ok(Self::Adapters { strand: place(strand)?, names: paths() }),
            ["checkpoint"] => return Ok(Self::Checkpoints { names: paths() }),
            ["sampler"] => Axis::Sampler { values: each(&list, |name| Sampler::parse(name).map(|(sampler, _)| sampler))? },
            ["schedule"] => Axis::Schedule { values: each(&list, Schedule::parse)? },
            ["seed"] => Axis::Seed { values: each(&list, |v| v.parse().ok())? },
            ["weight"] => Axis::Weight { strand: 0, values: numbers(&list)? },
            ["weight", strand] => Axis::Weight { strand: place(strand)?, values: numbers(&list)? },
            ["block", strand, slot] => Axis::Block { strand: place(strand)?, slot: slot.to_uppercase(), values: numbers(&list)? },
            ["words", find] => Axis::Words { find: (*find).to_owned(), values: list.iter().map(|v| (*v).to_owned()).collect() },
            [name] if GENERATION.iter().any(|number| number.name == *name) => {
                Axis::Number { name: (*name).to_owned(), values: numbers(&list)? }
            }
            _ => {
                let known: Vec<&str> = GENERATION.iter().map(|number| number.name).collect();
                bail!(
                    "there is no axis {name:?}; choose seed, sampler, schedule, adapter:N, checkpoint, weight:N, block:N:SLOT, words:TEXT, or {}",
                    known.join(", ")
                )
            }
        };
        Ok(Self::Plain(axis))
    }
}

fn each<T>(list: &[&str], read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>> {
    list.iter().map(|value| read(value).ok_or_else(|| anyhow!("{value:?} is not known"))).collect()
}

fn numbers(list: &[&str]) -> Result<Vec<f64>> {
    each(list, |value| value.parse().ok().filter(|v: &f64| v.is_finite()))
}

fn place(text: &str) -> Result<usize> {
    text.parse().map_err(|_| anyhow!("{text:?} is no place of an adapter; the first --adapter is 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_read_and_nonsense_names_what_there_is() -> Result<()> {
        let plain = |text: &str, axis| text.parse::<AxisArg>().map(|read| assert_eq!(read, AxisArg::Plain(axis)));
        plain("cfg=4, 7", Axis::Number { name: "cfg".to_owned(), values: vec![4.0, 7.0] })?;
        plain("block:1:in04=0,1", Axis::Block { strand: 1, slot: "IN04".to_owned(), values: vec![0.0, 1.0] })?;
        plain("sampler=DPM++ 2M,Euler a", Axis::Sampler { values: vec![Sampler::Dpmpp2m, Sampler::EulerA] })?;
        let names = |names: [&str; 2]| names.map(PathBuf::from).to_vec();
        assert_eq!(
            "adapter:1=ink,a/neon.safetensors".parse::<AxisArg>()?,
            AxisArg::Adapters { strand: 1, names: names(["ink", "a/neon.safetensors"]) }
        );
        assert_eq!("checkpoint=one,two".parse::<AxisArg>()?, AxisArg::Checkpoints { names: names(["one", "two"]) });
        for text in ["cfg", "cfg=x", "colour=red", "weight:x=1", "adapter:x=ink", "seed=-1", "sampler=none"] {
            assert!(text.parse::<AxisArg>().is_err(), "{text}");
        }
        Ok(())
    }
}
