//! Cosmos 1.0 Diffusion, 7B and 14B. A block is three of the original's: self-attention, cross-attention, feed-forward.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry = Entry::new(
    Family::Cosmos,
    "cosmos",
    "Cosmos",
    &[Layout::first("cosmos_dit_28", Family::Cosmos, blocks(28)), Layout::first("cosmos_dit_36", Family::Cosmos, blocks(36))],
);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::model::{ANY, H, Leaf, M, Model, Outside, Section, Size, T, at, leaf, norm, section};
    use crate::layout::{Extra, Group};

    static BLOCK: [Leaf; 20] = [
        leaf("blocks.0.block.attn.to_q.0", "attn1.to_q", H, H),
        leaf("blocks.0.block.attn.to_k.0", "attn1.to_k", H, H),
        leaf("blocks.0.block.attn.to_v.0", "attn1.to_v", H, H),
        leaf("blocks.0.block.attn.to_out.0", "attn1.to_out.0", H, H),
        leaf("blocks.1.block.attn.to_q.0", "attn2.to_q", H, H),
        leaf("blocks.1.block.attn.to_k.0", "attn2.to_k", H, T),
        leaf("blocks.1.block.attn.to_v.0", "attn2.to_v", H, T),
        leaf("blocks.1.block.attn.to_out.0", "attn2.to_out.0", H, H),
        leaf("blocks.2.block.layer1", "ff.net.0.proj", H.x(4), H),
        leaf("blocks.2.block.layer2", "ff.net.2", H, H.x(4)),
        leaf("blocks.0.adaLN_modulation.1", "norm1.linear_1", M, H),
        leaf("blocks.0.adaLN_modulation.2", "norm1.linear_2", H.x(3), M),
        leaf("blocks.1.adaLN_modulation.1", "norm2.linear_1", M, H),
        leaf("blocks.1.adaLN_modulation.2", "norm2.linear_2", H.x(3), M),
        leaf("blocks.2.adaLN_modulation.1", "norm3.linear_1", M, H),
        leaf("blocks.2.adaLN_modulation.2", "norm3.linear_2", H.x(3), M),
        norm("blocks.0.block.attn.to_q.1", "attn1.norm_q"),
        norm("blocks.0.block.attn.to_k.1", "attn1.norm_k"),
        norm("blocks.1.block.attn.to_q.1", "attn2.norm_q"),
        norm("blocks.1.block.attn.to_k.1", "attn2.norm_k"),
    ];

    static SECTIONS: [Section; 1] = [section("blocks.block", "transformer_blocks.", Group::Blocks, &BLOCK)];

    static OUTSIDE: [Outside; 6] = [
        at(Extra::In, leaf("x_embedder.proj.1", "patch_embed.proj", H, ANY)),
        at(Extra::In, leaf("t_embedder.1.linear_1", "time_embed.t_embedder.linear_1", H, H)),
        at(Extra::In, leaf("t_embedder.1.linear_2", "time_embed.t_embedder.linear_2", H.x(3), H)),
        at(Extra::Out, leaf("final_layer.linear", "proj_out", ANY, H)),
        at(Extra::Out, leaf("final_layer.adaLN_modulation.1", "norm_out.linear_1", M, H)),
        at(Extra::Out, leaf("final_layer.adaLN_modulation.2", "norm_out.linear_2", H.x(2), M)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Cosmos,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[
            Size { label: "7B", layout: "cosmos_dit_28", counts: &[28], widths: [4096, 0, 1024, 256, 0] },
            Size { label: "14B", layout: "cosmos_dit_36", counts: &[36], widths: [5120, 0, 1024, 256, 0] },
        ],
        claims: &["cosmos"],
    };
}
