//! Qwen-Image and Qwen-Image-Edit: the same blocks, called the same everywhere.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry =
    Entry::new(Family::QwenImage, "qwenimage", "Qwen-Image", &[Layout::first("qwen_dit_60", Family::QwenImage, blocks(60))]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::model::{ANY, Dim, H, Leaf, Model, Outside, Section, Size, T, at, norm, same, section};
    use crate::layout::{Extra, Group};

    static BLOCK: [Leaf; 18] = [
        same("attn.to_q", H, H),
        same("attn.to_k", H, H),
        same("attn.to_v", H, H),
        same("attn.to_out.0", H, H),
        same("attn.add_q_proj", H, H),
        same("attn.add_k_proj", H, H),
        same("attn.add_v_proj", H, H),
        same("attn.to_add_out", H, H),
        same("img_mlp.net.0.proj", H.x(4), H),
        same("img_mlp.net.2", H, H.x(4)),
        same("txt_mlp.net.0.proj", H.x(4), H),
        same("txt_mlp.net.2", H, H.x(4)),
        same("img_mod.1", H.x(6), H),
        same("txt_mod.1", H.x(6), H),
        norm("attn.norm_q", "attn.norm_q"),
        norm("attn.norm_k", "attn.norm_k"),
        norm("attn.norm_added_q", "attn.norm_added_q"),
        norm("attn.norm_added_k", "attn.norm_added_k"),
    ];

    static SECTIONS: [Section; 1] = [section("transformer_blocks.", "transformer_blocks.", Group::Blocks, &BLOCK)];

    static OUTSIDE: [Outside; 7] = [
        at(Extra::In, same("img_in", H, ANY)),
        at(Extra::In, same("txt_in", H, T)),
        at(Extra::In, same("txt_norm", ANY, ANY)),
        at(Extra::In, same("time_text_embed.timestep_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, same("time_text_embed.timestep_embedder.linear_2", H, H)),
        at(Extra::Out, same("norm_out.linear", H.x(2), H)),
        at(Extra::Out, same("proj_out", ANY, H)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::QwenImage,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "qwen_dit_60", counts: &[60], widths: [3072, 0, 3584, 0, 0] }],
        claims: &["qwenimage", "qwen"],
    };
}
