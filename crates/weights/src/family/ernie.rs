//! ERNIE-Image.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry =
    Entry::new(Family::Ernie, "ernie", "ERNIE-Image", &[Layout::first("ernie_dit_24", Family::Ernie, blocks(24))]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::model::{ANY, F, H, Leaf, Model, Outside, Section, Size, T, at, norm, same, section};
    use crate::layout::{Extra, Group};

    static LAYER: [Leaf; 9] = [
        same("self_attention.to_q", H, H),
        same("self_attention.to_k", H, H),
        same("self_attention.to_v", H, H),
        same("self_attention.to_out.0", H, H),
        same("mlp.gate_proj", F, H),
        same("mlp.up_proj", F, H),
        same("mlp.linear_fc2", H, F),
        norm("self_attention.norm_q", "self_attention.norm_q"),
        norm("self_attention.norm_k", "self_attention.norm_k"),
    ];

    static SECTIONS: [Section; 1] = [section("layers.", "layers.", Group::Blocks, &LAYER)];

    static OUTSIDE: [Outside; 7] = [
        at(Extra::In, same("x_embedder.proj", H, ANY)),
        at(Extra::In, same("text_proj", H, T)),
        at(Extra::In, same("time_embedding.linear_1", H, H)),
        at(Extra::In, same("time_embedding.linear_2", H, H)),
        at(Extra::Mod, same("adaLN_modulation.1", H.x(6), H)),
        at(Extra::Out, same("final_norm.linear", H.x(2), H)),
        at(Extra::Out, same("final_linear", ANY, H)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Ernie,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "ernie_dit_24", counts: &[24], widths: [3072, 8192, 2560, 0, 0] }],
        claims: &["ernieimage", "ernie"],
    };
}
