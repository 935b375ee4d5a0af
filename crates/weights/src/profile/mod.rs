//! Block profiles: one factor per block, on top of an adapter's weight.
//!
//! A profile belongs to a layout that is given, never guessed from a count. Values are stored with the names of their slots.

mod presets;
mod table;
mod text;

pub use presets::{Preset, presets};
pub use text::{NamedProfile, to_text};

use crate::layout::{Extra, Layout, SlotRef};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Smallest and largest factor.
pub const RANGE: std::ops::RangeInclusive<f64> = -2.0..=2.0;

/// Name of the text encoders' factor in CSV and messages.
pub const BASE: &str = "BASE";

/// Why a profile was refused, in words for its author.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProfileError {
    /// No such layout.
    #[error("there is no layout named {0}")]
    Layout(String),
    /// The profile is for another layout.
    #[error("this profile belongs to the layout {found}, not to {wanted}")]
    OtherLayout {
        /// Layout of the profile.
        found: String,
        /// Layout at hand.
        wanted: &'static str,
    },
    /// No such slot in the layout.
    #[error("{slot} is no block of {layout}")]
    Slot {
        /// Name that was read.
        slot: String,
        /// Layout at hand.
        layout: &'static str,
    },
    /// A value outside of −2 to 2.
    #[error("{slot} is {value}; a factor must lie between -2 and 2")]
    Value {
        /// Slot or position.
        slot: String,
        /// What was read.
        value: f64,
    },
    /// Not a number at all.
    #[error("'{text}' at position {position} is no number{hint}")]
    Number {
        /// What was read.
        text: String,
        /// Counted from 1.
        position: usize,
        /// What to do, beginning with a separator; may be empty.
        hint: &'static str,
    },
    /// A count that no notation of the layout has.
    #[error("{found} values do not fit {layout}; it takes {}", fitting(.fits))]
    Count {
        /// How many were read.
        found: usize,
        /// Layout at hand.
        layout: &'static str,
        /// (count, name of the notation).
        fits: Vec<(usize, &'static str)>,
    },
    /// The same slot twice.
    #[error("{0} stands there twice")]
    Twice(String),
    /// Something else about the text.
    #[error("{0}")]
    Text(String),
}

fn fitting(fits: &[(usize, &'static str)]) -> String {
    let all: Vec<String> = fits.iter().map(|(count, name)| format!("{count} ({name})")).collect();
    all.join(", ")
}

/// One factor per block of a layout; 1 leaves a block as it is, 0 takes it out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Profile {
    layout: &'static Layout,
    base: f64,
    blocks: Vec<f64>,
    extra: BTreeMap<Extra, f64>,
}

impl Profile {
    /// All ones.
    #[must_use]
    pub fn neutral(layout: &'static Layout) -> Self {
        Self { layout, base: 1.0, blocks: vec![1.0; layout.slots.len()], extra: BTreeMap::new() }
    }

    /// The layout it belongs to.
    #[must_use]
    pub fn layout(&self) -> &'static Layout {
        self.layout
    }

    /// Factor of the text encoders that have none of their own.
    #[must_use]
    pub fn base(&self) -> f64 {
        self.base
    }

    /// Factors of the blocks, in layout order.
    #[must_use]
    pub fn blocks(&self) -> &[f64] {
        &self.blocks
    }

    /// Factors of parts outside of the blocks that were set by name.
    #[must_use]
    pub fn extra(&self) -> &BTreeMap<Extra, f64> {
        &self.extra
    }

    /// The factor of a place: of a text encoder its own, else `base`; of any other part outside of the blocks its own, else 1.
    #[must_use]
    pub fn factor(&self, slot: SlotRef) -> f64 {
        match slot {
            SlotRef::Block(i) => self.blocks.get(usize::from(i)).copied().unwrap_or(1.0),
            SlotRef::Extra(e) => self.extra.get(&e).copied().unwrap_or(if e.is_text_encoder() { self.base } else { 1.0 }),
        }
    }

    /// Sets the text encoders' factor.
    pub fn set_base(&mut self, value: f64) -> Result<(), ProfileError> {
        self.base = checked(value, BASE)?;
        Ok(())
    }

    /// Sets the factor of one place.
    pub fn set(&mut self, slot: SlotRef, value: f64) -> Result<(), ProfileError> {
        let label = slot.label(self.layout);
        let value = checked(value, label)?;
        match slot {
            SlotRef::Extra(extra) => {
                self.extra.insert(extra, value);
            }
            SlotRef::Block(i) => {
                let place = self.blocks.get_mut(usize::from(i));
                *place.ok_or_else(|| ProfileError::Slot { slot: i.to_string(), layout: self.layout.id })? = value;
            }
        }
        Ok(())
    }

    /// Sets a place by its name: `BASE`, a block's label or one of `TE1 … OTHER`, whatever the case.
    pub fn set_named(&mut self, name: &str, value: f64) -> Result<(), ProfileError> {
        if name.eq_ignore_ascii_case(BASE) {
            return self.set_base(value);
        }
        self.set(place(self.layout, name)?, value)
    }

    /// True when every factor is 1.
    #[must_use]
    pub fn is_neutral(&self) -> bool {
        self.base == 1.0 && self.blocks.iter().chain(self.extra.values()).all(|v| *v == 1.0)
    }
}

/// The place called `name` in a layout.
fn place(layout: &'static Layout, name: &str) -> Result<SlotRef, ProfileError> {
    if let Some(slot) = layout.slot(name) {
        return Ok(SlotRef::Block(slot.id));
    }
    let extra = Extra::ALL.into_iter().find(|e| e.label().eq_ignore_ascii_case(name));
    extra.map(SlotRef::Extra).ok_or_else(|| ProfileError::Slot { slot: name.chars().take(40).collect(), layout: layout.id })
}

fn checked(value: f64, slot: &str) -> Result<f64, ProfileError> {
    if RANGE.contains(&value) { Ok(value) } else { Err(ProfileError::Value { slot: slot.to_owned(), value }) }
}

/// JSON form: names beside values, so that a later version of the layout or another program cannot mistake a position.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    layout: String,
    version: u16,
    #[serde(default = "one")]
    base: f64,
    #[serde(default)]
    blocks: BTreeMap<String, f64>,
    #[serde(default)]
    extra: BTreeMap<String, f64>,
}

fn one() -> f64 {
    1.0
}

impl From<Profile> for Stored {
    fn from(p: Profile) -> Self {
        Self {
            layout: p.layout.id.to_owned(),
            version: p.layout.version,
            base: p.base,
            blocks: p.layout.slots.iter().zip(&p.blocks).map(|(s, v)| (s.label.to_owned(), *v)).collect(),
            extra: p.extra.iter().map(|(e, v)| (e.label().to_owned(), *v)).collect(),
        }
    }
}

impl TryFrom<Stored> for Profile {
    type Error = ProfileError;

    fn try_from(s: Stored) -> Result<Self, ProfileError> {
        let layout = Layout::by_id(&s.layout).ok_or_else(|| ProfileError::Layout(s.layout.chars().take(60).collect()))?;
        if s.version != layout.version {
            let (found, now) = (s.version, layout.version);
            return Err(ProfileError::Text(format!(
                "the profile is for version {found} of {}, this program knows version {now}",
                layout.id
            )));
        }
        let mut profile = Self::neutral(layout);
        profile.set_base(s.base)?;
        for (name, value) in &s.blocks {
            let slot = layout.slot(name).ok_or_else(|| ProfileError::Slot { slot: name.chars().take(40).collect(), layout: layout.id })?;
            profile.set(SlotRef::Block(slot.id), *value)?;
        }
        for (name, value) in &s.extra {
            let extra = Extra::ALL.into_iter().find(|e| e.label() == name);
            let extra = extra.ok_or_else(|| ProfileError::Slot { slot: name.chars().take(40).collect(), layout: layout.id })?;
            profile.set(SlotRef::Extra(extra), *value)?;
        }
        Ok(profile)
    }
}

#[cfg(test)]
mod tests;
