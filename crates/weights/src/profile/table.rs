//! Profiles as JSON and CSV.

use super::{BASE, Profile, ProfileError};
use crate::layout::{Layout, SlotRef};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Longest text that is read.
const LIMIT: usize = 1 << 20;

impl Profile {
    /// Pretty JSON with slot names.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Numbers and text keys only: it always serialises.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Reads [`to_json`](Self::to_json). The layout is named inside.
    pub fn from_json(text: &str) -> Result<Self, ProfileError> {
        if text.len() > LIMIT {
            return Err(ProfileError::Text("this is too long for a profile".into()));
        }
        serde_json::from_str(text).map_err(|e| ProfileError::Text(format!("this is no profile: {e}")))
    }

    /// `slot,value` lines: first the layout, then `BASE`, the blocks and the other parts that were set.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut out = format!("slot,value\nLAYOUT,{}\n{BASE},{}\n", self.layout.id, self.base);
        let blocks = self.layout.slots.iter().zip(&self.blocks).map(|(s, v)| (s.label, v));
        for (label, value) in blocks.chain(self.extra.iter().map(|(e, v)| (e.label(), v))) {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{label},{value}");
        }
        out
    }

    /// Reads `slot,value` lines for `layout`. Slots that are not named keep the factor 1.
    pub fn from_csv(text: &str, layout: &'static Layout) -> Result<Self, ProfileError> {
        if text.len() > LIMIT {
            return Err(ProfileError::Text("this is too long for a profile".into()));
        }
        let mut profile = Self::neutral(layout);
        let mut seen = BTreeSet::new();
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || (number == 0 && line.to_lowercase().starts_with("slot")) {
                continue;
            }
            let Some((name, value)) = line.split_once([',', ';', '\t']) else {
                return Err(ProfileError::Text(format!("line {} is not of the form slot,value", number + 1)));
            };
            let (name, value) = (name.trim().trim_matches('"'), value.trim().trim_matches('"'));
            if !seen.insert(name.to_uppercase()) {
                return Err(ProfileError::Twice(name.chars().take(40).collect()));
            }
            profile.csv_line(name, value, number + 1)?;
        }
        if seen.is_empty() {
            return Err(ProfileError::Text("there is no line of the form slot,value".into()));
        }
        Ok(profile)
    }

    fn csv_line(&mut self, name: &str, value: &str, line: usize) -> Result<(), ProfileError> {
        if name.eq_ignore_ascii_case("LAYOUT") {
            return match Layout::by_id(value) {
                Some(layout) if layout.id == self.layout.id => Ok(()),
                _ => Err(ProfileError::OtherLayout { found: value.chars().take(60).collect(), wanted: self.layout.id }),
            };
        }
        let number =
            value.parse().map_err(|_| ProfileError::Number { text: value.chars().take(40).collect(), position: line, hint: "" })?;
        self.set_named(name, number)
    }

    /// All places with their labels and factors, in the order of the page: base, blocks, other parts that were set.
    #[must_use]
    pub fn entries(&self) -> Vec<(&'static str, Option<SlotRef>, f64)> {
        let blocks = self.layout.slots.iter().zip(&self.blocks).map(|(s, v)| (s.label, Some(SlotRef::Block(s.id)), *v));
        let extra = self.extra.iter().map(|(e, v)| (e.label(), Some(SlotRef::Extra(*e)), *v));
        std::iter::once((BASE, None, self.base)).chain(blocks).chain(extra).collect()
    }
}
