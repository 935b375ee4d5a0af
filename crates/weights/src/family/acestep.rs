//! ACE-Step 1.5: a transformer for music.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry =
    Entry::new(Family::AceStep, "acestep", "ACE-Step", &[Layout::first("acestep_dit_24", Family::AceStep, blocks(24))]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::model::{ANY, F, H, Leaf, M, Model, Outside, Section, Size, at, leaf, norm, same, section};
    use crate::layout::{Extra, Group};

    static LAYER: [Leaf; 15] = [
        leaf("self_attn.q_proj", "self_attn.to_q", H, H),
        leaf("self_attn.k_proj", "self_attn.to_k", M, H),
        leaf("self_attn.v_proj", "self_attn.to_v", M, H),
        leaf("self_attn.o_proj", "self_attn.to_out.0", H, H),
        leaf("cross_attn.q_proj", "cross_attn.to_q", H, H),
        leaf("cross_attn.k_proj", "cross_attn.to_k", M, H),
        leaf("cross_attn.v_proj", "cross_attn.to_v", M, H),
        leaf("cross_attn.o_proj", "cross_attn.to_out.0", H, H),
        same("mlp.gate_proj", F, H),
        same("mlp.up_proj", F, H),
        same("mlp.down_proj", H, F),
        norm("self_attn.q_norm", "self_attn.norm_q"),
        norm("self_attn.k_norm", "self_attn.norm_k"),
        norm("cross_attn.q_norm", "cross_attn.norm_q"),
        norm("cross_attn.k_norm", "cross_attn.norm_k"),
    ];

    static SECTIONS: [Section; 1] = [section("layers.", "layers.", Group::Blocks, &LAYER)];

    static OUTSIDE: [Outside; 7] = [
        at(Extra::In, same("condition_embedder", H, H)),
        at(Extra::In, same("time_embed.linear_1", H, ANY)),
        at(Extra::In, same("time_embed.linear_2", H, H)),
        at(Extra::Mod, same("time_embed.time_proj", H.x(6), H)),
        at(Extra::In, same("time_embed_r.linear_1", H, ANY)),
        at(Extra::In, same("time_embed_r.linear_2", H, H)),
        at(Extra::Mod, same("time_embed_r.time_proj", H.x(6), H)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::AceStep,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "1.5", layout: "acestep_dit_24", counts: &[24], widths: [2048, 6144, 0, 1024, 0] }],
        claims: &["acestep"],
    };
}
