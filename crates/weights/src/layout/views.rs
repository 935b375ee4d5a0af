//! Short vectors in use among users of other programs, as data: which entry means which slots.

use super::labels::{numbered, texts};
use super::{Group, LAYOUTS, Layout};
use crate::family::Family;

/// What one number of a short vector means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Text encoders and all that no other entry names.
    Base,
    /// The CLIP text encoders.
    Clip,
    /// The T5 text encoder.
    T5,
    /// Embedders before the blocks.
    In,
    /// Final layers.
    Out,
    /// One block.
    Slot(u16),
    /// Several blocks that share the number.
    Slots(&'static [u16]),
    /// A position without a weight in this architecture: read and ignored.
    Empty,
}

/// One notation of block weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// `lbw17`, `fl19`, …
    pub id: &'static str,
    /// The layout it belongs to.
    pub layout: &'static str,
    /// In the order in which the numbers are written.
    pub entries: &'static [Entry],
}

/// Every view. The first of a layout is the one offered first.
#[must_use]
pub fn views() -> &'static [View] {
    &VIEWS
}

use Entry::{Base, Clip, Empty, In, Out, Slot, Slots, T5};

/// `lead`, then the slots from `first` on, then `tail`; N must be the total.
const fn run<const N: usize>(lead: &[Entry], first: u16, tail: &[Entry]) -> [Entry; N] {
    let mut out = [Empty; N];
    let mut i = 0;
    while i < N {
        out[i] = if i < lead.len() {
            lead[i]
        } else if i >= N - tail.len() {
            tail[i + tail.len() - N]
        } else {
            Slot(first + (i - lead.len()) as u16)
        };
        i += 1;
    }
    out
}

/// Double i with the single blocks 2i and 2i+1.
static FL_SLOTS: [[u16; 3]; 19] = {
    let mut out = [[0; 3]; 19];
    let mut i = 0;
    while i < 19 {
        out[i] = [i as u16, 19 + 2 * i as u16, 20 + 2 * i as u16];
        i += 1;
    }
    out
};
static FL19: [Entry; 19] = {
    let mut out = [Empty; 19];
    let mut i = 0;
    while i < 19 {
        out[i] = Slots(&FL_SLOTS[i]);
        i += 1;
    }
    out
};

/// The 57 positions of diffusers' SD UNet: conv_in, 2 time and 1 class embedding, 4 × (2 res, 2 attention, down), mid 3, 4 × (3 res, 3 attention,
/// up), norm and conv out. Finer than the 25 slots: several positions fall into one slot.
static UNET57: [Entry; 57] = {
    let mut out = [Empty; 57];
    (out[0], out[1], out[2], out[3]) = (Slot(0), In, In, In);
    let mut b = 0;
    while b < 4 {
        let mut j = 0;
        while j < 2 {
            let slot = Slot((1 + 3 * b + j) as u16);
            out[4 + 5 * b + j] = slot;
            // The deepest level has no attention.
            out[4 + 5 * b + 2 + j] = if b < 3 { slot } else { Empty };
            j += 1;
        }
        out[4 + 5 * b + 4] = if b < 3 { Slot((3 * (b + 1)) as u16) } else { Empty };
        j = 0;
        while j < 3 {
            let slot = Slot((13 + 3 * b + j) as u16);
            out[27 + 7 * b + j] = slot;
            out[27 + 7 * b + 3 + j] = if b > 0 { slot } else { Empty };
            j += 1;
        }
        out[27 + 7 * b + 6] = if b < 3 { Slot((13 + 3 * b + 2) as u16) } else { Empty };
        b += 1;
    }
    (out[24], out[25], out[26], out[55], out[56]) = (Slot(12), Slot(12), Slot(12), Out, Out);
    out
};

#[rustfmt::skip]
static LBW17: [Entry; 17] = [
    Base, Slot(1), Slot(2), Slot(4), Slot(5), Slot(7), Slot(8), Slot(12),
    Slot(16), Slot(17), Slot(18), Slot(19), Slot(20), Slot(21), Slot(22), Slot(23), Slot(24),
];
#[rustfmt::skip]
static LBW12: [Entry; 12] = [
    Base, Slot(4), Slot(5), Slot(7), Slot(8), Slot(9), Slot(10), Slot(11), Slot(12), Slot(13), Slot(14), Slot(15),
];
static LBW26: [Entry; 26] = run(&[Base], 0, &[]);
static LBW20: [Entry; 20] = run(&[Base], 0, &[]);
static LBW61: [Entry; 61] = run(&[Clip, T5, In], 0, &[Out]);
static BASE57: [Entry; 58] = run(&[Base], 0, &[]);
static ALL57: [Entry; 57] = run(&[], 0, &[]);

/// Views that communities have of their own. The plain ones of all other layouts follow from their slots.
const NAMED: [View; 9] = [
    View { id: "lbw17", layout: "sd_unet_25", entries: &LBW17 },
    View { id: "lbw26", layout: "sd_unet_25", entries: &LBW26 },
    View { id: "unet_57", layout: "sd_unet_25", entries: &UNET57 },
    View { id: "lbw12", layout: "sdxl_unet_19", entries: &LBW12 },
    View { id: "lbw20", layout: "sdxl_unet_19", entries: &LBW20 },
    View { id: "lbw61", layout: "flux_unet_57", entries: &LBW61 },
    View { id: "inspire58", layout: "flux_unet_57", entries: &BASE57 },
    View { id: "db57", layout: "flux_unet_57", entries: &ALL57 },
    View { id: "fl19", layout: "flux_unet_57", entries: &FL19 },
];

/// Most slots of a layout with plain views.
const MOST: usize = 64;
static EVERY: [Entry; MOST] = run(&[], 0, &[]);
static EVERY_WITH_BASE: [Entry; MOST + 1] = run(&[Base], 0, &[]);

/// `b00` … `b64`, and the same behind other letters.
static B_IDS: [[u8; 3]; MOST + 1] = numbered("b");
static DB_IDS: [[u8; 4]; MOST + 1] = numbered("db");
static BASE_IDS: [[u8; 6]; MOST + 1] = numbered("base");
static B_NAMES: [&str; MOST + 1] = texts(&B_IDS);
static DB_NAMES: [&str; MOST + 1] = texts(&DB_IDS);
static BASE_NAMES: [&str; MOST + 1] = texts(&BASE_IDS);

static VIEWS: [View; NAMED.len() + 2 * (LAYOUTS.len() - 3)] = {
    let mut out = [NAMED[0]; NAMED.len() + 2 * (LAYOUTS.len() - 3)];
    let (mut at, mut i) = (0, 0);
    while at < NAMED.len() {
        out[at] = NAMED[at];
        at += 1;
    }
    while i < LAYOUTS.len() {
        let Layout { id, family, slots, .. } = LAYOUTS[i];
        // Three layouts have views of their own.
        if !matches!(family, Family::Sd1 | Family::Sdxl | Family::Flux1) {
            let n = slots.len();
            let id_of_all = if matches!(slots[0].group, Group::Double) { DB_NAMES[n] } else { B_NAMES[n] };
            out[at] = View { id: id_of_all, layout: id, entries: EVERY.split_at(n).0 };
            out[at + 1] = View { id: BASE_NAMES[n], layout: id, entries: EVERY_WITH_BASE.split_at(n + 1).0 };
            at += 2;
        }
        i += 1;
    }
    out
};

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(id: &str) -> Vec<String> {
        let view = views().iter().find(|v| v.id == id).unwrap();
        let layout = Layout::by_id(view.layout).unwrap();
        let label = |e: &Entry| match e {
            Slot(i) => layout.slots[usize::from(*i)].label.to_owned(),
            Slots(s) => s.iter().map(|i| layout.slots[usize::from(*i)].label).collect::<Vec<_>>().join("+"),
            other => format!("{other:?}"),
        };
        view.entries.iter().map(label).collect()
    }

    #[test]
    fn lbw_vectors_name_the_attention_blocks() {
        let sd = "Base IN01 IN02 IN04 IN05 IN07 IN08 M00 OUT03 OUT04 OUT05 OUT06 OUT07 OUT08 OUT09 OUT10 OUT11";
        assert_eq!(labels("lbw17").join(" "), sd);
        assert_eq!(labels("lbw12").join(" "), "Base IN04 IN05 IN07 IN08 M00 OUT00 OUT01 OUT02 OUT03 OUT04 OUT05");
    }

    #[test]
    fn flux_vectors() {
        let v = labels("lbw61");
        assert_eq!(
            (&v[..4], v[21].as_str(), v[22].as_str(), v[60].as_str()),
            (&["Clip", "T5", "In", "D00"].map(String::from)[..], "D18", "S00", "Out")
        );
        assert_eq!(labels("fl19")[18], "D18+S36+S37");
    }

    #[test]
    fn unet_57_follows_the_diffusers_order() {
        let v = labels("unet_57");
        assert_eq!((v[4].as_str(), v[6].as_str(), v[8].as_str()), ("IN01", "IN01", "IN03"));
        assert_eq!((v[21].as_str(), v[23].as_str(), v[30].as_str(), v[33].as_str()), ("Empty", "Empty", "Empty", "OUT02"));
        assert_eq!((v[37].as_str(), v[54].as_str(), v[53].as_str()), ("OUT03", "Empty", "OUT11"));
    }

    #[test]
    fn every_entry_points_into_its_layout() {
        for view in views() {
            let n = Layout::by_id(view.layout).unwrap().slots.len() as u16;
            for entry in view.entries {
                let inside = match entry {
                    Slot(i) => *i < n,
                    Slots(s) => s.iter().all(|i| *i < n),
                    _ => true,
                };
                assert!(inside, "{} {entry:?}", view.id);
            }
        }
    }
}
