//! UNet paths in the names of the original SDXL code.

/// A diffusers UNet path in the names of the original SDXL code, which kohya's SDXL files use. Unknown paths stay as they are.
pub(crate) fn ldm(path: &str) -> String {
    convert(path).unwrap_or_else(|| path.to_owned())
}

fn convert(path: &str) -> Option<String> {
    let fixed = [
        ("conv_in", "input_blocks_0_0"),
        ("conv_out", "out_2"),
        ("time_embedding_linear_1", "time_embed_0"),
        ("time_embedding_linear_2", "time_embed_2"),
    ];
    if let Some((_, to)) = fixed.iter().find(|(from, _)| *from == path) {
        return Some((*to).into());
    }
    if let Some(rest) = path.strip_prefix("add_embedding_linear_") {
        return Some(format!("label_emb_0_{}", if rest == "1" { 0 } else { 2 }));
    }
    if let Some(rest) = path.strip_prefix("mid_block_") {
        let (part, j, rest) = member(rest)?;
        return Some(if part == "attentions" {
            format!("middle_block_1_{rest}")
        } else {
            format!("middle_block_{}_{}", 2 * j, resnet(rest)?)
        });
    }
    let (down, rest) = match path.strip_prefix("down_blocks_") {
        Some(rest) => (true, rest),
        None => (false, path.strip_prefix("up_blocks_")?),
    };
    let (i, rest) = number(rest)?;
    let (part, j, rest) = member(rest)?;
    let (stem, block) = if down { ("input_blocks", 1 + 3 * i + j) } else { ("output_blocks", 3 * i + j) };
    Some(match part {
        "attentions" => format!("{stem}_{block}_1_{rest}"),
        "resnets" => format!("{stem}_{block}_0_{}", resnet(rest)?),
        "downsamplers" => format!("input_blocks_{}_0_op", 3 * (i + 1)),
        // The first two up levels of SDXL have attention before the upsampler.
        _ => format!("output_blocks_{}_{}_conv", 3 * i + 2, if i < 2 { 2 } else { 1 }),
    })
}

/// `attentions_1_rest` → (attentions, 1, rest).
fn member(rest: &str) -> Option<(&str, usize, &str)> {
    let part = ["attentions", "resnets", "downsamplers", "upsamplers"].into_iter().find(|p| rest.starts_with(p))?;
    let (j, rest) = number(rest[part.len()..].strip_prefix('_')?)?;
    Some((part, j, rest))
}

fn number(text: &str) -> Option<(usize, &str)> {
    let (digits, rest) = text.split_once('_')?;
    Some((digits.parse().ok()?, rest))
}

fn resnet(part: &str) -> Option<&'static str> {
    Some(match part {
        "norm1" => "in_layers_0",
        "conv1" => "in_layers_2",
        "time_emb_proj" => "emb_layers_1",
        "norm2" => "out_layers_0",
        "conv2" => "out_layers_3",
        "conv_shortcut" => "skip_connection",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sdxl_paths_become_the_original_names() {
        for (from, to) in [
            ("down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q", "input_blocks_4_1_transformer_blocks_0_attn1_to_q"),
            ("down_blocks_2_resnets_1_conv_shortcut", "input_blocks_8_0_skip_connection"),
            ("down_blocks_0_downsamplers_0_conv", "input_blocks_3_0_op"),
            ("mid_block_attentions_0_proj_in", "middle_block_1_proj_in"),
            ("mid_block_resnets_1_conv2", "middle_block_2_out_layers_3"),
            ("up_blocks_1_attentions_2_proj_out", "output_blocks_5_1_proj_out"),
            ("up_blocks_0_upsamplers_0_conv", "output_blocks_2_2_conv"),
            ("up_blocks_2_resnets_0_time_emb_proj", "output_blocks_6_0_emb_layers_1"),
            ("something_else", "something_else"),
        ] {
            assert_eq!(ldm(from), to);
        }
    }
}
