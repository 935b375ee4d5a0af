//! Anima: the blocks of Cosmos-Predict2 2B, with an adapter of its own for the text.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry = Entry::new(Family::Anima, "anima", "Anima", &[Layout::first("anima_dit_28", Family::Anima, blocks(28))]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::cosmospredict2::engine::{BLOCKS, OUTSIDE};
    use crate::family::model::{ANY, Leaf, Model, Section, Size, aside, own};
    use crate::layout::Extra;

    static ADAPTER: [Leaf; 10] = [
        own("self_attn.q_proj", ANY, ANY),
        own("self_attn.k_proj", ANY, ANY),
        own("self_attn.v_proj", ANY, ANY),
        own("self_attn.o_proj", ANY, ANY),
        own("cross_attn.q_proj", ANY, ANY),
        own("cross_attn.k_proj", ANY, ANY),
        own("cross_attn.v_proj", ANY, ANY),
        own("cross_attn.o_proj", ANY, ANY),
        own("mlp.0", ANY, ANY),
        own("mlp.2", ANY, ANY),
    ];

    static SECTIONS: [Section; 2] = [BLOCKS, aside("llm_adapter.blocks.", "llm_adapter.blocks.", Extra::Ref, &ADAPTER)];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Anima,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "anima_dit_28", counts: &[28, 6], widths: [2048, 0, 1024, 256, 0] }],
        claims: &["anima"],
    };
}
