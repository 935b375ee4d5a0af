//! Krea 2: gated attention with shared keys and values, behind a fusion of the text encoder's layers.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry = Entry::new(Family::Krea2, "krea2", "Krea 2", &[Layout::first("krea2_dit_28", Family::Krea2, blocks(28))]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::model::{ANY, Dim, F, H, Leaf, M, Model, Outside, Section, Size, T, aside, at, leaf, norm, section};
    use crate::layout::{Extra, Group};

    const fn layer(h: Dim, f: Dim, kv: Dim) -> [Leaf; 10] {
        [
            leaf("attn.wq", "attn.to_q", h, h),
            leaf("attn.wk", "attn.to_k", kv, h),
            leaf("attn.wv", "attn.to_v", kv, h),
            leaf("attn.wo", "attn.to_out.0", h, h),
            leaf("attn.gate", "attn.to_gate", h, h),
            leaf("mlp.gate", "ff.gate", f, h),
            leaf("mlp.up", "ff.up", f, h),
            leaf("mlp.down", "ff.down", h, f),
            norm("attn.qknorm.qnorm", "attn.norm_q"),
            norm("attn.qknorm.knorm", "attn.norm_k"),
        ]
    }
    static BLOCK: [Leaf; 10] = layer(H, F, M);
    static FUSION: [Leaf; 10] = layer(T, Dim::Fixed(6912), T);

    static SECTIONS: [Section; 3] = [
        section("blocks.", "transformer_blocks.", Group::Blocks, &BLOCK),
        aside("txtfusion.layerwise_blocks.", "text_fusion.layerwise_blocks.", Extra::Ref, &FUSION),
        aside("txtfusion.refiner_blocks.", "text_fusion.refiner_blocks.", Extra::Ref, &FUSION),
    ];

    static OUTSIDE: [Outside; 8] = [
        at(Extra::In, leaf("first", "img_in", H, ANY)),
        at(Extra::In, leaf("tmlp.0", "time_embed.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("tmlp.2", "time_embed.linear_2", H, H)),
        at(Extra::Mod, leaf("tproj.1", "time_mod_proj", H.x(6), H)),
        at(Extra::In, leaf("txtmlp.1", "txt_in.linear_1", H, T)),
        at(Extra::In, leaf("txtmlp.3", "txt_in.linear_2", H, H)),
        at(Extra::Ref, leaf("txtfusion.projector", "text_fusion.projector", ANY, ANY)),
        at(Extra::Out, leaf("last.linear", "final_layer.linear", ANY, H)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Krea2,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "krea2_dit_28", counts: &[28, 2, 2], widths: [6144, 16384, 2560, 1536, 0] }],
        claims: &["krea2"],
    };
}
