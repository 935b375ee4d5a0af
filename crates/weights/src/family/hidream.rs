//! HiDream-I1: double and single blocks whose feed-forward layer is a mixture of four experts and a shared one.

use super::Family;
use super::entry::Entry;
use crate::layout::{D, Group, Layout, S, Slot, slots};

static SLOTS: [Slot; 48] = slots(&[(Group::Double, &D, 16), (Group::Single, &S, 32)]);
pub(super) static ENTRY: Entry =
    Entry::new(Family::HiDream, "hidream", "HiDream", &[Layout::first("hidream_dit_48", Family::HiDream, &SLOTS)]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use super::Group::{Double, Single};
    use crate::family::model::{ANY, Alias, Dim, F, H, Leaf, M, Model, Outside, Section, Size, T, alias, aside, at, norm, same, section};
    use crate::keys::Rows;
    use crate::layout::Extra;

    static IMAGE: [Leaf; 22] = [
        same("block.attn1.to_q", H, H),
        same("block.attn1.to_k", H, H),
        same("block.attn1.to_v", H, H),
        same("block.attn1.to_out", H, H),
        same("block.ff_i.shared_experts.w1", M, H),
        same("block.ff_i.shared_experts.w2", H, M),
        same("block.ff_i.shared_experts.w3", M, H),
        same("block.ff_i.experts.0.w1", F, H),
        same("block.ff_i.experts.0.w2", H, F),
        same("block.ff_i.experts.0.w3", F, H),
        same("block.ff_i.experts.1.w1", F, H),
        same("block.ff_i.experts.1.w2", H, F),
        same("block.ff_i.experts.1.w3", F, H),
        same("block.ff_i.experts.2.w1", F, H),
        same("block.ff_i.experts.2.w2", H, F),
        same("block.ff_i.experts.2.w3", F, H),
        same("block.ff_i.experts.3.w1", F, H),
        same("block.ff_i.experts.3.w2", H, F),
        same("block.ff_i.experts.3.w3", F, H),
        same("block.adaLN_modulation.1", ANY, H),
        norm("block.attn1.q_rms_norm", "block.attn1.q_rms_norm"),
        norm("block.attn1.k_rms_norm", "block.attn1.k_rms_norm"),
    ];
    const TEXT: [Leaf; 7] = [
        same("block.attn1.to_q_t", H, H),
        same("block.attn1.to_k_t", H, H),
        same("block.attn1.to_v_t", H, H),
        same("block.attn1.to_out_t", H, H),
        same("block.ff_t.w1", F, H),
        same("block.ff_t.w2", H, F),
        same("block.ff_t.w3", F, H),
    ];
    static BOTH: [Leaf; 29] = {
        let mut out = [IMAGE[0]; 29];
        let mut i = 0;
        while i < 29 {
            out[i] = if i < 22 { IMAGE[i] } else { TEXT[i - 22] };
            i += 1;
        }
        out
    };
    // Flattened names may have gained the number that other models' output layers have.
    static ALIASES: [Alias; 1] = [alias("block.attn1.to_out.0", "block.attn1.to_out", Rows::All)];
    static CAPTION: [Leaf; 1] = [same("linear", H, T)];

    static SECTIONS: [Section; 3] = [
        section("double_stream_blocks.", "double_stream_blocks.", Double, &BOTH).with(&ALIASES),
        section("single_stream_blocks.", "single_stream_blocks.", Single, &IMAGE).with(&ALIASES),
        aside("caption_projection.", "caption_projection.", Extra::In, &CAPTION),
    ];

    static OUTSIDE: [Outside; 7] = [
        at(Extra::In, same("x_embedder.proj", H, ANY)),
        at(Extra::In, same("t_embedder.timestep_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, same("t_embedder.timestep_embedder.linear_2", H, H)),
        at(Extra::In, same("p_embedder.pooled_embedder.linear_1", H, ANY)),
        at(Extra::In, same("p_embedder.pooled_embedder.linear_2", H, H)),
        at(Extra::Out, same("final_layer.linear", ANY, H)),
        at(Extra::Out, same("final_layer.adaLN_modulation.1", H.x(2), H)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::HiDream,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "hidream_dit_48", counts: &[16, 32, 49], widths: [2560, 6912, 4096, 3584, 0] }],
        claims: &["hidream"],
    };
}
