//! HunyuanImage 2.1: the blocks of HunyuanVideo, 3584 wide.

use super::Family;
use super::entry::Entry;
use super::hunyuanvideo::SLOTS;
use crate::layout::Layout;

pub(super) static ENTRY: Entry =
    Entry::new(Family::HunyuanImage, "hunyuanimage", "HunyuanImage 2.1", &[Layout::first("hyimage_dit_60", Family::HunyuanImage, &SLOTS)]);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::flux1::engine::FINAL;
    use crate::family::hunyuanvideo::engine::SECTIONS;
    use crate::family::model::{ANY, Dim, H, Model, Outside, Size, T, at, leaf};
    use crate::layout::Extra;

    // The names of the outer layers in diffusers differ from HunyuanVideo's.
    static OUTSIDE: [Outside; 13] = [
        at(Extra::In, leaf("img_in.proj", "x_embedder.proj", H, ANY)),
        at(Extra::In, leaf("txt_in.input_embedder", "context_embedder.proj_in", H, T)),
        at(Extra::In, leaf("txt_in.t_embedder.mlp.0", "context_embedder.time_text_embed.timestep_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("txt_in.t_embedder.mlp.2", "context_embedder.time_text_embed.timestep_embedder.linear_2", H, H)),
        at(Extra::In, leaf("txt_in.c_embedder.linear_1", "context_embedder.time_text_embed.text_embedder.linear_1", H, T)),
        at(Extra::In, leaf("txt_in.c_embedder.linear_2", "context_embedder.time_text_embed.text_embedder.linear_2", H, H)),
        at(Extra::In, leaf("time_in.mlp.0", "time_guidance_embed.timestep_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("time_in.mlp.2", "time_guidance_embed.timestep_embedder.linear_2", H, H)),
        at(Extra::In, leaf("byt5_in.fc1", "context_embedder_2.linear_1", ANY, ANY)),
        at(Extra::In, leaf("byt5_in.fc2", "context_embedder_2.linear_2", ANY, ANY)),
        at(Extra::In, leaf("byt5_in.fc3", "context_embedder_2.linear_3", ANY, ANY)),
        FINAL[0],
        FINAL[1],
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::HunyuanImage,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "hyimage_dit_60", counts: &[20, 40, 2], widths: [3584, 0, 3584, 0, 0] }],
        claims: &["hunyuanimage"],
    };
}
