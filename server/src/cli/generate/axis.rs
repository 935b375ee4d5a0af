//! `NAME=VALUE,VALUE,…`, one axis of a sheet.

use anyhow::{Result, anyhow, bail};
use weft_domain::generation::parameter::GENERATION;
use weft_domain::generation::{Axis, Sampler, Schedule};

/// An axis as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AxisArg(pub(super) Axis);

impl std::str::FromStr for AxisArg {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, values) = text.split_once('=').ok_or_else(|| anyhow!("write NAME=VALUE,VALUE,…, for example cfg=4,7,10"))?;
        let list: Vec<&str> = values.split(',').map(str::trim).collect();
        let words: Vec<&str> = name.split(':').map(str::trim).collect();
        let axis = match words.as_slice() {
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
                    "there is no axis {name:?}; choose seed, sampler, schedule, weight:N, block:N:SLOT, words:TEXT, or {}",
                    known.join(", ")
                )
            }
        };
        Ok(Self(axis))
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
        assert_eq!("cfg=4, 7".parse::<AxisArg>()?.0, Axis::Number { name: "cfg".to_owned(), values: vec![4.0, 7.0] });
        assert_eq!("block:1:in04=0,1".parse::<AxisArg>()?.0, Axis::Block { strand: 1, slot: "IN04".to_owned(), values: vec![0.0, 1.0] });
        assert_eq!("sampler=DPM++ 2M,Euler a".parse::<AxisArg>()?.0, Axis::Sampler { values: vec![Sampler::Dpmpp2m, Sampler::EulerA] });
        for text in ["cfg", "cfg=x", "colour=red", "weight:x=1", "seed=-1", "sampler=none"] {
            assert!(text.parse::<AxisArg>().is_err(), "{text}");
        }
        Ok(())
    }
}
