//! HunyuanDiT 1.1 and 1.2.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry =
    Entry::new(Family::HunyuanDit, "hunyuandit", "HunyuanDiT", &[Layout::first("hunyuandit_dit_40", Family::HunyuanDit, blocks(40))]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::model::{
        ANY, Dim, F, H, Leaf, Model, Outside, Part, Section, Size, T, at, fused, leaf, norm, nth, qkv, same, section, swapped,
    };
    use crate::layout::{Extra, Group};

    static QKV: [Part; 3] = qkv("attn1.to_q", "attn1.to_k", "attn1.to_v");
    static KV: [Part; 2] = [nth("attn2.to_k", 0, H), nth("attn2.to_v", 1, H)];

    static BLOCK: [Leaf; 13] = [
        fused("attn1.Wqkv", H.x(3), H, &QKV),
        leaf("attn1.out_proj", "attn1.to_out.0", H, H),
        leaf("attn2.q_proj", "attn2.to_q", H, H),
        fused("attn2.kv_proj", H.x(2), T, &KV),
        leaf("attn2.out_proj", "attn2.to_out.0", H, H),
        leaf("mlp.fc1", "ff.net.0.proj", F, H),
        leaf("mlp.fc2", "ff.net.2", H, F),
        leaf("default_modulation.1", "norm1.linear", H, H),
        same("skip_linear", H, H.x(2)),
        norm("attn1.q_norm", "attn1.norm_q"),
        norm("attn1.k_norm", "attn1.norm_k"),
        norm("attn2.q_norm", "attn2.norm_q"),
        norm("attn2.k_norm", "attn2.norm_k"),
    ];

    static SECTIONS: [Section; 1] = [section("blocks.", "blocks.", Group::Blocks, &BLOCK)];

    static OUTSIDE: [Outside; 13] = [
        at(Extra::In, leaf("t_embedder.mlp.0", "time_extra_emb.timestep_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("t_embedder.mlp.2", "time_extra_emb.timestep_embedder.linear_2", H, H)),
        at(Extra::In, leaf("pooler.q_proj", "time_extra_emb.pooler.q_proj", ANY, ANY)),
        at(Extra::In, leaf("pooler.k_proj", "time_extra_emb.pooler.k_proj", ANY, ANY)),
        at(Extra::In, leaf("pooler.v_proj", "time_extra_emb.pooler.v_proj", ANY, ANY)),
        at(Extra::In, leaf("pooler.c_proj", "time_extra_emb.pooler.c_proj", ANY, ANY)),
        at(Extra::In, leaf("extra_embedder.0", "time_extra_emb.extra_embedder.linear_1", ANY, ANY)),
        at(Extra::In, leaf("extra_embedder.2", "time_extra_emb.extra_embedder.linear_2", H, ANY)),
        at(Extra::Out, swapped("final_layer.adaLN_modulation.1", "norm_out.linear", H.x(2), H)),
        at(Extra::In, leaf("mlp_t5.0", "text_embedder.linear_1", ANY, ANY)),
        at(Extra::In, leaf("mlp_t5.2", "text_embedder.linear_2", ANY, ANY)),
        at(Extra::In, leaf("x_embedder.proj", "pos_embed.proj", H, ANY)),
        at(Extra::Out, leaf("final_layer.linear", "proj_out", ANY, H)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::HunyuanDit,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "hunyuandit_dit_40", counts: &[40], widths: [1408, 6144, 1024, 0, 0] }],
        claims: &["hunyuandit"],
    };
}
