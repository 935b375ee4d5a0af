//! Names of the image encoder and decoder: the original ones and older ones of diffusers, brought to those of diffusers.

/// Beginnings of a decoder's names in whole checkpoints.
const PREFIXES: [&str; 2] = ["first_stage_model.", "vae."];

/// The name of a tensor inside of the VAE, or None for tensors of other parts. `bare`: the file holds nothing else.
pub(super) fn inside<'a>(prefix: &str, name: &'a str, bare: bool) -> Option<&'a str> {
    let inner = PREFIXES.iter().find_map(|p| name.strip_prefix(p));
    inner.or((bare || prefix == "vae.").then_some(name))
}

/// Levels of the decoder, counted from its original names.
pub(super) fn levels<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.filter_map(|n| number(n.strip_prefix("decoder.up.")?)).map(|(i, _)| i + 1).max().unwrap_or(0)
}

/// diffusers' name for `name`, flattened with underscores.
pub(super) fn canonical(name: &str, levels: usize) -> String {
    let new = original(name, levels).unwrap_or_else(|| name.to_owned());
    let new = new.replace("attentions.0.query.", "attentions.0.to_q.").replace("attentions.0.key.", "attentions.0.to_k.");
    new.replace("attentions.0.value.", "attentions.0.to_v.").replace("attentions.0.proj_attn.", "attentions.0.to_out.0.").replace('.', "_")
}

fn original(name: &str, levels: usize) -> Option<String> {
    let (side, rest) = name.split_once('.').filter(|(s, _)| matches!(*s, "encoder" | "decoder"))?;
    if let Some((level, rest)) = rest.strip_prefix("down.").and_then(number) {
        return Some(format!("{side}.down_blocks.{level}.{}", part(rest)?));
    }
    if let Some((level, rest)) = rest.strip_prefix("up.").and_then(number) {
        return Some(format!("{side}.up_blocks.{}.{}", levels.checked_sub(level + 1)?, part(rest)?));
    }
    if let Some(rest) = rest.strip_prefix("mid.block_1.") {
        return Some(format!("{side}.mid_block.resnets.0.{}", resnet(rest)));
    }
    if let Some(rest) = rest.strip_prefix("mid.block_2.") {
        return Some(format!("{side}.mid_block.resnets.1.{}", resnet(rest)));
    }
    if let Some(rest) = rest.strip_prefix("mid.attn_1.") {
        let (leaf, end) = rest.split_once('.')?;
        let leaf = match leaf {
            "norm" => "group_norm",
            "q" => "to_q",
            "k" => "to_k",
            "v" => "to_v",
            "proj_out" => "to_out.0",
            _ => return None,
        };
        return Some(format!("{side}.mid_block.attentions.0.{leaf}.{end}"));
    }
    rest.strip_prefix("norm_out.").map(|end| format!("{side}.conv_norm_out.{end}"))
}

/// A level's `block.J.…`, `downsample.conv.…` or `upsample.conv.…`.
fn part(rest: &str) -> Option<String> {
    if let Some((j, rest)) = rest.strip_prefix("block.").and_then(number) {
        return Some(format!("resnets.{j}.{}", resnet(rest)));
    }
    let (kind, end) = rest.split_once('.')?;
    match kind {
        "downsample" => Some(format!("downsamplers.0.{end}")),
        "upsample" => Some(format!("upsamplers.0.{end}")),
        _ => None,
    }
}

fn resnet(rest: &str) -> String {
    rest.replace("nin_shortcut.", "conv_shortcut.")
}

/// A leading number and what follows its dot.
fn number(text: &str) -> Option<(usize, &str)> {
    let (digits, rest) = text.split_once('.')?;
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn original_names_become_those_of_diffusers() {
        for (old, new) in [
            ("decoder.up.3.block.2.nin_shortcut.weight", "decoder_up_blocks_0_resnets_2_conv_shortcut_weight"),
            ("decoder.up.1.upsample.conv.bias", "decoder_up_blocks_2_upsamplers_0_conv_bias"),
            ("encoder.down.0.block.1.norm2.weight", "encoder_down_blocks_0_resnets_1_norm2_weight"),
            ("encoder.down.2.downsample.conv.weight", "encoder_down_blocks_2_downsamplers_0_conv_weight"),
            ("decoder.mid.attn_1.proj_out.weight", "decoder_mid_block_attentions_0_to_out_0_weight"),
            ("decoder.mid.attn_1.norm.bias", "decoder_mid_block_attentions_0_group_norm_bias"),
            ("encoder.mid.block_2.conv1.weight", "encoder_mid_block_resnets_1_conv1_weight"),
            ("decoder.norm_out.weight", "decoder_conv_norm_out_weight"),
            ("decoder.mid_block.attentions.0.query.weight", "decoder_mid_block_attentions_0_to_q_weight"),
            ("decoder.up_blocks.0.resnets.0.conv1.weight", "decoder_up_blocks_0_resnets_0_conv1_weight"),
            ("post_quant_conv.weight", "post_quant_conv_weight"),
        ] {
            assert_eq!(canonical(old, 4), new);
        }
        assert_eq!(levels(["decoder.up.0.block.0.x", "decoder.up.3.block.0.x", "encoder.down.7.y"].into_iter()), 4);
        assert_eq!(inside("", "first_stage_model.decoder.conv_in.weight", false), Some("decoder.conv_in.weight"));
        assert_eq!((inside("", "model.x", false), inside("vae.", "decoder.x", false)), (None, Some("decoder.x")));
    }
}
