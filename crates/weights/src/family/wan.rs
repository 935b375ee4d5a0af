//! Wan 2.1 and 2.2. Wan 2.2 A14B is a pair of experts of the 14B shape, one file each; only names tell which.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry = Entry::new(
    Family::Wan,
    "wan",
    "Wan",
    &[Layout::first("wan_unet_30", Family::Wan, blocks(30)), Layout::first("wan_unet_40", Family::Wan, blocks(40))],
);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::model::{ANY, Dim, F, H, Leaf, M, Model, Outside, Section, Size, T, X, aside, at, leaf, norm, same, section};
    use crate::layout::{Extra, Group};

    static BLOCK: [Leaf; 18] = [
        leaf("self_attn.q", "attn1.to_q", H, H),
        leaf("self_attn.k", "attn1.to_k", H, H),
        leaf("self_attn.v", "attn1.to_v", H, H),
        leaf("self_attn.o", "attn1.to_out.0", H, H),
        leaf("cross_attn.q", "attn2.to_q", H, H),
        leaf("cross_attn.k", "attn2.to_k", H, H),
        leaf("cross_attn.v", "attn2.to_v", H, H),
        leaf("cross_attn.o", "attn2.to_out.0", H, H),
        leaf("cross_attn.k_img", "attn2.add_k_proj", X, X),
        leaf("cross_attn.v_img", "attn2.add_v_proj", X, X),
        leaf("ffn.0", "ffn.net.0.proj", F, H),
        leaf("ffn.2", "ffn.net.2", H, F),
        norm("self_attn.norm_q", "attn1.norm_q"),
        norm("self_attn.norm_k", "attn1.norm_k"),
        norm("cross_attn.norm_q", "attn2.norm_q"),
        norm("cross_attn.norm_k", "attn2.norm_k"),
        norm("cross_attn.norm_k_img", "attn2.norm_added_k"),
        norm("norm3", "norm2"),
    ];

    static VACE: [Leaf; 17] = [
        BLOCK[0],
        BLOCK[1],
        BLOCK[2],
        BLOCK[3],
        BLOCK[4],
        BLOCK[5],
        BLOCK[6],
        BLOCK[7],
        BLOCK[10],
        BLOCK[11],
        leaf("before_proj", "proj_in", H, H),
        leaf("after_proj", "proj_out", H, H),
        BLOCK[12],
        BLOCK[13],
        BLOCK[14],
        BLOCK[15],
        BLOCK[17],
    ];

    static SECTIONS: [Section; 2] =
        [section("blocks.", "blocks.", Group::Blocks, &BLOCK), aside("vace_blocks.", "vace_blocks.", Extra::Other, &VACE)];

    // patch_embedding reads 16, 36 or 48 channels; img_emb belongs to image-to-video.
    static OUTSIDE: [Outside; 10] = [
        at(Extra::In, same("patch_embedding", H, ANY)),
        at(Extra::In, leaf("text_embedding.0", "condition_embedder.text_embedder.linear_1", H, T)),
        at(Extra::In, leaf("text_embedding.2", "condition_embedder.text_embedder.linear_2", H, H)),
        at(Extra::In, leaf("time_embedding.0", "condition_embedder.time_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("time_embedding.2", "condition_embedder.time_embedder.linear_2", H, H)),
        at(Extra::In, leaf("time_projection.1", "condition_embedder.time_proj", H.x(6), H)),
        at(Extra::In, leaf("img_emb.proj.1", "condition_embedder.image_embedder.ff.net.0.proj", M, M)),
        at(Extra::In, leaf("img_emb.proj.3", "condition_embedder.image_embedder.ff.net.2", X, M)),
        at(Extra::In, same("vace_patch_embedding", H, ANY)),
        at(Extra::Out, leaf("head.head", "proj_out", ANY, H)),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Wan,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[
            Size { label: "1.3B", layout: "wan_unet_30", counts: &[30, 0], widths: [1536, 8960, 4096, 0, 0] },
            Size { label: "14B", layout: "wan_unet_40", counts: &[40, 0], widths: [5120, 13824, 4096, 0, 0] },
            Size { label: "5B", layout: "wan_unet_30", counts: &[30, 0], widths: [3072, 14336, 4096, 0, 0] },
            Size { label: "14B I2V", layout: "wan_unet_40", counts: &[40, 0], widths: [5120, 13824, 4096, 1280, 5120] },
            Size { label: "1.3B I2V", layout: "wan_unet_30", counts: &[30, 0], widths: [1536, 8960, 4096, 1280, 1536] },
            Size { label: "1.3B VACE", layout: "wan_unet_30", counts: &[30, 15], widths: [1536, 8960, 4096, 0, 0] },
            Size { label: "14B VACE", layout: "wan_unet_40", counts: &[40, 8], widths: [5120, 13824, 4096, 0, 0] },
        ],
        claims: &["wan", "w21", "w22"],
    };
}
