//! Stable Cascade, stage C: two levels down and two up. A block is three modules: residual, timestep, attention.

use super::Family;
use super::entry::Entry;
use crate::layout::{Group, IN, Layout, OUT, Slot, slots};

static FULL: [Slot; 64] = slots(&[(Group::In, &IN, 32), (Group::Out, &OUT, 32)]);
static LITE: [Slot; 32] = slots(&[(Group::In, &IN, 16), (Group::Out, &OUT, 16)]);

pub(super) static ENTRY: Entry = Entry::new(
    Family::Cascade,
    "cascade",
    "Stable Cascade",
    &[Layout::first("cascade_unet_64", Family::Cascade, &FULL), Layout::first("cascade_unet_32", Family::Cascade, &LITE)],
);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use super::Group::{In, Out};
    use crate::family::model::{ANY, Alias, H, Leaf, Model, Outside, Part, Place, Section, Size, alias, at, fused, leaf, qkv, same};
    use crate::keys::Rows;
    use crate::layout::Extra;

    static QKV: [Part; 3] = qkv("attention.to_q", "attention.to_k", "attention.to_v");

    static MODULE: [Leaf; 9] = [
        fused("attention.attn.in_proj", H.x(3), H, &QKV),
        leaf("attention.attn.out_proj", "attention.to_out.0", H, H),
        same("kv_mapper.1", H, H),
        // It reads the skip connection too, where there is one.
        same("channelwise.0", H.x(4), ANY),
        same("channelwise.4", H, H.x(4)),
        same("depthwise", H, ANY),
        same("mapper", H.x(2), ANY),
        same("mapper_sca", H.x(2), ANY),
        same("mapper_crp", H.x(2), ANY),
    ];
    /// A residual module, one that reads the time, one that attends.
    static TURNS: [u8; 9] = [2, 2, 2, 0, 0, 0, 1, 1, 1];
    static ALIASES: [Alias; 3] = [
        alias("attention.attn.to_q", "attention.attn.in_proj", Rows::Nth(0)),
        alias("attention.attn.to_k", "attention.attn.in_proj", Rows::Nth(1)),
        alias("attention.attn.to_v", "attention.attn.in_proj", Rows::Nth(2)),
    ];

    const fn level(stem: &'static str, group: super::Group) -> Section {
        let place = Place::Slots { group, stride: 3 };
        Section { native: stem, diffusers: stem, place, leaves: &MODULE, aliases: &ALIASES, turns: &TURNS }
    }

    static SECTIONS: [Section; 4] =
        [level("down_blocks.0.", In), level("down_blocks.1.", In), level("up_blocks.0.", Out), level("up_blocks.1.", Out)];

    static OUTSIDE: [Outside; 6] = [
        at(Extra::In, same("clip_txt_mapper", ANY, ANY)),
        at(Extra::In, same("clip_txt_pooled_mapper", ANY, ANY)),
        at(Extra::In, same("clip_img_mapper", ANY, ANY)),
        at(Extra::In, same("embedding.1", H, ANY)),
        at(Extra::Out, same("clf.1", ANY, H)),
        at(Extra::In, same("effnet_mapper.0", ANY, ANY)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Cascade,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[
            Size { label: "", layout: "cascade_unet_64", counts: &[24, 72, 72, 24], widths: [2048, 0, 0, 0, 0] },
            Size { label: "lite", layout: "cascade_unet_32", counts: &[12, 36, 36, 12], widths: [1536, 0, 0, 0, 0] },
        ],
        claims: &["stablecascade", "cascade"],
    };
}
