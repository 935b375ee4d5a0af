//! Block profiles: one factor for every block, painted over the blocks, from presets, and in the notations of other programs.
//!
//! Knows nothing of who has the profile: a strand of a weave and an adapter that is edited hand it a [`Profiled`].

mod editor;
mod equaliser;
mod exchange;

pub(crate) use editor::Editor;
pub(crate) use exchange::carries_files;

use crate::blocks::axis::Axis;
use leptos::prelude::*;
use std::collections::BTreeMap;
use weft_domain::parameter::BLOCK;
use weft_weights::layout::{Extra, Layout, SlotRef};
use weft_weights::profile::{Profile, presets};

/// Factor by slot; those that are 1 are left out.
pub(crate) type Factors = BTreeMap<String, f64>;

/// A change of a profile.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// Changes of the same thing in quick succession are one step back.
    pub what: String,
    /// Name of the preset that it is now.
    pub preset: Option<String>,
    pub factors: Factors,
}

/// A profile and who has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Profiled {
    /// None while it is not known: then nothing can be read or written as text.
    pub layout: Signal<Option<&'static Layout>>,
    pub axis: Signal<Axis>,
    pub factors: Signal<Factors>,
    /// Whose profile it is.
    pub name: Signal<String>,
    /// The block under pointer or keys.
    pub active: RwSignal<Option<usize>>,
    pub on_change: Callback<Change>,
}

impl Profiled {
    fn factor(self, slot: &str) -> f64 {
        self.factors.with(|f| f.get(slot).copied().unwrap_or(1.0))
    }

    fn slot(self, at: usize) -> String {
        self.axis.with(|axis| axis.cells.get(at).map(|c| c.label.clone()).unwrap_or_default())
    }

    /// Sets some factors by the places of their slots.
    fn set(self, what: &str, values: impl IntoIterator<Item = (usize, f64)>) {
        let mut factors = self.factors.get_untracked();
        self.axis.with_untracked(|axis| {
            for (at, value) in values {
                if let Some(cell) = axis.cells.get(at) {
                    set(&mut factors, &cell.label, value);
                }
            }
        });
        self.on_change.run(Change { what: what.to_owned(), preset: None, factors });
    }

    /// Names of all slots along the chart.
    fn labels(self) -> Vec<String> {
        labels(&self.axis.read_untracked())
    }
}

/// Names of all slots of an axis.
pub(crate) fn labels(axis: &Axis) -> Vec<String> {
    axis.cells.iter().map(|c| c.label.clone()).collect()
}

/// Sets one factor, rounded to what is shown and kept inside the range.
pub(crate) fn set(factors: &mut Factors, slot: &str, value: f64) {
    let value = (value.clamp(BLOCK.min, BLOCK.max) * 100.0).round() / 100.0;
    if value == 1.0 {
        factors.remove(slot);
    } else {
        factors.insert(slot.to_owned(), value);
    }
}

/// Place of a slot's name in the layout.
fn slot_ref(layout: &Layout, label: &str) -> Option<SlotRef> {
    let block = layout.slot(label).map(|slot| SlotRef::Block(slot.id));
    block.or_else(|| Extra::ALL.into_iter().find(|e| e.label() == label).map(SlotRef::Extra))
}

/// The factors of a profile for the slots at hand; those that are 1 are left out.
pub(crate) fn factors(profile: &Profile, labels: &[String]) -> Factors {
    let place = |label: &String| slot_ref(profile.layout(), label).map(|slot| (label.clone(), profile.factor(slot)));
    labels.iter().filter_map(place).filter(|(_, factor)| *factor != 1.0).collect()
}

/// The factors as a profile of the layout; names it does not know are left out.
pub(crate) fn profile(layout: &'static Layout, factors: &Factors) -> Profile {
    let mut profile = Profile::neutral(layout);
    for (slot, factor) in factors {
        if let Some(place) = slot_ref(layout, slot) {
            // Factors in the document are inside the range.
            drop(profile.set(place, *factor));
        }
    }
    if let Some(factor) = factors.get("TE1") {
        drop(profile.set_base(*factor));
    }
    profile
}

/// Presets of a layout as a menu has them: name and words.
pub(crate) fn preset_options(layout: Option<&'static Layout>) -> Vec<(String, String)> {
    match layout {
        Some(layout) => presets(layout).iter().map(|p| (p.name.to_owned(), label(p.name))).collect(),
        None => vec![("ALL".to_owned(), label("ALL"))],
    }
}

/// The change that a preset makes; None for a name that the layout does not have.
pub(crate) fn preset(layout: &'static Layout, name: &str, labels: &[String]) -> Option<Change> {
    let preset = presets(layout).into_iter().find(|p| p.name == name)?;
    let named = (name != "ALL").then(|| name.to_owned());
    Some(Change { what: "preset".to_owned(), preset: named, factors: factors(&preset.profile, labels) })
}

/// A preset's name for people: `DOUBLE EARLY` is "Double early".
fn label(name: &str) -> String {
    match name {
        "ALL" => "All blocks".to_owned(),
        "NONE" => "Nothing".to_owned(),
        "INALL" => "All input".to_owned(),
        "OUTALL" => "All output".to_owned(),
        "INS" => "Input, shallow (INS)".to_owned(),
        "IND" => "Input, deep (IND)".to_owned(),
        "MIDD" => "Around the middle (MIDD)".to_owned(),
        "OUTD" => "Output, deep (OUTD)".to_owned(),
        "OUTS" => "Output, shallow (OUTS)".to_owned(),
        "DOUBLE" => "Double stream only".to_owned(),
        "SINGLE" => "Single stream only".to_owned(),
        name => {
            let lower = name.to_lowercase();
            let mut chars = lower.chars();
            chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_and_text_reach_the_slots_by_name() {
        let Some(layout) = Layout::by_id("flux_unet_57") else { return assert_eq!("no layout", "") };
        let names: Vec<String> = layout.slots.iter().map(|s| s.label.to_owned()).chain(["TE1".to_owned()]).collect();
        let Some(single) = presets(layout).into_iter().find(|p| p.name == "SINGLE") else { return assert_eq!("no preset", "") };
        let values = factors(&single.profile, &names);
        assert_eq!((values.len(), values.get("D00"), values.get("S00"), values.get("TE1")), (19, Some(&0.0), None, None));
        let back = profile(layout, &values);
        assert_eq!(factors(&back, &names), values);
    }

    #[test]
    fn preset_names_are_words() {
        assert_eq!(
            (label("DOUBLE EARLY"), label("ALL"), label("LATE")),
            ("Double early".to_owned(), "All blocks".to_owned(), "Late".to_owned())
        );
    }
}
