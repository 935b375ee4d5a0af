//! Ovis-Image: the plan of Flux.1 with fewer blocks and gated feed-forward layers.

use super::Family;
use super::entry::Entry;
use crate::layout::{D, Group, Layout, S, Slot, slots};

static SLOTS: [Slot; 33] = slots(&[(Group::Double, &D, 6), (Group::Single, &S, 27)]);
pub(super) static ENTRY: Entry = Entry::new(Family::Ovis, "ovis", "Ovis-Image", &[Layout::first("ovis_dit_33", Family::Ovis, &SLOTS)]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use super::Group::{Double, Single};
    use crate::family::flux1::engine::{FINAL, IMG_QKV, TXT_QKV};
    use crate::family::model::{ANY, Dim, H, Leaf, Model, Outside, Part, Section, Size, T, at, fused, leaf, norm, nth, section};
    use crate::keys::Rows;
    use crate::layout::Extra;

    static DOUBLE: [Leaf; 14] = [
        fused("img_attn.qkv", H.x(3), H, &IMG_QKV),
        fused("txt_attn.qkv", H.x(3), H, &TXT_QKV),
        leaf("img_attn.proj", "attn.to_out.0", H, H),
        leaf("txt_attn.proj", "attn.to_add_out", H, H),
        leaf("img_mlp.0", "ff.net.0.proj", H.x(8), H),
        leaf("img_mlp.2", "ff.net.2", H, H.x(4)),
        leaf("txt_mlp.0", "ff_context.net.0.proj", H.x(8), H),
        leaf("txt_mlp.2", "ff_context.net.2", H, H.x(4)),
        leaf("img_mod.lin", "norm1.linear", H.x(6), H),
        leaf("txt_mod.lin", "norm1_context.linear", H.x(6), H),
        norm("img_attn.norm.query_norm", "attn.norm_q"),
        norm("img_attn.norm.key_norm", "attn.norm_k"),
        norm("txt_attn.norm.query_norm", "attn.norm_added_q"),
        norm("txt_attn.norm.key_norm", "attn.norm_added_k"),
    ];

    static LINEAR1: [Part; 4] = [
        nth("attn.to_q", 0, H),
        nth("attn.to_k", 1, H),
        nth("attn.to_v", 2, H),
        Part { name: "proj_mlp", out: H.x(8), rows: Rows::AFTER_QKV },
    ];
    static SINGLE: [Leaf; 5] = [
        fused("linear1", H.x(11), H, &LINEAR1),
        leaf("linear2", "proj_out", H, H.x(5)),
        leaf("modulation.lin", "norm.linear", H.x(3), H),
        norm("norm.query_norm", "attn.norm_q"),
        norm("norm.key_norm", "attn.norm_k"),
    ];

    static SECTIONS: [Section; 2] = [
        section("double_blocks.", "transformer_blocks.", Double, &DOUBLE),
        section("single_blocks.", "single_transformer_blocks.", Single, &SINGLE),
    ];

    static OUTSIDE: [Outside; 6] = [
        at(Extra::In, leaf("img_in", "x_embedder", H, ANY)),
        at(Extra::In, leaf("txt_in", "context_embedder", H, T)),
        at(Extra::In, leaf("time_in.in_layer", "timestep_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("time_in.out_layer", "timestep_embedder.linear_2", H, H)),
        FINAL[0],
        FINAL[1],
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Ovis,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "ovis_dit_33", counts: &[6, 27], widths: [3072, 0, 2048, 0, 0] }],
        claims: &["ovis"],
    };
}
