//! LTX-Video 2B and 13B, and LTX-2, which has a second branch for sound in the same blocks.

use super::Family;
use super::entry::Entry;
use crate::layout::{Layout, blocks};

pub(super) static ENTRY: Entry = Entry::new(
    Family::Ltx,
    "ltx",
    "LTX-Video",
    &[Layout::first("ltx_dit_28", Family::Ltx, blocks(28)), Layout::first("ltx_dit_48", Family::Ltx, blocks(48))],
);

#[cfg(feature = "engine")]
pub(super) use engine::MODEL;
#[cfg(feature = "engine")]
mod engine {
    use super::Family;
    use crate::family::model::{ANY, Dim, H, Leaf, Model, Outside, Section, Size, T, X, at, leaf, norm, same, section};
    use crate::layout::{Extra, Group};

    static BLOCK: [Leaf; 32] = [
        same("attn1.to_q", H, H),
        same("attn1.to_k", H, H),
        same("attn1.to_v", H, H),
        same("attn1.to_out.0", H, H),
        same("attn2.to_q", H, H),
        same("attn2.to_k", H, H),
        same("attn2.to_v", H, H),
        same("attn2.to_out.0", H, H),
        same("ff.net.0.proj", H.x(4), H),
        same("ff.net.2", H, H.x(4)),
        norm("attn1.q_norm", "attn1.norm_q"),
        norm("attn1.k_norm", "attn1.norm_k"),
        norm("attn2.q_norm", "attn2.norm_q"),
        norm("attn2.k_norm", "attn2.norm_k"),
        // Sound: X wide, LTX-2 only.
        same("audio_attn1.to_q", X, X),
        same("audio_attn1.to_k", X, X),
        same("audio_attn1.to_v", X, X),
        same("audio_attn1.to_out.0", X, X),
        same("audio_attn2.to_q", X, X),
        same("audio_attn2.to_k", X, X),
        same("audio_attn2.to_v", X, X),
        same("audio_attn2.to_out.0", X, X),
        same("audio_ff.net.0.proj", X.x(4), X),
        same("audio_ff.net.2", X, X.x(4)),
        same("audio_to_video_attn.to_q", X, H),
        same("audio_to_video_attn.to_k", X, X),
        same("audio_to_video_attn.to_v", X, X),
        same("audio_to_video_attn.to_out.0", H, X),
        same("video_to_audio_attn.to_q", X, X),
        same("video_to_audio_attn.to_k", X, H),
        same("video_to_audio_attn.to_v", X, H),
        same("video_to_audio_attn.to_out.0", X, X),
    ];

    static SECTIONS: [Section; 1] = [section("transformer_blocks.", "transformer_blocks.", Group::Blocks, &BLOCK)];

    const STEP: Dim = Dim::Fixed(256);
    static OUTSIDE: [Outside; 27] = [
        at(Extra::In, leaf("patchify_proj", "proj_in", H, ANY)),
        at(Extra::In, same("caption_projection.linear_1", H, T)),
        at(Extra::In, same("caption_projection.linear_2", H, H)),
        at(Extra::In, leaf("adaln_single.emb.timestep_embedder.linear_1", "time_embed.emb.timestep_embedder.linear_1", H, STEP)),
        at(Extra::In, leaf("adaln_single.emb.timestep_embedder.linear_2", "time_embed.emb.timestep_embedder.linear_2", H, H)),
        at(Extra::Mod, leaf("adaln_single.linear", "time_embed.linear", ANY, H)),
        at(Extra::Out, same("proj_out", ANY, H)),
        at(Extra::In, leaf("audio_patchify_proj", "audio_proj_in", X, ANY)),
        at(Extra::In, same("audio_caption_projection.linear_1", X, ANY)),
        at(Extra::In, same("audio_caption_projection.linear_2", X, X)),
        at(
            Extra::In,
            leaf("audio_adaln_single.emb.timestep_embedder.linear_1", "audio_time_embed.emb.timestep_embedder.linear_1", X, STEP),
        ),
        at(Extra::In, leaf("audio_adaln_single.emb.timestep_embedder.linear_2", "audio_time_embed.emb.timestep_embedder.linear_2", X, X)),
        at(Extra::Mod, leaf("audio_adaln_single.linear", "audio_time_embed.linear", ANY, X)),
        at(Extra::Out, same("audio_proj_out", ANY, X)),
        at(Extra::Mod, leaf("av_ca_video_scale_shift_adaln_single.linear", "av_cross_attn_video_scale_shift.linear", ANY, ANY)),
        at(Extra::Mod, leaf("av_ca_audio_scale_shift_adaln_single.linear", "av_cross_attn_audio_scale_shift.linear", ANY, ANY)),
        at(Extra::Mod, leaf("av_ca_a2v_gate_adaln_single.linear", "av_cross_attn_video_a2v_gate.linear", ANY, ANY)),
        at(Extra::Mod, leaf("av_ca_v2a_gate_adaln_single.linear", "av_cross_attn_audio_v2a_gate.linear", ANY, ANY)),
        at(Extra::Mod, EMB[0]),
        at(Extra::Mod, EMB[1]),
        at(Extra::Mod, EMB[2]),
        at(Extra::Mod, EMB[3]),
        at(Extra::Mod, EMB[4]),
        at(Extra::Mod, EMB[5]),
        at(Extra::Mod, EMB[6]),
        at(Extra::Mod, EMB[7]),
        at(Extra::Mod, norm("prompt_adaln_single.linear", "prompt_adaln.linear")),
    ];
    const EMB: [Leaf; 8] = [
        norm(
            "av_ca_video_scale_shift_adaln_single.emb.timestep_embedder.linear_1",
            "av_cross_attn_video_scale_shift.emb.timestep_embedder.linear_1",
        ),
        norm(
            "av_ca_video_scale_shift_adaln_single.emb.timestep_embedder.linear_2",
            "av_cross_attn_video_scale_shift.emb.timestep_embedder.linear_2",
        ),
        norm(
            "av_ca_audio_scale_shift_adaln_single.emb.timestep_embedder.linear_1",
            "av_cross_attn_audio_scale_shift.emb.timestep_embedder.linear_1",
        ),
        norm(
            "av_ca_audio_scale_shift_adaln_single.emb.timestep_embedder.linear_2",
            "av_cross_attn_audio_scale_shift.emb.timestep_embedder.linear_2",
        ),
        norm("av_ca_a2v_gate_adaln_single.emb.timestep_embedder.linear_1", "av_cross_attn_video_a2v_gate.emb.timestep_embedder.linear_1"),
        norm("av_ca_a2v_gate_adaln_single.emb.timestep_embedder.linear_2", "av_cross_attn_video_a2v_gate.emb.timestep_embedder.linear_2"),
        norm("av_ca_v2a_gate_adaln_single.emb.timestep_embedder.linear_1", "av_cross_attn_audio_v2a_gate.emb.timestep_embedder.linear_1"),
        norm("av_ca_v2a_gate_adaln_single.emb.timestep_embedder.linear_2", "av_cross_attn_audio_v2a_gate.emb.timestep_embedder.linear_2"),
    ];

    pub(in crate::family) static MODEL: Model = Model {
        family: Family::Ltx,
        sections: &SECTIONS,
        outside: &OUTSIDE,
        sizes: &[
            Size { label: "2B", layout: "ltx_dit_28", counts: &[28], widths: [2048, 0, 4096, 0, 0] },
            Size { label: "13B", layout: "ltx_dit_48", counts: &[48], widths: [4096, 0, 4096, 0, 0] },
            Size { label: "LTX-2", layout: "ltx_dit_48", counts: &[48], widths: [4096, 0, 3840, 0, 2048] },
        ],
        claims: &["ltx", "lightricksltx"],
    };
}
