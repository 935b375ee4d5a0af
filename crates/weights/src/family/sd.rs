//! The UNets: SD 1, SD 2, SDXL. Their names and blocks follow rules (`keys::unet`) instead of a table.

use super::Family;
use super::entry::Entry;
use crate::layout::{Group, IN, Layout, M, OUT, Slot, slots};

static SD_SLOTS: [Slot; 25] = slots(&[(Group::In, &IN, 12), (Group::Mid, &M, 1), (Group::Out, &OUT, 12)]);
static SDXL_SLOTS: [Slot; 19] = slots(&[(Group::In, &IN, 9), (Group::Mid, &M, 1), (Group::Out, &OUT, 9)]);

pub(super) static SD1: Entry = Entry::new(Family::Sd1, "sd1", "SD 1.5", &[Layout::first("sd_unet_25", Family::Sd1, &SD_SLOTS)]);
pub(super) static SD2: Entry = Entry::sharing(Family::Sd2, "sd2", "SD 2", Family::Sd1);
pub(super) static SDXL: Entry = Entry::new(Family::Sdxl, "sdxl", "SDXL", &[Layout::first("sdxl_unet_19", Family::Sdxl, &SDXL_SLOTS)]);

/// What metadata calls them: beginnings in lower case, letters and digits only.
#[cfg(feature = "engine")]
pub(super) static CLAIMS: [(&str, Family); 8] = [
    ("stablediffusionxl", Family::Sdxl),
    ("sdxl", Family::Sdxl),
    ("stablediffusionv1", Family::Sd1),
    ("sdv1", Family::Sd1),
    ("sd1", Family::Sd1),
    ("stablediffusionv2", Family::Sd2),
    ("sdv2", Family::Sd2),
    ("sd2", Family::Sd2),
];
