//! Built-in presets, as data: which parts of the network stay on.

use super::Profile;
use crate::layout::{Group, Layout};

/// A named starting point for a layout.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// Name in use among users of block weights.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// Its factors.
    pub profile: Profile,
}

/// A part of a group: slots whose index in the group lies between two fractions of its length.
type Range = (Group, f64, f64);

/// (name, about, text encoders, parts that are on).
type Rule = (&'static str, &'static str, f64, &'static [Range]);

use Group::{Blocks, Double, In, Mid, Out, Refiner, Single};

// The community cuts the 12 input blocks of SD after IN04 and the output blocks after OUT06.
const SD: &[Rule] = &[
    ("INS", "the shallow input blocks: fine structure going in", 1.0, &[(In, 0.0, 5.0 / 12.0)]),
    ("IND", "the deep input blocks: composition going in", 1.0, &[(In, 5.0 / 12.0, 1.0)]),
    ("INALL", "all input blocks", 1.0, &[(In, 0.0, 1.0)]),
    ("MIDD", "the deep blocks around the middle: composition", 1.0, &[(In, 5.0 / 12.0, 1.0), (Mid, 0.0, 1.0), (Out, 0.0, 7.0 / 12.0)]),
    ("OUTD", "the deep output blocks: subject and pose", 1.0, &[(Out, 0.0, 7.0 / 12.0)]),
    ("OUTS", "the shallow output blocks: colour and texture", 1.0, &[(Out, 7.0 / 12.0, 1.0)]),
    ("OUTALL", "all output blocks", 1.0, &[(Out, 0.0, 1.0)]),
];

// SDXL has two levels with attention on each side: IN04-05 and OUT03-05 shallow, IN07-08 and OUT00-02 deep.
const SDXL: &[Rule] = &[
    ("INS", "the shallow input blocks: fine structure going in", 1.0, &[(In, 0.0, 6.0 / 9.0)]),
    ("IND", "the deep input blocks: composition going in", 1.0, &[(In, 6.0 / 9.0, 1.0)]),
    ("INALL", "all input blocks", 1.0, &[(In, 0.0, 1.0)]),
    ("MIDD", "the deep blocks around the middle: composition", 1.0, &[(In, 6.0 / 9.0, 1.0), (Mid, 0.0, 1.0), (Out, 0.0, 3.0 / 9.0)]),
    ("OUTD", "the deep output blocks: subject and style", 1.0, &[(Out, 0.0, 3.0 / 9.0)]),
    ("OUTS", "the shallow output blocks: colour and texture", 1.0, &[(Out, 3.0 / 9.0, 1.0)]),
    ("OUTALL", "all output blocks", 1.0, &[(Out, 0.0, 1.0)]),
];

const FLUX: &[Rule] = &[
    ("DOUBLE", "the double blocks only, where text and image meet", 1.0, &[(Double, 0.0, 1.0)]),
    ("SINGLE", "the single blocks only", 1.0, &[(Single, 0.0, 1.0)]),
    ("DOUBLE EARLY", "the first half of the double blocks", 1.0, &[(Double, 0.0, 0.5)]),
    ("DOUBLE LATE", "the second half of the double blocks", 1.0, &[(Double, 0.5, 1.0)]),
    ("SINGLE EARLY", "the first half of the single blocks", 1.0, &[(Single, 0.0, 0.5)]),
    ("SINGLE LATE", "the second half of the single blocks: detail", 1.0, &[(Single, 0.5, 1.0)]),
];

const EVEN: &[Rule] = &[
    ("EARLY", "the first third of the blocks", 1.0, &[(Blocks, 0.0, 1.0 / 3.0)]),
    ("MIDDLE", "the second third of the blocks", 1.0, &[(Blocks, 1.0 / 3.0, 2.0 / 3.0)]),
    ("LATE", "the last third of the blocks", 1.0, &[(Blocks, 2.0 / 3.0, 1.0)]),
];

const DOUBLES: &[Rule] = &[
    ("EARLY", "the first third of the blocks", 1.0, &[(Double, 0.0, 1.0 / 3.0)]),
    ("MIDDLE", "the second third of the blocks", 1.0, &[(Double, 1.0 / 3.0, 2.0 / 3.0)]),
    ("LATE", "the last third of the blocks", 1.0, &[(Double, 2.0 / 3.0, 1.0)]),
];

const IN_OUT: &[Rule] =
    &[("INALL", "all blocks on the way down", 1.0, &[(In, 0.0, 1.0)]), ("OUTALL", "all blocks on the way up", 1.0, &[(Out, 0.0, 1.0)])];

const EVERY: &[Range] =
    &[(In, 0.0, 1.0), (Mid, 0.0, 1.0), (Out, 0.0, 1.0), (Double, 0.0, 1.0), (Single, 0.0, 1.0), (Blocks, 0.0, 1.0), (Refiner, 0.0, 1.0)];

const COMMON: &[Rule] = &[
    ("ALL", "everything as it is", 1.0, EVERY),
    ("NONE", "nothing: text encoders and blocks off", 0.0, &[]),
    ("NO TEXT ENCODER", "all blocks, the text encoders off", 0.0, EVERY),
];

/// The built-in presets of a layout.
#[must_use]
pub fn presets(layout: &'static Layout) -> Vec<Preset> {
    let own = match layout.id {
        "sd_unet_25" => SD,
        "sdxl_unet_19" => SDXL,
        _ => by_groups(layout),
    };
    COMMON.iter().chain(own).map(|rule| preset(layout, *rule)).collect()
}

/// The presets that the groups of a layout allow.
fn by_groups(layout: &Layout) -> &'static [Rule] {
    let has = |group| !layout.group(group).is_empty();
    match (has(Double), has(Single), has(In)) {
        (true, true, _) => FLUX,
        (true, false, _) => DOUBLES,
        (_, _, true) => IN_OUT,
        _ => EVEN,
    }
}

fn preset(layout: &'static Layout, (name, about, base, on): Rule) -> Preset {
    let mut profile = Profile { base, ..Profile::neutral(layout) };
    for slot in layout.slots {
        let group = layout.group(slot.group);
        let at = f64::from(slot.id - group.start) / f64::from((group.end - group.start).max(1));
        // A hair below, so that a fraction like 5/12 includes the slot it names in spite of rounding.
        let lit = on.iter().any(|(g, from, to)| *g == slot.group && at >= from - 1e-9 && at < to - 1e-9);
        profile.blocks[usize::from(slot.id)] = f64::from(u8::from(lit));
    }
    if name == "NONE" {
        // LBW's NONE switches everything off, embedders and heads included.
        for extra in crate::layout::Extra::ALL {
            if !extra.is_text_encoder() {
                profile.extra.insert(extra, 0.0);
            }
        }
    }
    Preset { name, about, profile }
}
