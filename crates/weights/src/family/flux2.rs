//! Flux.2: dev, Klein 9B, Klein 4B. The modulation is shared by all blocks of a sort; the feed-forward layers are gated.

use super::Family;
use super::entry::Entry;
use crate::layout::{D, Group, Layout, S, Slot, slots};

static DEV: [Slot; 56] = slots(&[(Group::Double, &D, 8), (Group::Single, &S, 48)]);
static KLEIN_9B: [Slot; 32] = slots(&[(Group::Double, &D, 8), (Group::Single, &S, 24)]);
static KLEIN_4B: [Slot; 25] = slots(&[(Group::Double, &D, 5), (Group::Single, &S, 20)]);

pub(super) static ENTRY: Entry = Entry::new(
    Family::Flux2,
    "flux2",
    "Flux.2",
    &[
        Layout::first("flux2_transformer_56", Family::Flux2, &DEV),
        Layout::first("flux2_transformer_32", Family::Flux2, &KLEIN_9B),
        Layout::first("flux2_transformer_25", Family::Flux2, &KLEIN_4B),
    ],
);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use super::Group::{Double, Single};
    use crate::family::flux1::engine::{FINAL, IMG_QKV, TXT_QKV};
    use crate::family::model::{Dim, H, Leaf, Model, Outside, Section, Size, T, at, fused, leaf, norm, section};
    use crate::layout::Extra;

    static DOUBLE: [Leaf; 12] = [
        fused("img_attn.qkv", H.x(3), H, &IMG_QKV),
        fused("txt_attn.qkv", H.x(3), H, &TXT_QKV),
        leaf("img_attn.proj", "attn.to_out.0", H, H),
        leaf("txt_attn.proj", "attn.to_add_out", H, H),
        leaf("img_mlp.0", "ff.linear_in", H.x(6), H),
        leaf("img_mlp.2", "ff.linear_out", H, H.x(3)),
        leaf("txt_mlp.0", "ff_context.linear_in", H.x(6), H),
        leaf("txt_mlp.2", "ff_context.linear_out", H, H.x(3)),
        norm("img_attn.norm.query_norm", "attn.norm_q"),
        norm("img_attn.norm.key_norm", "attn.norm_k"),
        norm("txt_attn.norm.query_norm", "attn.norm_added_q"),
        norm("txt_attn.norm.key_norm", "attn.norm_added_k"),
    ];

    // diffusers keeps the single blocks fused.
    static SINGLE: [Leaf; 4] = [
        leaf("linear1", "attn.to_qkv_mlp_proj", H.x(9), H),
        leaf("linear2", "attn.to_out", H, H.x(4)),
        norm("norm.query_norm", "attn.norm_q"),
        norm("norm.key_norm", "attn.norm_k"),
    ];

    static SECTIONS: [Section; 2] = [
        section("double_blocks.", "transformer_blocks.", Double, &DOUBLE),
        section("single_blocks.", "single_transformer_blocks.", Single, &SINGLE).with(&[crate::family::model::alias(
            "attn.to_out.0",
            "linear2",
            crate::keys::Rows::All,
        )]),
    ];

    static OUTSIDE: [Outside; 11] = [
        at(Extra::In, leaf("img_in", "x_embedder", H, Dim::Any)),
        at(Extra::In, leaf("txt_in", "context_embedder", H, T)),
        at(Extra::In, leaf("time_in.in_layer", "time_guidance_embed.timestep_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("time_in.out_layer", "time_guidance_embed.timestep_embedder.linear_2", H, H)),
        at(Extra::In, leaf("guidance_in.in_layer", "time_guidance_embed.guidance_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("guidance_in.out_layer", "time_guidance_embed.guidance_embedder.linear_2", H, H)),
        at(Extra::Mod, leaf("double_stream_modulation_img.lin", "double_stream_modulation_img.linear", H.x(6), H)),
        at(Extra::Mod, leaf("double_stream_modulation_txt.lin", "double_stream_modulation_txt.linear", H.x(6), H)),
        at(Extra::Mod, leaf("single_stream_modulation.lin", "single_stream_modulation.linear", H.x(3), H)),
        FINAL[0],
        FINAL[1],
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Flux2,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[
            Size { label: "dev", layout: "flux2_transformer_56", counts: &[8, 48], widths: [6144, 0, 15360, 0, 0] },
            Size { label: "Klein 9B", layout: "flux2_transformer_32", counts: &[8, 24], widths: [4096, 0, 12288, 0, 0] },
            Size { label: "Klein 4B", layout: "flux2_transformer_25", counts: &[5, 20], widths: [3072, 0, 7680, 0, 0] },
        ],
        claims: &["flux2", "f2k"],
    };
}
