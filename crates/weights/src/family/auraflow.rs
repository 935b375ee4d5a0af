//! AuraFlow (and Pony V7): 4 double and 32 single layers.

use super::Family;
use super::entry::Entry;
use crate::layout::{D, Group, Layout, S, Slot, slots};

static SLOTS: [Slot; 36] = slots(&[(Group::Double, &D, 4), (Group::Single, &S, 32)]);
pub(super) static ENTRY: Entry =
    Entry::new(Family::AuraFlow, "auraflow", "AuraFlow", &[Layout::first("aura_dit_36", Family::AuraFlow, &SLOTS)]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use super::Group::{Double, Single};
    use crate::family::model::{ANY, Dim, F, H, Leaf, Model, Outside, Section, Size, T, at, leaf, section, swapped};
    use crate::layout::Extra;

    // 1 is the text, 2 the image.
    static DOUBLE: [Leaf; 16] = [
        leaf("attn.w2q", "attn.to_q", H, H),
        leaf("attn.w2k", "attn.to_k", H, H),
        leaf("attn.w2v", "attn.to_v", H, H),
        leaf("attn.w2o", "attn.to_out.0", H, H),
        leaf("attn.w1q", "attn.add_q_proj", H, H),
        leaf("attn.w1k", "attn.add_k_proj", H, H),
        leaf("attn.w1v", "attn.add_v_proj", H, H),
        leaf("attn.w1o", "attn.to_add_out", H, H),
        leaf("mlpX.c_fc1", "ff.linear_1", F, H),
        leaf("mlpX.c_fc2", "ff.linear_2", F, H),
        leaf("mlpX.c_proj", "ff.out_projection", H, F),
        leaf("mlpC.c_fc1", "ff_context.linear_1", F, H),
        leaf("mlpC.c_fc2", "ff_context.linear_2", F, H),
        leaf("mlpC.c_proj", "ff_context.out_projection", H, F),
        leaf("modX.1", "norm1.linear", H.x(6), H),
        leaf("modC.1", "norm1_context.linear", H.x(6), H),
    ];
    static SINGLE: [Leaf; 8] = [
        leaf("attn.w1q", "attn.to_q", H, H),
        leaf("attn.w1k", "attn.to_k", H, H),
        leaf("attn.w1v", "attn.to_v", H, H),
        leaf("attn.w1o", "attn.to_out.0", H, H),
        leaf("mlp.c_fc1", "ff.linear_1", F, H),
        leaf("mlp.c_fc2", "ff.linear_2", F, H),
        leaf("mlp.c_proj", "ff.out_projection", H, F),
        leaf("modCX.1", "norm1.linear", H.x(6), H),
    ];

    static SECTIONS: [Section; 2] = [
        section("double_layers.", "joint_transformer_blocks.", Double, &DOUBLE),
        section("single_layers.", "single_transformer_blocks.", Single, &SINGLE),
    ];

    static OUTSIDE: [Outside; 6] = [
        at(Extra::In, leaf("init_x_linear", "pos_embed.proj", H, ANY)),
        at(Extra::In, leaf("cond_seq_linear", "context_embedder", H, T)),
        at(Extra::In, leaf("t_embedder.mlp.0", "time_step_proj.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("t_embedder.mlp.2", "time_step_proj.linear_2", H, H)),
        at(Extra::Out, leaf("final_linear", "proj_out", ANY, H)),
        at(Extra::Out, swapped("modF.1", "norm_out.linear", H.x(2), H)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::AuraFlow,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "aura_dit_36", counts: &[4, 32], widths: [3072, 8192, 2048, 0, 0] }],
        claims: &["auraflow", "ponyv7"],
    };
}
