//! PixArt-α and PixArt-Σ.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry =
    Entry::new(Family::PixArt, "pixart", "PixArt", &[Layout::first("pixart_dit_28", Family::PixArt, blocks(28))]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::model::{ANY, Dim, H, Leaf, Model, Outside, Part, Section, Size, T, at, fused, leaf, nth, qkv, section};
    use crate::layout::{Extra, Group};

    static QKV: [Part; 3] = qkv("attn1.to_q", "attn1.to_k", "attn1.to_v");
    static KV: [Part; 2] = [nth("attn2.to_k", 0, H), nth("attn2.to_v", 1, H)];

    static BLOCK: [Leaf; 7] = [
        fused("attn.qkv", H.x(3), H, &QKV),
        leaf("attn.proj", "attn1.to_out.0", H, H),
        leaf("cross_attn.q_linear", "attn2.to_q", H, H),
        fused("cross_attn.kv_linear", H.x(2), H, &KV),
        leaf("cross_attn.proj", "attn2.to_out.0", H, H),
        leaf("mlp.fc1", "ff.net.0.proj", H.x(4), H),
        leaf("mlp.fc2", "ff.net.2", H, H.x(4)),
    ];

    static SECTIONS: [Section; 1] = [section("blocks.", "transformer_blocks.", Group::Blocks, &BLOCK)];

    const STEP: Dim = Dim::Fixed(256);
    static OUTSIDE: [Outside; 11] = [
        at(Extra::In, leaf("x_embedder.proj", "pos_embed.proj", H, ANY)),
        at(Extra::In, leaf("y_embedder.y_proj.fc1", "caption_projection.linear_1", H, T)),
        at(Extra::In, leaf("y_embedder.y_proj.fc2", "caption_projection.linear_2", H, H)),
        at(Extra::In, leaf("t_embedder.mlp.0", "adaln_single.emb.timestep_embedder.linear_1", H, STEP)),
        at(Extra::In, leaf("t_embedder.mlp.2", "adaln_single.emb.timestep_embedder.linear_2", H, H)),
        at(Extra::In, leaf("csize_embedder.mlp.0", "adaln_single.emb.resolution_embedder.linear_1", ANY, STEP)),
        at(Extra::In, leaf("csize_embedder.mlp.2", "adaln_single.emb.resolution_embedder.linear_2", ANY, ANY)),
        at(Extra::In, leaf("ar_embedder.mlp.0", "adaln_single.emb.aspect_ratio_embedder.linear_1", ANY, STEP)),
        at(Extra::In, leaf("ar_embedder.mlp.2", "adaln_single.emb.aspect_ratio_embedder.linear_2", ANY, ANY)),
        at(Extra::Mod, leaf("t_block.1", "adaln_single.linear", H.x(6), H)),
        at(Extra::Out, leaf("final_layer.linear", "proj_out", ANY, H)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::PixArt,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "pixart_dit_28", counts: &[28], widths: [1152, 0, 4096, 0, 0] }],
        claims: &["pixart"],
    };
}
