//! UNet names of the SD families: the original (LDM) names and those of diffusers, which are the canonical ones.

use super::indexed;

/// The diffusers name of an LDM path; None when `path` is no LDM path (diffusers paths, unknown ones).
///
/// Rule: residual and attention blocks of level b, position j are input block 1+3b+j and output block 3b+j; the downsampler of level b is
/// input block 3(b+1), the upsampler is the last part of output block 3b+2. The same for SD1, SD2 and SDXL.
pub(super) fn to_diffusers(path: &str) -> Option<String> {
    if let Some((block, rest)) = indexed(path, "input_blocks_") {
        return input(block, rest);
    }
    if let Some((block, rest)) = indexed(path, "output_blocks_") {
        return output(block, rest);
    }
    if let Some((part, rest)) = indexed(path, "middle_block_") {
        return match part {
            0 => Some(format!("mid_block_resnets_0_{}", resnet(rest)?)),
            1 => Some(format!("mid_block_attentions_0_{rest}")),
            2 => Some(format!("mid_block_resnets_1_{}", resnet(rest)?)),
            _ => None,
        };
    }
    let name = match path {
        "time_embed_0" => "time_embedding_linear_1",
        "time_embed_2" => "time_embedding_linear_2",
        "label_emb_0_0" => "add_embedding_linear_1",
        "label_emb_0_2" => "add_embedding_linear_2",
        "out_0" => "conv_norm_out",
        "out_2" => "conv_out",
        _ => return None,
    };
    Some(name.to_owned())
}

fn input(block: usize, rest: &str) -> Option<String> {
    if block == 0 {
        return (rest == "0").then(|| "conv_in".to_owned());
    }
    let (level, position) = ((block - 1) / 3, (block - 1) % 3);
    let (part, rest) = indexed(rest, "")?;
    match (position, part, rest) {
        (2, 0, "op") => Some(format!("down_blocks_{level}_downsamplers_0_conv")),
        (0 | 1, 0, _) => Some(format!("down_blocks_{level}_resnets_{position}_{}", resnet(rest)?)),
        (0 | 1, 1, _) => Some(format!("down_blocks_{level}_attentions_{position}_{rest}")),
        _ => None,
    }
}

fn output(block: usize, rest: &str) -> Option<String> {
    let (level, position) = (block / 3, block % 3);
    let (part, rest) = indexed(rest, "")?;
    match (part, rest) {
        (1 | 2, "conv") => Some(format!("up_blocks_{level}_upsamplers_0_conv")),
        (0, _) => Some(format!("up_blocks_{level}_resnets_{position}_{}", resnet(rest)?)),
        (1, _) => Some(format!("up_blocks_{level}_attentions_{position}_{rest}")),
        _ => None,
    }
}

fn resnet(part: &str) -> Option<&'static str> {
    Some(match part {
        "in_layers_0" => "norm1",
        "in_layers_2" => "conv1",
        "emb_layers_1" => "time_emb_proj",
        "out_layers_0" => "norm2",
        "out_layers_3" => "conv2",
        "skip_connection" => "conv_shortcut",
        _ => return None,
    })
}
