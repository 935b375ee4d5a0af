//! Chroma: Flux.1 without a modulation in each block; one distilled guidance layer serves all.

use super::Family;
use super::entry::Entry;

pub(super) static ENTRY: Entry = Entry::sharing(Family::Chroma, "chroma", "Chroma", Family::Flux1);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::flux1::engine::{FINAL, IMG_QKV, LINEAR1, TXT_QKV, XLABS_DOUBLE, XLABS_SINGLE};
    use crate::family::model::{Dim, F, H, Leaf, Model, Outside, Section, Size, T, aside, at, fused, leaf, norm, same, section};
    use crate::layout::Extra;
    use crate::layout::Group::{Double, Single};

    static DOUBLE: [Leaf; 12] = [
        fused("img_attn.qkv", H.x(3), H, &IMG_QKV),
        fused("txt_attn.qkv", H.x(3), H, &TXT_QKV),
        leaf("img_attn.proj", "attn.to_out.0", H, H),
        leaf("txt_attn.proj", "attn.to_add_out", H, H),
        leaf("img_mlp.0", "ff.net.0.proj", H.x(4), H),
        leaf("img_mlp.2", "ff.net.2", H, H.x(4)),
        leaf("txt_mlp.0", "ff_context.net.0.proj", H.x(4), H),
        leaf("txt_mlp.2", "ff_context.net.2", H, H.x(4)),
        norm("img_attn.norm.query_norm", "attn.norm_q"),
        norm("img_attn.norm.key_norm", "attn.norm_k"),
        norm("txt_attn.norm.query_norm", "attn.norm_added_q"),
        norm("txt_attn.norm.key_norm", "attn.norm_added_k"),
    ];

    static SINGLE: [Leaf; 4] = [
        fused("linear1", H.x(7), H, &LINEAR1),
        leaf("linear2", "proj_out", H, H.x(5)),
        norm("norm.query_norm", "attn.norm_q"),
        norm("norm.key_norm", "attn.norm_k"),
    ];

    static GUIDANCE: [Leaf; 2] = [leaf("in_layer", "linear_1", F, F), leaf("out_layer", "linear_2", F, F)];

    static SECTIONS: [Section; 3] = [
        section("double_blocks.", "transformer_blocks.", Double, &DOUBLE).with(&XLABS_DOUBLE),
        section("single_blocks.", "single_transformer_blocks.", Single, &SINGLE).with(&XLABS_SINGLE),
        aside("distilled_guidance_layer.layers.", "distilled_guidance_layer.layers.", Extra::Mod, &GUIDANCE),
    ];

    static OUTSIDE: [Outside; 5] = [
        at(Extra::In, leaf("img_in", "x_embedder", H, Dim::Any)),
        at(Extra::In, leaf("txt_in", "context_embedder", H, T)),
        at(Extra::Mod, same("distilled_guidance_layer.in_proj", F, Dim::Fixed(64))),
        at(Extra::Mod, same("distilled_guidance_layer.out_proj", H, F)),
        FINAL[0],
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Chroma,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "flux_unet_57", counts: &[19, 38, 5], widths: [3072, 5120, 4096, 0, 0] }],
        claims: &["chroma"],
    };
}
