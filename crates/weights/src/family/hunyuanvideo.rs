//! HunyuanVideo (and what was trained from it: FramePack, SkyReels V1).

use super::Family;
use super::entry::Entry;
use crate::layout::{D, Group, Layout, S, Slot, slots};

pub(super) static SLOTS: [Slot; 60] = slots(&[(Group::Double, &D, 20), (Group::Single, &S, 40)]);
pub(super) static ENTRY: Entry =
    Entry::new(Family::HunyuanVideo, "hunyuanvideo", "HunyuanVideo", &[Layout::first("hunyuanvideo_dit_60", Family::HunyuanVideo, &SLOTS)]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
pub(super) mod engine {
    use super::Family;
    use super::Group::{Double, Single};
    use crate::family::flux1::engine::{FINAL, IMG_QKV, LINEAR1, TXT_QKV};
    use crate::family::model::{ANY, Alias, Dim, H, Leaf, Model, Outside, Section, Size, T, alias, aside, at, fused, leaf, norm, section};
    use crate::keys::Rows;
    use crate::layout::Extra;

    pub(in crate::family) static DOUBLE: [Leaf; 14] = [
        fused("img_attn_qkv", H.x(3), H, &IMG_QKV),
        fused("txt_attn_qkv", H.x(3), H, &TXT_QKV),
        leaf("img_attn_proj", "attn.to_out.0", H, H),
        leaf("txt_attn_proj", "attn.to_add_out", H, H),
        leaf("img_mlp.fc1", "ff.net.0.proj", H.x(4), H),
        leaf("img_mlp.fc2", "ff.net.2", H, H.x(4)),
        leaf("txt_mlp.fc1", "ff_context.net.0.proj", H.x(4), H),
        leaf("txt_mlp.fc2", "ff_context.net.2", H, H.x(4)),
        leaf("img_mod.linear", "norm1.linear", H.x(6), H),
        leaf("txt_mod.linear", "norm1_context.linear", H.x(6), H),
        norm("img_attn_q_norm", "attn.norm_q"),
        norm("img_attn_k_norm", "attn.norm_k"),
        norm("txt_attn_q_norm", "attn.norm_added_q"),
        norm("txt_attn_k_norm", "attn.norm_added_k"),
    ];

    static SINGLE: [Leaf; 5] = [
        fused("linear1", H.x(7), H, &LINEAR1),
        leaf("linear2", "proj_out", H, H.x(5)),
        leaf("modulation.linear", "norm.linear", H.x(3), H),
        norm("q_norm", "attn.norm_q"),
        norm("k_norm", "attn.norm_k"),
    ];

    /// ComfyUI's model has the names of Flux where the original has others.
    pub(in crate::family) static COMFY_DOUBLE: [Alias; 10] = [
        alias("img_mlp.0", "img_mlp.fc1", Rows::All),
        alias("img_mlp.2", "img_mlp.fc2", Rows::All),
        alias("txt_mlp.0", "txt_mlp.fc1", Rows::All),
        alias("txt_mlp.2", "txt_mlp.fc2", Rows::All),
        alias("img_mod.lin", "img_mod.linear", Rows::All),
        alias("txt_mod.lin", "txt_mod.linear", Rows::All),
        alias("img_attn.norm.query_norm", "img_attn_q_norm", Rows::All),
        alias("img_attn.norm.key_norm", "img_attn_k_norm", Rows::All),
        alias("txt_attn.norm.query_norm", "txt_attn_q_norm", Rows::All),
        alias("txt_attn.norm.key_norm", "txt_attn_k_norm", Rows::All),
    ];
    static COMFY_SINGLE: [Alias; 3] = [
        alias("modulation.lin", "modulation.linear", Rows::All),
        alias("norm.query_norm", "q_norm", Rows::All),
        alias("norm.key_norm", "k_norm", Rows::All),
    ];

    pub(in crate::family) static REFINER: [Leaf; 5] = [
        fused("self_attn_qkv", H.x(3), H, &IMG_QKV),
        leaf("self_attn_proj", "attn.to_out.0", H, H),
        leaf("mlp.fc1", "ff.net.0.proj", H.x(4), H),
        leaf("mlp.fc2", "ff.net.2", H, H.x(4)),
        leaf("adaLN_modulation.1", "norm_out.linear", H.x(2), H),
    ];
    pub(in crate::family) static COMFY_REFINER: [Alias; 4] = [
        alias("self_attn.qkv", "self_attn_qkv", Rows::All),
        alias("self_attn.proj", "self_attn_proj", Rows::All),
        alias("mlp.0", "mlp.fc1", Rows::All),
        alias("mlp.2", "mlp.fc2", Rows::All),
    ];

    pub(in crate::family) const TXT_IN: Section =
        aside("txt_in.individual_token_refiner.blocks.", "context_embedder.token_refiner.refiner_blocks.", Extra::Ref, &REFINER)
            .with(&COMFY_REFINER);

    pub(in crate::family) static SECTIONS: [Section; 3] = [
        section("double_blocks.", "transformer_blocks.", Double, &DOUBLE).with(&COMFY_DOUBLE),
        section("single_blocks.", "single_transformer_blocks.", Single, &SINGLE).with(&COMFY_SINGLE),
        TXT_IN,
    ];

    static OUTSIDE: [Outside; 14] = [
        at(Extra::In, leaf("img_in.proj", "x_embedder.proj", H, ANY)),
        at(Extra::In, leaf("txt_in.input_embedder", "context_embedder.proj_in", H, T)),
        at(Extra::In, leaf("txt_in.t_embedder.mlp.0", "context_embedder.time_text_embed.timestep_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("txt_in.t_embedder.mlp.2", "context_embedder.time_text_embed.timestep_embedder.linear_2", H, H)),
        at(Extra::In, leaf("txt_in.c_embedder.linear_1", "context_embedder.time_text_embed.text_embedder.linear_1", H, T)),
        at(Extra::In, leaf("txt_in.c_embedder.linear_2", "context_embedder.time_text_embed.text_embedder.linear_2", H, H)),
        at(Extra::In, leaf("time_in.mlp.0", "time_text_embed.timestep_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("time_in.mlp.2", "time_text_embed.timestep_embedder.linear_2", H, H)),
        at(Extra::In, leaf("vector_in.in_layer", "time_text_embed.text_embedder.linear_1", H, Dim::Fixed(768))),
        at(Extra::In, leaf("vector_in.out_layer", "time_text_embed.text_embedder.linear_2", H, H)),
        at(Extra::In, leaf("guidance_in.mlp.0", "time_text_embed.guidance_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("guidance_in.mlp.2", "time_text_embed.guidance_embedder.linear_2", H, H)),
        FINAL[0],
        FINAL[1],
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::HunyuanVideo,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "hunyuanvideo_dit_60", counts: &[20, 40, 2], widths: [3072, 0, 4096, 0, 0] }],
        claims: &["hunyuanvideo", "hunyuan", "framepack", "hyv"],
    };
}
