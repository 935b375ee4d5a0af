//! Mochi 1.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry = Entry::new(Family::Mochi, "mochi", "Mochi", &[Layout::first("mochi_dit_48", Family::Mochi, blocks(48))]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::model::{
        ANY, Alias, Dim, F, H, Leaf, Model, Outside, Part, Section, Size, T, X, alias, at, fused, leaf, norm, qkv, section, swapped,
    };
    use crate::keys::Rows;
    use crate::layout::{Extra, Group};

    // The text half is half as wide (X) as the image half.
    static QKV_X: [Part; 3] = qkv("attn1.to_q", "attn1.to_k", "attn1.to_v");
    static QKV_Y: [Part; 3] = qkv("attn1.add_q_proj", "attn1.add_k_proj", "attn1.add_v_proj");

    static BLOCK: [Leaf; 14] = [
        fused("attn.qkv_x", H.x(3), H, &QKV_X),
        fused("attn.qkv_y", H.x(3), X, &QKV_Y),
        leaf("attn.proj_x", "attn1.to_out.0", H, H),
        leaf("attn.proj_y", "attn1.to_add_out", X, H),
        // diffusers has the gate behind the value.
        swapped("mlp_x.w1", "ff.net.0.proj", F.x(2), H),
        leaf("mlp_x.w2", "ff.net.2", H, F),
        swapped("mlp_y.w1", "ff_context.net.0.proj", F, X),
        leaf("mlp_y.w2", "ff_context.net.2", X, ANY),
        leaf("mod_x", "norm1.linear", H.x(4), H),
        leaf("mod_y", "norm1_context.linear", ANY, H),
        norm("attn.q_norm_x", "attn1.norm_q"),
        norm("attn.k_norm_x", "attn1.norm_k"),
        norm("attn.q_norm_y", "attn1.norm_added_q"),
        norm("attn.k_norm_y", "attn1.norm_added_k"),
    ];

    // In the last block, which only reads the text.
    static ALIASES: [Alias; 1] = [alias("norm1_context.linear_1", "mod_y", Rows::All)];

    static SECTIONS: [Section; 1] = [section("blocks.", "transformer_blocks.", Group::Blocks, &BLOCK).with(&ALIASES)];

    static OUTSIDE: [Outside; 9] = [
        at(Extra::In, leaf("x_embedder.proj", "patch_embed.proj", H, ANY)),
        at(Extra::In, leaf("t_embedder.mlp.0", "time_embed.timestep_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("t_embedder.mlp.2", "time_embed.timestep_embedder.linear_2", H, H)),
        at(Extra::In, leaf("t5_y_embedder.to_kv", "time_embed.pooler.to_kv", ANY, T)),
        at(Extra::In, leaf("t5_y_embedder.to_q", "time_embed.pooler.to_q", T, T)),
        at(Extra::In, leaf("t5_y_embedder.to_out", "time_embed.pooler.to_out", H, T)),
        at(Extra::In, leaf("t5_yproj", "time_embed.caption_proj", X, T)),
        at(Extra::Out, leaf("final_layer.linear", "proj_out", ANY, H)),
        at(Extra::Out, swapped("final_layer.mod", "norm_out.linear", H.x(2), H)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Mochi,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "mochi_dit_48", counts: &[48], widths: [3072, 8192, 4096, 0, 1536] }],
        claims: &["mochi"],
    };
}
