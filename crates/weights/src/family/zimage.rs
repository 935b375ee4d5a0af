//! Z-Image: single-stream layers behind two noise and two context refiners, which count as blocks.

use super::Family;
use super::entry::Entry;
use crate::layout::{B, Group, Layout, REFINERS, Slot, slots};

static SLOTS: [Slot; 34] = slots(&[(Group::Blocks, &B, 30), (Group::Refiner, &REFINERS, 4)]);

pub(super) static ENTRY: Entry = Entry::new(Family::ZImage, "zimage", "Z-Image", &[Layout::first("zimage_dit_34", Family::ZImage, &SLOTS)]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use super::Group::{Blocks, Refiner};
    use crate::family::model::{
        ANY, Alias, Dim, F, H, Leaf, M, Model, Outside, Part, Section, Size, T, alias, at, fused, leaf, norm, qkv, same, section,
    };
    use crate::keys::Rows;
    use crate::layout::Extra;

    static QKV: [Part; 3] = qkv("attention.to_q", "attention.to_k", "attention.to_v");

    static LAYER: [Leaf; 8] = [
        fused("attention.qkv", H.x(3), H, &QKV),
        leaf("attention.out", "attention.to_out.0", H, H),
        same("feed_forward.w1", F, H),
        same("feed_forward.w2", H, F),
        same("feed_forward.w3", F, H),
        same("adaLN_modulation.0", H.x(4), M),
        norm("attention.q_norm", "attention.norm_q"),
        norm("attention.k_norm", "attention.norm_k"),
    ];
    static CONTEXT: [Leaf; 7] = [LAYER[0], LAYER[1], LAYER[2], LAYER[3], LAYER[4], LAYER[6], LAYER[7]];
    static ALIASES: [Alias; 1] = [alias("attention.to_out", "attention.out", Rows::All)];

    static SECTIONS: [Section; 3] = [
        section("layers.", "layers.", Blocks, &LAYER).with(&ALIASES),
        section("noise_refiner.", "noise_refiner.", Refiner, &LAYER).with(&ALIASES),
        section("context_refiner.", "context_refiner.", Refiner, &CONTEXT).with(&ALIASES),
    ];

    static OUTSIDE: [Outside; 6] = [
        at(Extra::In, leaf("x_embedder", "all_x_embedder.2-1", H, Dim::Fixed(64))),
        at(Extra::In, same("cap_embedder.1", H, T)),
        at(Extra::In, same("t_embedder.mlp.0", Dim::Fixed(1024), M)),
        at(Extra::In, same("t_embedder.mlp.2", M, Dim::Fixed(1024))),
        at(Extra::Out, leaf("final_layer.linear", "all_final_layer.2-1.linear", ANY, H)),
        at(Extra::Out, leaf("final_layer.adaLN_modulation.1", "all_final_layer.2-1.adaLN_modulation.1", H, M)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::ZImage,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "zimage_dit_34", counts: &[30, 2, 2], widths: [3840, 10240, 2560, 256, 0] }],
        claims: &["zimage", "zim"],
    };
}
