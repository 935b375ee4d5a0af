"""Loads an adapter file with diffusers and reads back the ΔW that diffusers would add, layer by layer.

The base is zero: modules the file names are replaced by zero layers of the file's own shapes, everything else stays on the meta
device. Key conversion, alpha handling, injection and fusing are diffusers' and PEFT's own code.
"""

import numpy as np
import torch
from diffusers import FluxTransformer2DModel, SD3Transformer2DModel, UNet2DConditionModel, WanTransformer3DModel
from diffusers.loaders import lora_pipeline as pipelines
from transformers import CLIPTextConfig, CLIPTextModel

SDXL = dict(
    block_out_channels=(320, 640, 1280), cross_attention_dim=2048, attention_head_dim=(5, 10, 20),
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), transformer_layers_per_block=(1, 2, 10),
    use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
)


def denoiser(family: str):
    """The denoiser of a family in its real depth, without memory."""
    with torch.device("meta"):
        if family == "sd1":
            return UNet2DConditionModel(cross_attention_dim=768)
        if family == "sd2":
            return UNet2DConditionModel(cross_attention_dim=1024, use_linear_projection=True)
        if family == "sdxl":
            return UNet2DConditionModel(**SDXL)
        if family == "flux1":
            return FluxTransformer2DModel(guidance_embeds=True)
        if family == "sd3":
            return SD3Transformer2DModel(num_layers=38, num_attention_heads=24, caption_projection_dim=1536, sample_size=32, pos_embed_max_size=32, dual_attention_layers=tuple(range(13)))
        return WanTransformer3DModel(num_layers=40, num_attention_heads=12, ffn_dim=8960, image_dim=1280, added_kv_proj_dim=1536)


def text_encoder() -> CLIPTextModel:
    """32 narrow layers; the ones a file names get its widths."""
    return CLIPTextModel(CLIPTextConfig(num_hidden_layers=32, hidden_size=16, intermediate_size=16, num_attention_heads=1, vocab_size=64, bos_token_id=0, eos_token_id=1, pad_token_id=1))


def converted(path: str, family: str):
    """(state dict in diffusers names, alphas, metadata) as diffusers' own loader makes them."""
    if family in ("sd1", "sd2", "sdxl"):
        loader = pipelines.StableDiffusionXLLoraLoaderMixin if family == "sdxl" else pipelines.StableDiffusionLoraLoaderMixin
        return loader.lora_state_dict(path, unet_config=denoiser(family).config, return_lora_metadata=True)
    if family == "flux1":
        return pipelines.FluxLoraLoaderMixin.lora_state_dict(path, return_alphas=True, return_lora_metadata=True)
    loader = pipelines.SD3LoraLoaderMixin if family == "sd3" else pipelines.WanLoraLoaderMixin
    state, metadata = loader.lora_state_dict(path, return_lora_metadata=True)
    return state, None, metadata


def fit(model: torch.nn.Module, state: dict[str, torch.Tensor]) -> list[str]:
    """Replaces the modules that `state` names by zero layers of its shapes. Returns their paths."""
    paths = []
    for key, down in state.items():
        if not key.endswith("lora_A.weight"):
            continue
        path = key.removesuffix(".lora_A.weight")
        rows = state[key.replace("lora_A", "lora_B")].shape[0]
        old = model.get_submodule(path)
        if down.ndim == 4:
            new = torch.nn.Conv2d(down.shape[1], rows, tuple(down.shape[2:]), padding=tuple(k // 2 for k in down.shape[2:]))
        elif isinstance(old, torch.nn.Conv2d):
            raise AssertionError(f"{path} is a convolution, the file has a linear pair")
        else:
            new = torch.nn.Linear(down.shape[1], rows)
        torch.nn.init.zeros_(new.weight)
        parent, _, leaf = path.rpartition(".")
        setattr(model.get_submodule(parent), leaf, new)
        paths.append(path)
    return paths


def deltas(path: str, family: str) -> tuple[dict[str, np.ndarray], int]:
    """(prefix + module path -> ΔW after `fuse_lora`, tensors in the converted state)."""
    from diffusers.utils import convert_unet_state_dict_to_peft

    state, alphas, metadata = converted(path, family)
    prefix = "unet" if family in ("sd1", "sd2", "sdxl") else "transformer"
    mine = {k.removeprefix(prefix + "."): v for k, v in state.items() if k.startswith(prefix + ".")}
    made, bare = {}, not mine and not any(k.startswith(("text_encoder", "diffusion_model.", "lora_", "double_blocks", "single_blocks")) for k in state)
    if bare:  # written by save_lora_adapter: loads with prefix=None
        mine, prefix = dict(state), None
    if mine:
        if not any("lora_A" in key for key in mine):
            mine = convert_unet_state_dict_to_peft(mine)
        model = denoiser(family)
        paths = fit(model, mine)
        model.load_lora_adapter(state, prefix=prefix, network_alphas=None if bare else alphas, metadata=metadata or None, adapter_name="default")
        model.fuse_lora()
        made = {f"{prefix}.{p}" if prefix else p: weight(model, p) for p in paths}
    for part in ("text_encoder", "text_encoder_2"):
        made |= text_deltas(part, state, alphas, metadata, family)
    return made, len(state)


def weight(model, path: str) -> np.ndarray:
    layer = model.get_submodule(path)
    base = layer.get_base_layer() if hasattr(layer, "get_base_layer") else layer
    value = base.weight.detach().double().numpy()
    return value.reshape(value.shape[0], -1)


def text_deltas(part: str, state, alphas, metadata, family: str) -> dict[str, np.ndarray]:
    from diffusers.utils import convert_state_dict_to_diffusers, convert_state_dict_to_peft
    from peft.tuners.tuners_utils import BaseTunerLayer

    mine = {k.removeprefix(part + "."): v for k, v in state.items() if k.startswith(part + ".")}
    if not mine:
        return {}
    if not any("lora_A" in key for key in mine):
        mine = convert_state_dict_to_peft(convert_state_dict_to_diffusers(mine))
    model = text_encoder()
    inner = {k if hasattr(model, "text_model") else k.removeprefix("text_model."): v for k, v in mine.items()}
    paths = fit(model, inner)
    loader = pipelines.StableDiffusionXLLoraLoaderMixin if family == "sdxl" else pipelines.StableDiffusionLoraLoaderMixin
    loader.load_lora_into_text_encoder(state, alphas, model, prefix=part, metadata=metadata or None, adapter_name="default")
    for layer in model.modules():
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
    return {f"{part}.text_model.{p.removeprefix('text_model.')}": weight(model, p) for p in paths}
