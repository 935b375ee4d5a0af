//! SD 3 and 3.5: joint blocks of an image and a text half.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry = Entry::new(
    Family::Sd3,
    "sd3",
    "SD 3",
    &[Layout::first("sd3_mmdit_24", Family::Sd3, blocks(24)), Layout::first("sd35l_mmdit_38", Family::Sd3, blocks(38))],
);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::flux1::engine::{FINAL, IMG_QKV, TXT_QKV};
    use crate::family::model::{
        ANY, Dim, H, Leaf, Model, Outside, Part, Section, Size, T, Twin, X, at, fused, leaf, norm, nth, same, section,
    };
    use crate::layout::{Extra, Group};

    static SECOND_QKV: [Part; 3] = [nth("attn2.to_q", 0, X), nth("attn2.to_k", 1, X), nth("attn2.to_v", 2, X)];

    static JOINT: [Leaf; 18] = [
        fused("x_block.attn.qkv", H.x(3), H, &IMG_QKV),
        fused("context_block.attn.qkv", H.x(3), H, &TXT_QKV),
        leaf("x_block.attn.proj", "attn.to_out.0", H, H),
        leaf("context_block.attn.proj", "attn.to_add_out", H, H),
        leaf("x_block.mlp.fc1", "ff.net.0.proj", H.x(4), H),
        leaf("x_block.mlp.fc2", "ff.net.2", H, H.x(4)),
        leaf("context_block.mlp.fc1", "ff_context.net.0.proj", H.x(4), H),
        leaf("context_block.mlp.fc2", "ff_context.net.2", H, H.x(4)),
        // 3.5 Medium modulates a second attention in its first 13 blocks.
        leaf("x_block.adaLN_modulation.1", "norm1.linear", ANY, H),
        // The last block only reads the context: there diffusers has (scale, shift), as in the final layer.
        Leaf { native: "context_block.adaLN_modulation.1", out: ANY, inp: H, twin: Twin::SwappedLast("norm1_context.linear") },
        fused("x_block.attn2.qkv", X.x(3), X, &SECOND_QKV),
        leaf("x_block.attn2.proj", "attn2.to_out.0", X, X),
        norm("x_block.attn.ln_q", "attn.norm_q"),
        norm("x_block.attn.ln_k", "attn.norm_k"),
        norm("context_block.attn.ln_q", "attn.norm_added_q"),
        norm("context_block.attn.ln_k", "attn.norm_added_k"),
        norm("x_block.attn2.ln_q", "attn2.norm_q"),
        norm("x_block.attn2.ln_k", "attn2.norm_k"),
    ];

    static SECTIONS: [Section; 1] = [section("joint_blocks.", "transformer_blocks.", Group::Blocks, &JOINT)];

    static OUTSIDE: [Outside; 8] = [
        at(Extra::In, leaf("x_embedder.proj", "pos_embed.proj", H, ANY)),
        at(Extra::In, same("context_embedder", H, T)),
        at(Extra::In, leaf("t_embedder.mlp.0", "time_text_embed.timestep_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("t_embedder.mlp.2", "time_text_embed.timestep_embedder.linear_2", H, H)),
        at(Extra::In, leaf("y_embedder.mlp.0", "time_text_embed.text_embedder.linear_1", H, Dim::Fixed(2048))),
        at(Extra::In, leaf("y_embedder.mlp.2", "time_text_embed.text_embedder.linear_2", H, H)),
        FINAL[0],
        FINAL[1],
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Sd3,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[
            Size { label: "", layout: "sd3_mmdit_24", counts: &[24], widths: [1536, 0, 4096, 0, 0] },
            Size { label: "3.5 Medium", layout: "sd3_mmdit_24", counts: &[24], widths: [1536, 0, 4096, 0, 1536] },
            Size { label: "3.5 Large", layout: "sd35l_mmdit_38", counts: &[38], widths: [2432, 0, 4096, 0, 0] },
        ],
        claims: &["stablediffusion3", "stablediffusionv3", "sd3", "5medium", "5large"],
    };
}
