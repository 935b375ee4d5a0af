//! Cosmos-Predict2, 2B and 14B.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry = Entry::new(
    Family::CosmosPredict2,
    "cosmospredict2",
    "Cosmos-Predict2",
    &[
        Layout::first("cosmospredict2_dit_28", Family::CosmosPredict2, blocks(28)),
        Layout::first("cosmospredict2_dit_36", Family::CosmosPredict2, blocks(36)),
    ],
);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
pub(super) mod engine {
    use super::Family;
    use crate::family::model::{ANY, H, Leaf, M, Model, Outside, Section, Size, T, at, leaf, norm, section};
    use crate::layout::{Extra, Group};

    static BLOCK: [Leaf; 20] = [
        leaf("self_attn.q_proj", "attn1.to_q", H, H),
        leaf("self_attn.k_proj", "attn1.to_k", H, H),
        leaf("self_attn.v_proj", "attn1.to_v", H, H),
        leaf("self_attn.output_proj", "attn1.to_out.0", H, H),
        leaf("cross_attn.q_proj", "attn2.to_q", H, H),
        leaf("cross_attn.k_proj", "attn2.to_k", H, T),
        leaf("cross_attn.v_proj", "attn2.to_v", H, T),
        leaf("cross_attn.output_proj", "attn2.to_out.0", H, H),
        leaf("mlp.layer1", "ff.net.0.proj", H.x(4), H),
        leaf("mlp.layer2", "ff.net.2", H, H.x(4)),
        leaf("adaln_modulation_self_attn.1", "norm1.linear_1", M, H),
        leaf("adaln_modulation_self_attn.2", "norm1.linear_2", H.x(3), M),
        leaf("adaln_modulation_cross_attn.1", "norm2.linear_1", M, H),
        leaf("adaln_modulation_cross_attn.2", "norm2.linear_2", H.x(3), M),
        leaf("adaln_modulation_mlp.1", "norm3.linear_1", M, H),
        leaf("adaln_modulation_mlp.2", "norm3.linear_2", H.x(3), M),
        norm("self_attn.q_norm", "attn1.norm_q"),
        norm("self_attn.k_norm", "attn1.norm_k"),
        norm("cross_attn.q_norm", "attn2.norm_q"),
        norm("cross_attn.k_norm", "attn2.norm_k"),
    ];

    pub(in crate::family) const BLOCKS: Section = section("blocks.", "transformer_blocks.", Group::Blocks, &BLOCK);
    static SECTIONS: [Section; 1] = [BLOCKS];

    pub(in crate::family) static OUTSIDE: [Outside; 6] = [
        at(Extra::In, leaf("x_embedder.proj.1", "patch_embed.proj", H, ANY)),
        at(Extra::In, leaf("t_embedder.1.linear_1", "time_embed.t_embedder.linear_1", H, H)),
        at(Extra::In, leaf("t_embedder.1.linear_2", "time_embed.t_embedder.linear_2", H.x(3), H)),
        at(Extra::Out, leaf("final_layer.linear", "proj_out", ANY, H)),
        at(Extra::Out, leaf("final_layer.adaln_modulation.1", "norm_out.linear_1", M, H)),
        at(Extra::Out, leaf("final_layer.adaln_modulation.2", "norm_out.linear_2", H.x(2), M)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::CosmosPredict2,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[
            Size { label: "2B", layout: "cosmospredict2_dit_28", counts: &[28], widths: [2048, 0, 1024, 256, 0] },
            Size { label: "14B", layout: "cosmospredict2_dit_36", counts: &[36], widths: [5120, 0, 1024, 256, 0] },
        ],
        claims: &["cosmospredict", "cosmos2"],
    };
}
