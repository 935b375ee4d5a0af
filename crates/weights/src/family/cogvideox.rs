//! CogVideoX 2B and 5B, in diffusers' names, the only ones that adapters use.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry = Entry::new(
    Family::CogVideoX,
    "cogvideox",
    "CogVideoX",
    &[Layout::first("cogvideox_dit_42", Family::CogVideoX, blocks(42)), Layout::first("cogvideox_dit_30", Family::CogVideoX, blocks(30))],
);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::model::{ANY, H, Leaf, M, Model, Outside, Section, Size, T, at, norm, same, section};
    use crate::layout::{Extra, Group};

    static BLOCK: [Leaf; 10] = [
        same("attn1.to_q", H, H),
        same("attn1.to_k", H, H),
        same("attn1.to_v", H, H),
        same("attn1.to_out.0", H, H),
        same("ff.net.0.proj", H.x(4), H),
        same("ff.net.2", H, H.x(4)),
        same("norm1.linear", H.x(6), M),
        same("norm2.linear", H.x(6), M),
        norm("attn1.norm_q", "attn1.norm_q"),
        norm("attn1.norm_k", "attn1.norm_k"),
    ];

    static SECTIONS: [Section; 1] = [section("transformer_blocks.", "transformer_blocks.", Group::Blocks, &BLOCK)];

    static OUTSIDE: [Outside; 6] = [
        at(Extra::In, same("patch_embed.proj", H, ANY)),
        at(Extra::In, same("patch_embed.text_proj", H, T)),
        at(Extra::In, same("time_embedding.linear_1", M, H)),
        at(Extra::In, same("time_embedding.linear_2", M, M)),
        at(Extra::Out, same("norm_out.linear", H.x(2), M)),
        at(Extra::Out, same("proj_out", ANY, H)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::CogVideoX,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[
            Size { label: "5B", layout: "cogvideox_dit_42", counts: &[42], widths: [3072, 0, 4096, 512, 0] },
            Size { label: "2B", layout: "cogvideox_dit_30", counts: &[30], widths: [1920, 0, 4096, 512, 0] },
        ],
        claims: &["cogvideox", "cogvideo"],
    };
}
