//! Ideogram 4.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry =
    Entry::new(Family::Ideogram4, "ideogram4", "Ideogram 4", &[Layout::first("ideogram4_dit_34", Family::Ideogram4, blocks(34))]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::model::{ANY, F, H, Leaf, M, Model, Outside, Part, Section, Size, at, fused, leaf, norm, qkv, same, section};
    use crate::layout::{Extra, Group};

    static QKV: [Part; 3] = qkv("attention.to_q", "attention.to_k", "attention.to_v");

    static LAYER: [Leaf; 8] = [
        fused("attention.qkv", H.x(3), H, &QKV),
        leaf("attention.o", "attention.to_out.0", H, H),
        same("feed_forward.w1", F, H),
        same("feed_forward.w2", H, F),
        same("feed_forward.w3", F, H),
        same("adaln_modulation", H.x(4), M),
        norm("attention.q_norm", "attention.norm_q"),
        norm("attention.k_norm", "attention.norm_k"),
    ];

    static SECTIONS: [Section; 1] = [section("layers.", "layers.", Group::Blocks, &LAYER)];

    static OUTSIDE: [Outside; 7] = [
        at(Extra::In, same("input_proj", H, ANY)),
        at(Extra::In, same("llm_cond_proj", H, ANY)),
        at(Extra::In, same("t_embedding.mlp_in", H, H)),
        at(Extra::In, same("t_embedding.mlp_out", H, H)),
        at(Extra::Mod, same("adaln_proj", M, H)),
        at(Extra::Out, same("final_layer.linear", ANY, H)),
        at(Extra::Out, same("final_layer.adaln_modulation", H, M)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Ideogram4,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "ideogram4_dit_34", counts: &[34], widths: [4608, 12288, 0, 512, 0] }],
        claims: &["ideogram"],
    };
}
