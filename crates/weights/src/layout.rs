//! Block layouts: one static table. A layout is a fixed ordered list of named slots that depends on the architecture only,
//! never on what a file happens to hold. Absent is not zero, and a layout is never guessed from a count: 57, 28, 30, 38, 40
//! and 48 each have several owners.

mod labels;
mod views;

pub(crate) use labels::{B, D, IN, M, OUT, REFINERS, S, blocks, doubles, slots};
pub use views::{Entry, View, views};

use crate::family::{Family, entry};

/// Display group of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    In,
    Mid,
    Out,
    Double,
    Single,
    Blocks,
    /// Refiners that a model counts among its blocks (Z-Image, Lumina 2, OmniGen2).
    Refiner,
}

impl Group {
    /// Stable lower-case id, as in JSON.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Mid => "mid",
            Self::Out => "out",
            Self::Double => "double",
            Self::Single => "single",
            Self::Blocks => "blocks",
            Self::Refiner => "refiner",
        }
    }
}

/// One block of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Slot {
    /// Position in the layout.
    pub id: u16,
    /// Community label: `IN04`, `M00`, `OUT11`, `D18`, `S37`, `B29`.
    pub label: &'static str,
    pub group: Group,
}

/// Parts of a model outside its blocks, so that every weight has a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Extra {
    /// First text encoder (CLIP-L).
    Te1,
    /// Second text encoder (OpenCLIP bigG).
    Te2,
    /// T5, whatever its number in the file.
    Te3,
    /// Embedders: time, label, text and image input.
    In,
    /// Modulation shared by all blocks.
    Mod,
    /// Refiners before the blocks.
    Ref,
    /// Final layers.
    Out,
    /// Everything else.
    Other,
}

impl Extra {
    /// All, in display order.
    pub const ALL: [Self; 8] = [Self::Te1, Self::Te2, Self::Te3, Self::In, Self::Mod, Self::Ref, Self::Out, Self::Other];

    /// `TE1`, `IN`, …
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Te1 => "TE1",
            Self::Te2 => "TE2",
            Self::Te3 => "TE3",
            Self::In => "IN",
            Self::Mod => "MOD",
            Self::Ref => "REF",
            Self::Out => "OUT",
            Self::Other => "OTHER",
        }
    }

    /// The group of text encoder number `n`, counted from 1.
    #[must_use]
    pub fn text_encoder(n: u8) -> Self {
        match n {
            1 => Self::Te1,
            2 => Self::Te2,
            3 => Self::Te3,
            _ => Self::Other,
        }
    }

    /// True for the text encoders.
    #[must_use]
    pub fn is_text_encoder(self) -> bool {
        matches!(self, Self::Te1 | Self::Te2 | Self::Te3)
    }
}

/// Where a module stands: a block by its position in the layout, or a part outside of the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotRef {
    Block(u16),
    Extra(Extra),
}

/// A named, versioned, ordered list of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Layout {
    /// `sd_unet_25`, `flux_unet_57`, …
    pub id: &'static str,
    /// Raised when the meaning of a slot changes.
    pub version: u16,
    /// The family it was made for; sd2 shares that of sd1, Chroma that of Flux.1.
    pub family: Family,
    pub slots: &'static [Slot],
}

/// Every layout, family by family.
pub static LAYOUTS: [Layout; 38] = entry::layouts();

/// What an older or foreign layout name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    pub layout: &'static Layout,
    pub part: Part,
}

/// The part of a layout that a foreign name covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All slots, in order.
    All,
    /// The slots of one group, in order.
    Group(Group),
    /// Only the text encoders.
    TextEncoders,
    /// The view of this id.
    View(&'static str),
    /// One neutral value for the whole; no structure.
    Neutral,
    /// Double blocks or a part of the single blocks: only the slot names stored beside the values can tell.
    DoubleOrSingle,
}

impl Layout {
    /// The layout named `id`.
    #[must_use]
    pub fn by_id(id: &str) -> Option<&'static Self> {
        LAYOUTS.iter().find(|l| l.id == id)
    }

    /// The layouts that models of `family` have, the more common one first where there are two.
    pub fn for_family(family: Family) -> impl Iterator<Item = &'static Self> {
        let family = family.entry().shares.unwrap_or(family);
        LAYOUTS.iter().filter(move |l| l.family == family)
    }

    /// The slot labelled `label`, whatever its case.
    #[must_use]
    pub fn slot(&self, label: &str) -> Option<&'static Slot> {
        self.slots.iter().find(|s| s.label.eq_ignore_ascii_case(label))
    }

    /// Positions of the slots of `group`: one run in every layout.
    #[must_use]
    pub fn group(&self, group: Group) -> std::ops::Range<u16> {
        let of = |s: &&Slot| s.group == group;
        let start = self.slots.iter().find(of).map_or(0, |s| s.id);
        start..start + self.slots.iter().filter(of).count() as u16
    }

    /// The short vectors that communities write for this layout.
    pub fn views(&self) -> impl Iterator<Item = &'static View> + use<> {
        let id = self.id;
        views().iter().filter(move |v| v.layout == id)
    }

    /// Resolves a layout name of another program (`flux_transformer_19`, `unet_57`, `flux_double_19`, `wan_high_unet_40`, …).
    /// A name whose number contradicts the layout gives None.
    #[must_use]
    pub fn alias(name: &str) -> Option<Alias> {
        let name = name.trim().to_ascii_lowercase();
        let to = |id: &str, part| Self::by_id(id).map(|layout| Alias { layout, part });
        if let Some(layout) = Self::by_id(&name) {
            return Some(Alias { layout, part: Part::All });
        }
        let (stem, count) = name.rsplit_once('_')?;
        let count: usize = count.parse().ok()?;
        match (stem, count) {
            ("unet", 57) => to("sd_unet_25", Part::View("unet_57")),
            ("flux_fallback", _) => to("flux_unet_57", Part::Neutral),
            ("flux_transformer", 19) => to("flux_unet_57", Part::DoubleOrSingle),
            ("flux_transformer", 1..=38) => to("flux_unet_57", Part::Group(Group::Single)),
            ("flux_double", 1..=19) => to("flux_unet_57", Part::Group(Group::Double)),
            ("flux_te", _) => to("flux_unet_57", Part::TextEncoders),
            _ if stem.starts_with("wan_") && stem.ends_with("_unet") => to(&format!("wan_unet_{count}"), Part::All),
            _ => None,
        }
    }
}

impl SlotRef {
    /// Label of the slot within `layout`.
    #[must_use]
    pub fn label(self, layout: &Layout) -> &'static str {
        match self {
            Self::Block(i) => layout.slots.get(usize::from(i)).map_or("OTHER", |s| s.label),
            Self::Extra(extra) => extra.label(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_at_its_own_position_and_has_a_label_of_its_own() {
        for layout in &LAYOUTS {
            for (i, slot) in layout.slots.iter().enumerate() {
                assert_eq!(usize::from(slot.id), i, "{}", layout.id);
                assert_eq!(layout.slot(slot.label).map(|s| s.id), Some(slot.id), "{} {}", layout.id, slot.label);
            }
        }
    }

    #[test]
    fn the_number_in_the_id_is_the_number_of_slots() {
        for layout in &LAYOUTS {
            let count = layout.id.rsplit('_').next().and_then(|n| n.parse().ok());
            assert_eq!(count, Some(layout.slots.len()), "{}", layout.id);
        }
    }

    #[test]
    fn labels_stand_where_the_community_has_them() {
        let at = |id: &str, label: &str| Layout::by_id(id).and_then(|l| l.slot(label)).map(|s| s.id);
        assert_eq!(at("sd_unet_25", "M00"), Some(12));
        assert_eq!(at("sd_unet_25", "OUT11"), Some(24));
        assert_eq!(at("sdxl_unet_19", "OUT00"), Some(10));
        assert_eq!(at("sdxl_unet_19", "IN09"), None);
        assert_eq!(at("flux_unet_57", "s00"), Some(19));
        assert_eq!(Layout::by_id("flux_unet_57").map(|l| l.group(Group::Single)), Some(19..57));
    }

    #[test]
    fn foreign_names_resolve_and_a_bare_count_never_does() {
        let part = |name| Layout::alias(name).map(|a| (a.layout.id, a.part));
        assert_eq!(part("flux_transformer_19"), Some(("flux_unet_57", Part::DoubleOrSingle)));
        assert_eq!(part("flux_transformer_38"), Some(("flux_unet_57", Part::Group(Group::Single))));
        assert_eq!(part("UNET_57"), Some(("sd_unet_25", Part::View("unet_57"))));
        assert_eq!(part("wan_high_unet_40"), Some(("wan_unet_40", Part::All)));
        assert_eq!(part("wan_high_unet_41"), None);
        assert_eq!(part("57"), None);
    }

    #[test]
    fn sd2_shares_the_layout_of_sd1() {
        assert_eq!(Layout::for_family(Family::Sd2).map(|l| l.id).collect::<Vec<_>>(), ["sd_unet_25"]);
        assert_eq!(Layout::for_family(Family::Unknown).count(), 0);
    }
}
