//! Flux.1: dev, schnell, Krea, Kontext, Fill. All have the same blocks.

use super::Family;
use super::entry::Entry;
use crate::layout::{D, Group, Layout, S, Slot, slots};

pub(super) static SLOTS: [Slot; 57] = slots(&[(Group::Double, &D, 19), (Group::Single, &S, 38)]);
pub(super) static ENTRY: Entry = Entry::new(Family::Flux1, "flux1", "Flux.1", &[Layout::first("flux_unet_57", Family::Flux1, &SLOTS)]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
pub(super) mod engine {
    use super::Family;
    use super::Group::{Double, Single};
    use crate::family::model::{
        Alias, Dim, H, Leaf, Model, Outside, Part, Section, Size, T, alias, at, fused, leaf, norm, nth, qkv, section, swapped,
    };
    use crate::keys::Rows;
    use crate::layout::Extra;

    pub(in crate::family) static IMG_QKV: [Part; 3] = qkv("attn.to_q", "attn.to_k", "attn.to_v");
    pub(in crate::family) static TXT_QKV: [Part; 3] = qkv("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj");

    static DOUBLE: [Leaf; 14] = [
        fused("img_attn.qkv", H.x(3), H, &IMG_QKV),
        fused("txt_attn.qkv", H.x(3), H, &TXT_QKV),
        leaf("img_attn.proj", "attn.to_out.0", H, H),
        leaf("txt_attn.proj", "attn.to_add_out", H, H),
        leaf("img_mlp.0", "ff.net.0.proj", H.x(4), H),
        leaf("img_mlp.2", "ff.net.2", H, H.x(4)),
        leaf("txt_mlp.0", "ff_context.net.0.proj", H.x(4), H),
        leaf("txt_mlp.2", "ff_context.net.2", H, H.x(4)),
        leaf("img_mod.lin", "norm1.linear", H.x(6), H),
        leaf("txt_mod.lin", "norm1_context.linear", H.x(6), H),
        norm("img_attn.norm.query_norm", "attn.norm_q"),
        norm("img_attn.norm.key_norm", "attn.norm_k"),
        norm("txt_attn.norm.query_norm", "attn.norm_added_q"),
        norm("txt_attn.norm.key_norm", "attn.norm_added_k"),
    ];

    /// Rows of `linear1`: q, k, v, and four times as many of the feed-forward layer.
    pub(in crate::family) static LINEAR1: [Part; 4] = [
        nth("attn.to_q", 0, H),
        nth("attn.to_k", 1, H),
        nth("attn.to_v", 2, H),
        Part { name: "proj_mlp", out: H.x(4), rows: Rows::AFTER_QKV },
    ];

    static SINGLE: [Leaf; 5] = [
        fused("linear1", H.x(7), H, &LINEAR1),
        leaf("linear2", "proj_out", H, H.x(5)),
        leaf("modulation.lin", "norm.linear", H.x(3), H),
        norm("norm.query_norm", "attn.norm_q"),
        norm("norm.key_norm", "attn.norm_k"),
    ];

    /// XLabs: 1 is the image, 2 the text half.
    pub(in crate::family) static XLABS_DOUBLE: [Alias; 4] = [
        alias("processor.qkv_lora1", "img_attn.qkv", Rows::All),
        alias("processor.qkv_lora2", "txt_attn.qkv", Rows::All),
        alias("processor.proj_lora1", "img_attn.proj", Rows::All),
        alias("processor.proj_lora2", "txt_attn.proj", Rows::All),
    ];
    /// XLabs: the single block's `qkv_lora` covers the first 3h rows of `linear1`.
    pub(in crate::family) static XLABS_SINGLE: [Alias; 2] =
        [alias("processor.qkv_lora", "linear1", Rows::Nth(0)), alias("processor.proj_lora", "linear2", Rows::All)];

    static SECTIONS: [Section; 2] = [
        section("double_blocks.", "transformer_blocks.", Double, &DOUBLE).with(&XLABS_DOUBLE),
        section("single_blocks.", "single_transformer_blocks.", Single, &SINGLE).with(&XLABS_SINGLE),
    ];

    /// diffusers has (scale, shift) where the native layer has (shift, scale).
    pub(in crate::family) const FINAL: [Outside; 2] = [
        at(Extra::Out, leaf("final_layer.linear", "proj_out", Dim::Any, H)),
        at(Extra::Out, swapped("final_layer.adaLN_modulation.1", "norm_out.linear", H.x(2), H)),
    ];

    // img_in is wider in control and fill models.
    static OUTSIDE: [Outside; 10] = [
        at(Extra::In, leaf("img_in", "x_embedder", H, Dim::Any)),
        at(Extra::In, leaf("txt_in", "context_embedder", H, T)),
        at(Extra::In, leaf("time_in.in_layer", "time_text_embed.timestep_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("time_in.out_layer", "time_text_embed.timestep_embedder.linear_2", H, H)),
        at(Extra::In, leaf("vector_in.in_layer", "time_text_embed.text_embedder.linear_1", H, Dim::Fixed(768))),
        at(Extra::In, leaf("vector_in.out_layer", "time_text_embed.text_embedder.linear_2", H, H)),
        at(Extra::In, leaf("guidance_in.in_layer", "time_text_embed.guidance_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("guidance_in.out_layer", "time_text_embed.guidance_embedder.linear_2", H, H)),
        FINAL[0],
        FINAL[1],
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Flux1,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "flux_unet_57", counts: &[19, 38], widths: [3072, 0, 4096, 0, 0] }],
        claims: &["flux"],
    };
}
