//! OmniGen2: 32 layers 2520 wide, with refiners for noise, context and reference pictures.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry =
    Entry::new(Family::OmniGen2, "omnigen2", "OmniGen2", &[Layout::first("omnigen2_dit_32", Family::OmniGen2, blocks(32))]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::model::{ANY, F, H, Leaf, M, Model, Outside, Section, Size, X, aside, at, norm, same, section};
    use crate::layout::{Extra, Group};

    static LAYER: [Leaf; 10] = [
        same("attn.to_q", H, H),
        same("attn.to_k", M, H),
        same("attn.to_v", M, H),
        same("attn.to_out.0", H, H),
        same("feed_forward.linear_1", F, H),
        same("feed_forward.linear_2", H, F),
        same("feed_forward.linear_3", F, H),
        same("norm1.linear", H.x(4), X),
        norm("attn.norm_q", "attn.norm_q"),
        norm("attn.norm_k", "attn.norm_k"),
    ];

    static SECTIONS: [Section; 4] = [
        section("layers.", "layers.", Group::Blocks, &LAYER),
        aside("noise_refiner.", "noise_refiner.", Extra::Ref, &LAYER),
        aside("context_refiner.", "context_refiner.", Extra::Ref, &LAYER),
        aside("ref_image_refiner.", "ref_image_refiner.", Extra::Ref, &LAYER),
    ];

    static OUTSIDE: [Outside; 7] = [
        at(Extra::In, same("x_embedder", H, ANY)),
        at(Extra::In, same("ref_image_patch_embedder", H, ANY)),
        at(Extra::In, same("time_caption_embed.timestep_embedder.linear_1", X, ANY)),
        at(Extra::In, same("time_caption_embed.timestep_embedder.linear_2", X, X)),
        at(Extra::In, same("time_caption_embed.caption_embedder.1", H, ANY)),
        at(Extra::Out, same("norm_out.linear_1", H, X)),
        at(Extra::Out, same("norm_out.linear_2", ANY, H)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::OmniGen2,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "omnigen2_dit_32", counts: &[32, 2, 2, 2], widths: [2520, 10240, 2048, 840, 1024] }],
        claims: &["omnigen2", "omnigen"],
    };
}
