//! Wan's native module paths: dots put back into flattened ones.

/// What stands behind the number of a block, flattened and native.
const LEAVES: [(&str, &str); 19] = [
    ("self_attn_q", "self_attn.q"),
    ("self_attn_k", "self_attn.k"),
    ("self_attn_v", "self_attn.v"),
    ("self_attn_o", "self_attn.o"),
    ("self_attn_norm_q", "self_attn.norm_q"),
    ("self_attn_norm_k", "self_attn.norm_k"),
    ("cross_attn_q", "cross_attn.q"),
    ("cross_attn_k", "cross_attn.k"),
    ("cross_attn_v", "cross_attn.v"),
    ("cross_attn_o", "cross_attn.o"),
    ("cross_attn_k_img", "cross_attn.k_img"),
    ("cross_attn_v_img", "cross_attn.v_img"),
    ("cross_attn_norm_q", "cross_attn.norm_q"),
    ("cross_attn_norm_k", "cross_attn.norm_k"),
    ("cross_attn_norm_k_img", "cross_attn.norm_k_img"),
    ("ffn_0", "ffn.0"),
    ("ffn_2", "ffn.2"),
    ("before_proj", "before_proj"),
    ("after_proj", "after_proj"),
];

/// Modules outside of blocks.
const OUTSIDE: [(&str, &str); 9] = [
    ("patch_embedding", "patch_embedding"),
    ("text_embedding_0", "text_embedding.0"),
    ("text_embedding_2", "text_embedding.2"),
    ("time_embedding_0", "time_embedding.0"),
    ("time_embedding_2", "time_embedding.2"),
    ("time_projection_1", "time_projection.1"),
    ("head_head", "head.head"),
    ("img_emb_proj_1", "img_emb.proj.1"),
    ("img_emb_proj_3", "img_emb.proj.3"),
];

/// The native path of a flattened one; None where it is not known.
pub(super) fn dotted(path: &str) -> Option<String> {
    let native = |table: &[(&str, &'static str)], name: &str| table.iter().find(|(flat, _)| *flat == name).map(|(_, native)| *native);
    if let Some(name) = native(&OUTSIDE, path) {
        return Some(name.to_owned());
    }
    let blocks = ["blocks", "vace_blocks"].into_iter().find(|b| path.strip_prefix(b).is_some_and(|rest| rest.starts_with('_')))?;
    let (number, leaf) = path[blocks.len() + 1..].split_once('_')?;
    let number: usize = number.parse().ok()?;
    Some(format!("{blocks}.{number}.{}", native(&LEAVES, leaf)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_return_where_the_model_has_them() {
        for (flat, native) in [
            ("blocks_0_self_attn_q", Some("blocks.0.self_attn.q")),
            ("blocks_39_cross_attn_norm_k_img", Some("blocks.39.cross_attn.norm_k_img")),
            ("blocks_12_ffn_2", Some("blocks.12.ffn.2")),
            ("vace_blocks_3_after_proj", Some("vace_blocks.3.after_proj")),
            ("img_emb_proj_3", Some("img_emb.proj.3")),
            ("head_head", Some("head.head")),
            ("blocks_x_self_attn_q", None),
            ("blocks_3_self_attn_w", None),
            ("audio_proj", None),
        ] {
            assert_eq!(dotted(flat).as_deref(), native, "{flat}");
        }
        // Every flattened form is the dotted one without its dots, so no entry can lead to another module.
        assert!(LEAVES.iter().chain(&OUTSIDE).all(|(flat, native)| native.replace('.', "_") == *flat));
    }
}
