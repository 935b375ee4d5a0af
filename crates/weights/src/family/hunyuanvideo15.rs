//! HunyuanVideo 1.5: double blocks only.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, doubles};

pub(super) static ENTRY: Entry = Entry::new(
    Family::HunyuanVideo15,
    "hunyuanvideo15",
    "HunyuanVideo 1.5",
    &[Layout::first("hv15_dit_54", Family::HunyuanVideo15, doubles(54))],
);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::flux1::engine::FINAL;
    use crate::family::hunyuanvideo::engine::{COMFY_DOUBLE, DOUBLE, TXT_IN};
    use crate::family::model::{ANY, Dim, H, Model, Outside, Section, Size, T, at, leaf, section};
    use crate::layout::{Extra, Group};

    static SECTIONS: [Section; 2] = [section("double_blocks.", "transformer_blocks.", Group::Double, &DOUBLE).with(&COMFY_DOUBLE), TXT_IN];

    static OUTSIDE: [Outside; 15] = [
        at(Extra::In, leaf("img_in.proj", "x_embedder.proj", H, ANY)),
        at(Extra::In, leaf("vision_in.proj.1", "image_embedder.linear_1", Dim::Fixed(1152), Dim::Fixed(1152))),
        at(Extra::In, leaf("vision_in.proj.3", "image_embedder.linear_2", H, Dim::Fixed(1152))),
        at(Extra::In, leaf("txt_in.input_embedder", "context_embedder.proj_in", H, T)),
        at(Extra::In, leaf("txt_in.t_embedder.mlp.0", "context_embedder.time_text_embed.timestep_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("txt_in.t_embedder.mlp.2", "context_embedder.time_text_embed.timestep_embedder.linear_2", H, H)),
        at(Extra::In, leaf("txt_in.c_embedder.linear_1", "context_embedder.time_text_embed.text_embedder.linear_1", H, T)),
        at(Extra::In, leaf("txt_in.c_embedder.linear_2", "context_embedder.time_text_embed.text_embedder.linear_2", H, H)),
        at(Extra::In, leaf("byt5_in.fc1", "context_embedder_2.linear_1", H, Dim::Fixed(1472))),
        at(Extra::In, leaf("byt5_in.fc2", "context_embedder_2.linear_2", H, H)),
        at(Extra::In, leaf("byt5_in.fc3", "context_embedder_2.linear_3", H, H)),
        at(Extra::In, leaf("time_in.mlp.0", "time_embed.timestep_embedder.linear_1", H, Dim::Fixed(256))),
        at(Extra::In, leaf("time_in.mlp.2", "time_embed.timestep_embedder.linear_2", H, H)),
        FINAL[0],
        FINAL[1],
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::HunyuanVideo15,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[Size { label: "", layout: "hv15_dit_54", counts: &[54, 2], widths: [2048, 0, 3584, 0, 0] }],
        claims: &["hunyuanvideo15", "hv15"],
    };
}
