//! Lumina Image 2: the layout of layers that Z-Image took over, 2304 wide; keys and values have a third of the heads.

use super::Family;
use super::entry::Entry;
use crate::layout::{B, Group, Layout, REFINERS, Slot, slots};

static SLOTS: [Slot; 30] = slots(&[(Group::Blocks, &B, 26), (Group::Refiner, &REFINERS, 4)]);

pub(super) static ENTRY: Entry =
    Entry::new(Family::Lumina2, "lumina2", "Lumina 2", &[Layout::first("lumina2_dit_30", Family::Lumina2, &SLOTS)]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use super::Group::{Blocks, Refiner};
    use crate::family::model::{ANY, Dim, F, H, Leaf, M, Model, Outside, Part, Section, Size, T, X, at, fused, leaf, norm, section};
    use crate::keys::Rows;
    use crate::layout::Extra;

    // q has as many rows as the layer has columns; k and v have M each.
    static QKV: [Part; 3] = [
        Part { name: "attn.to_q", out: H, rows: Rows::Nth(0) },
        Part { name: "attn.to_k", out: M, rows: Rows::After { columns: 1, own: 0 } },
        Part { name: "attn.to_v", out: M, rows: Rows::After { columns: 1, own: 1 } },
    ];

    static LAYER: [Leaf; 8] = [
        fused("attention.qkv", ANY, H, &QKV),
        leaf("attention.out", "attn.to_out.0", H, H),
        leaf("feed_forward.w1", "feed_forward.linear_1", F, H),
        leaf("feed_forward.w2", "feed_forward.linear_2", H, F),
        leaf("feed_forward.w3", "feed_forward.linear_3", F, H),
        leaf("adaLN_modulation.1", "norm1.linear", H.x(4), X),
        norm("attention.q_norm", "attn.norm_q"),
        norm("attention.k_norm", "attn.norm_k"),
    ];
    static CONTEXT: [Leaf; 7] = [LAYER[0], LAYER[1], LAYER[2], LAYER[3], LAYER[4], LAYER[6], LAYER[7]];

    static SECTIONS: [Section; 3] = [
        section("layers.", "layers.", Blocks, &LAYER),
        section("noise_refiner.", "noise_refiner.", Refiner, &LAYER),
        section("context_refiner.", "context_refiner.", Refiner, &CONTEXT),
    ];

    static OUTSIDE: [Outside; 6] = [
        at(Extra::In, leaf("x_embedder", "x_embedder", H, Dim::Fixed(64))),
        at(Extra::In, leaf("cap_embedder.1", "time_caption_embed.caption_embedder.1", H, T)),
        at(Extra::In, leaf("t_embedder.mlp.0", "time_caption_embed.timestep_embedder.linear_1", X, Dim::Fixed(256))),
        at(Extra::In, leaf("t_embedder.mlp.2", "time_caption_embed.timestep_embedder.linear_2", X, X)),
        at(Extra::Out, leaf("final_layer.linear", "norm_out.linear_2", ANY, H)),
        at(Extra::Out, leaf("final_layer.adaLN_modulation.1", "norm_out.linear_1", H, X)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Lumina2,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "lumina2_dit_30", counts: &[26, 2, 2], widths: [2304, 9216, 2304, 768, 1024] }],
        claims: &["lumina"],
    };
}
