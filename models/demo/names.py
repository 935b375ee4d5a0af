"""Names of tensors: from diffusers' modules to the single files people share.

Stable Diffusion 1.x, 2.x and XL (UNet, autoencoder, both text encoders) and Flux.1. Facts of file formats, written as rules.
"""

import re

import torch

Tensors = dict[str, torch.Tensor]

_RESNET = (("norm1", "in_layers.0"), ("conv1", "in_layers.2"), ("time_emb_proj", "emb_layers.1"), ("norm2", "out_layers.0"),
           ("conv2", "out_layers.3"), ("conv_shortcut", "skip_connection"))
_UNET_ENDS = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0",
              "conv_norm_out": "out.0", "conv_out": "out.2", "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2"}


def unet_to_original(state: Tensors, layers: int = 2) -> Tensors:
    """A diffusers UNet in the names below `model.diffusion_model.`; `layers` residual blocks per level."""
    with_attention = {int(m[1]) for k in state if (m := re.match(r"up_blocks\.(\d+)\.attentions\.", k))}
    return {"model.diffusion_model." + _unet_name(k, layers, with_attention): v for k, v in state.items()}


def _unet_name(key: str, layers: int, with_attention: set[int]) -> str:
    module, _, leaf = key.rpartition(".")
    if module in _UNET_ENDS:
        return f"{_UNET_ENDS[module]}.{leaf}"
    part, _, rest = key.partition(".")
    if part == "mid_block":
        kind, i, rest = rest.split(".", 2)
        return f"middle_block.{1 if kind == 'attentions' else 2 * int(i)}.{_inside(kind, rest)}"
    block, kind, i, rest = rest.split(".", 3)
    block, i, row = int(block), int(i), layers + 1
    if part == "down_blocks":
        if kind == "downsamplers":
            return f"input_blocks.{(block + 1) * row}.0.op.{leaf}"
        return f"input_blocks.{1 + block * row + i}.{int(kind == 'attentions')}.{_inside(kind, rest)}"
    if kind == "upsamplers":
        return f"output_blocks.{block * row + layers}.{2 if block in with_attention else 1}.conv.{leaf}"
    return f"output_blocks.{block * row + i}.{int(kind == 'attentions')}.{_inside(kind, rest)}"


def _inside(kind: str, rest: str) -> str:
    if kind == "resnets":
        for ours, theirs in _RESNET:
            if rest.startswith(ours + "."):
                return theirs + rest[len(ours):]
    return rest


def vae_to_original(state: Tensors, prefix: str = "first_stage_model.") -> Tensors:
    """A diffusers AutoencoderKL; the middle's attention becomes 1 x 1 convolutions."""
    levels = 1 + max(int(m[1]) for k in state if (m := re.match(r"encoder\.down_blocks\.(\d+)\.", k)))
    out: Tensors = {}
    for key, value in state.items():
        name = re.sub(r"encoder\.down_blocks\.(\d+)\.resnets\.(\d+)", r"encoder.down.\1.block.\2", key)
        name = re.sub(r"encoder\.down_blocks\.(\d+)\.downsamplers\.0", r"encoder.down.\1.downsample", name)
        name = re.sub(r"decoder\.up_blocks\.(\d+)\.resnets\.(\d+)", lambda m: f"decoder.up.{levels - 1 - int(m[1])}.block.{m[2]}", name)
        name = re.sub(r"decoder\.up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"decoder.up.{levels - 1 - int(m[1])}.upsample", name)
        name = re.sub(r"mid_block\.resnets\.(\d+)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
        name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
        if "mid_block.attentions.0" in name:
            name = name.replace("mid_block.attentions.0", "mid.attn_1")
            for ours, theirs in (("group_norm", "norm"), ("to_out.0", "proj_out"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v")):
                name = name.replace(f"attn_1.{ours}.", f"attn_1.{theirs}.")
            if value.ndim == 2:
                value = value[:, :, None, None]
        out[prefix + name] = value
    return out


def clip_to_original(state: Tensors, prefix: str = "cond_stage_model.transformer.") -> Tensors:
    """A transformers CLIPTextModel: the same names, always with `text_model.` in front."""
    return {prefix + _text_model(k): v for k, v in state.items()}


def _text_model(key: str) -> str:
    return key if key.startswith(("text_model.", "text_projection.")) else "text_model." + key


def clip_folder_names(state: Tensors) -> Tensors:
    """The names that a diffusers folder's text encoder has on disk."""
    return {_text_model(k): v for k, v in state.items()}


def openclip_to_original(state: Tensors, prefix: str = "conditioner.embedders.1.model.") -> Tensors:
    """A transformers CLIPTextModel(WithProjection) in OpenCLIP's names: fused q, k, v; the projection transposed."""
    state, out = clip_folder_names(state), {}
    for key, value in state.items():
        name = key.removeprefix("text_model.")
        if re.search(r"self_attn\.[kv]_proj", name):
            continue
        if (m := re.match(r"encoder\.layers\.(\d+)\.self_attn\.q_proj\.(weight|bias)", name)) is not None:
            value = torch.cat([state[key.replace("q_proj", f"{p}_proj")] for p in "qkv"])
            name = f"transformer.resblocks.{m[1]}.attn.in_proj_{m[2]}"
        for ours, theirs in (("encoder.layers.", "transformer.resblocks."), ("self_attn.out_proj", "attn.out_proj"), ("layer_norm", "ln_"),
                             ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj"), ("embeddings.token_embedding", "token_embedding"),
                             ("embeddings.position_embedding.weight", "positional_embedding"), ("final_ln_.", "ln_final."), ("final_layer_norm", "ln_final")):
            name = name.replace(ours, theirs)
        if name == "text_projection.weight":
            name, value = "text_projection", value.T
        out[prefix + name] = value
    return out


_FLUX = (
    (r"time_text_embed\.timestep_embedder\.linear_1", "time_in.in_layer"), (r"time_text_embed\.timestep_embedder\.linear_2", "time_in.out_layer"),
    (r"time_text_embed\.text_embedder\.linear_1", "vector_in.in_layer"), (r"time_text_embed\.text_embedder\.linear_2", "vector_in.out_layer"),
    (r"time_text_embed\.guidance_embedder\.linear_1", "guidance_in.in_layer"), (r"time_text_embed\.guidance_embedder\.linear_2", "guidance_in.out_layer"),
    (r"^context_embedder", "txt_in"), (r"^x_embedder", "img_in"), (r"^proj_out", "final_layer.linear"), (r"^norm_out\.linear", "final_layer.adaLN_modulation.1"),
    (r"^transformer_blocks", "double_blocks"), (r"^single_transformer_blocks", "single_blocks"), (r"norm1_context\.linear", "txt_mod.lin"),
    (r"norm1\.linear", "img_mod.lin"), (r"attn\.norm_added_([qk])\.weight", r"txt_attn.norm.\1"), (r"ff_context\.net\.0\.proj", "txt_mlp.0"),
    (r"ff_context\.net\.2", "txt_mlp.2"), (r"ff\.net\.0\.proj", "img_mlp.0"), (r"ff\.net\.2", "img_mlp.2"), (r"attn\.to_out\.0", "img_attn.proj"),
    (r"attn\.to_add_out", "txt_attn.proj"), (r"\.norm\.linear", ".modulation.lin"), (r"^(single_blocks\.\d+)\.proj_out", r"\1.linear2"),
    (r"^(double_blocks\.\d+)\.attn\.norm_([qk])\.weight", r"\1.img_attn.norm.\2"), (r"^(single_blocks\.\d+)\.attn\.norm_([qk])\.weight", r"\1.norm.\2"),
    (r"norm\.q$", "norm.query_norm.scale"), (r"norm\.k$", "norm.key_norm.scale"),
)


def flux_to_original(state: Tensors, prefix: str = "model.diffusion_model.") -> Tensors:
    """A diffusers FluxTransformer2DModel in Black Forest Labs' names: fused projections, shift before scale at the end."""
    out: Tensors = {}
    for key, value in state.items():
        fused = _flux_fused(key, state)
        if fused is not None:
            name, value = fused
            if not name:
                continue
        else:
            name = key
            for pattern, theirs in _FLUX:
                name = re.sub(pattern, theirs, name)
            if key.startswith("norm_out.linear"):
                scale, shift = value.chunk(2)
                value = torch.cat([shift, scale])
        out[prefix + name] = value
    return out


def _flux_fused(key: str, state: Tensors) -> tuple[str, torch.Tensor] | None:
    """The fused tensor at its first part, an empty name at the others, None for what is not fused."""
    m = re.match(r"(single_)?transformer_blocks\.(\d+)\.(attn\.(to_q|to_k|to_v|add_q_proj|add_k_proj|add_v_proj)|proj_mlp)\.(weight|bias)$", key)
    if m is None:
        return None
    single, i, _, part, leaf = m.groups()
    if part not in ("to_q", "add_q_proj"):
        return "", state[key]
    base = key[: -len(f"{part}.{leaf}")]
    parts = [state[f"{base}{part.replace('q', p)}.{leaf}"] for p in "qkv"]
    if single:
        parts.append(state[f"single_transformer_blocks.{i}.proj_mlp.{leaf}"])
        return f"single_blocks.{i}.linear1.{leaf}", torch.cat(parts)
    return f"double_blocks.{i}.{'img' if part == 'to_q' else 'txt'}_attn.qkv.{leaf}", torch.cat(parts)
