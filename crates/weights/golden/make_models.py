"""Writes ../tests/families/models.json: the linear and convolution weights of diffusers' models, made on the meta device.

One entry per model: family, size, and its weights as [path with # for the first number, shape, numbers]. The tests make labelled adapter
headers from it. Same Python environment as make_golden.py.
"""

import json
import os
import re
from pathlib import Path

os.environ.update(CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1", DIFFUSERS_VERBOSITY="error", TRANSFORMERS_VERBOSITY="error")
import diffusers  # noqa: E402
import torch  # noqa: E402

OUT = Path(__file__).parent.parent / "tests" / "families" / "models.json"

SDXL = dict(
    block_out_channels=(320, 640, 1280), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), transformer_layers_per_block=(1, 2, 10),
    cross_attention_dim=2048, addition_embed_type="text_time", addition_time_embed_dim=256,
    projection_class_embeddings_input_dim=2816, use_linear_projection=True, attention_head_dim=(5, 10, 20),
)
SD3 = dict(num_attention_heads=24, num_layers=24, caption_projection_dim=1536)
WAN_1_3B = dict(num_attention_heads=12, num_layers=30, ffn_dim=8960)
HIDREAM = dict(
    patch_size=2, in_channels=16, out_channels=16, num_layers=16, num_single_layers=32, attention_head_dim=128, num_attention_heads=20,
    caption_channels=[4096, 4096], text_emb_dim=2048, num_routed_experts=4, num_activated_experts=2, axes_dims_rope=(64, 32, 32),
    max_resolution=(128, 128), llama_layers=[*range(32)] + [31] * 16,
)
HUNYUANDIT = dict(
    num_attention_heads=16, attention_head_dim=88, in_channels=4, patch_size=2, hidden_size=1408, num_layers=40, mlp_ratio=4.3637,
    sample_size=128, cross_attention_dim=1024, cross_attention_dim_t5=2048, pooled_projection_dim=1024, learn_sigma=True,
)

# (family, size, class, configuration)
MODELS = [
    ("sd1", "", "UNet2DConditionModel", dict(cross_attention_dim=768)),
    ("sd2", "", "UNet2DConditionModel", dict(cross_attention_dim=1024, use_linear_projection=True, attention_head_dim=(5, 10, 20, 20))),
    ("sdxl", "", "UNet2DConditionModel", SDXL),
    ("sd3", "", "SD3Transformer2DModel", SD3),
    ("sd3", "3.5 Medium", "SD3Transformer2DModel", SD3 | dict(dual_attention_layers=tuple(range(13)))),
    ("sd3", "3.5 Large", "SD3Transformer2DModel", dict(num_attention_heads=38, num_layers=38, caption_projection_dim=2432)),
    ("flux1", "", "FluxTransformer2DModel", dict(guidance_embeds=True)),
    ("chroma", "", "ChromaTransformer2DModel", {}),
    ("flux2", "dev", "Flux2Transformer2DModel", {}),
    ("flux2", "Klein 9B", "Flux2Transformer2DModel", dict(num_single_layers=24, num_attention_heads=32, joint_attention_dim=12288)),
    ("flux2", "Klein 4B", "Flux2Transformer2DModel", dict(num_layers=5, num_single_layers=20, num_attention_heads=24, joint_attention_dim=7680)),
    ("wan", "1.3B", "WanTransformer3DModel", WAN_1_3B),
    ("wan", "5B", "WanTransformer3DModel", dict(num_attention_heads=24, num_layers=30, ffn_dim=14336, in_channels=48, out_channels=48)),
    ("wan", "14B", "WanTransformer3DModel", {}),
    ("wan", "14B I2V", "WanTransformer3DModel", dict(in_channels=36, image_dim=1280, added_kv_proj_dim=5120)),
    ("wan", "14B VACE", "WanVACETransformer3DModel", {}),
    ("hunyuanvideo", "", "HunyuanVideoTransformer3DModel", {}),
    ("hunyuanvideo15", "", "HunyuanVideo15Transformer3DModel", {}),
    ("hunyuanimage", "", "HunyuanImageTransformer2DModel", {}),
    ("hunyuandit", "", "HunyuanDiT2DModel", HUNYUANDIT),
    ("ltx", "2B", "LTXVideoTransformer3DModel", {}),
    ("ltx", "13B", "LTXVideoTransformer3DModel", dict(attention_head_dim=128, cross_attention_dim=4096, num_layers=48)),
    ("ltx", "LTX-2", "LTX2VideoTransformer3DModel", {}),
    ("qwenimage", "", "QwenImageTransformer2DModel", {}),
    ("zimage", "", "ZImageTransformer2DModel", {}),
    ("lumina2", "", "Lumina2Transformer2DModel", dict(cap_feat_dim=2304)),
    ("cosmos", "7B", "CosmosTransformer3DModel", {}),
    ("cosmos", "14B", "CosmosTransformer3DModel", dict(num_attention_heads=40, num_layers=36)),
    ("cosmospredict2", "2B", "CosmosTransformer3DModel", dict(num_attention_heads=16)),
    ("cosmospredict2", "14B", "CosmosTransformer3DModel", dict(num_attention_heads=40, num_layers=36)),
    ("cascade", "", "StableCascadeUNet", dict(conditioning_dim=2048)),
    ("pixart", "", "PixArtTransformer2DModel", dict(caption_channels=4096)),
    ("auraflow", "", "AuraFlowTransformer2DModel", {}),
    ("hidream", "", "HiDreamImageTransformer2DModel", HIDREAM),
    ("mochi", "", "MochiTransformer3DModel", {}),
    ("cogvideox", "2B", "CogVideoXTransformer3DModel", {}),
    ("cogvideox", "5B", "CogVideoXTransformer3DModel", dict(num_attention_heads=48, num_layers=42)),
    ("ovis", "", "OvisImageTransformer2DModel", {}),
    ("krea2", "", "Krea2Transformer2DModel", {}),
    ("ernie", "", "ErnieImageTransformer2DModel", {}),
    ("ideogram4", "", "Ideogram4Transformer2DModel", {}),
    ("acestep", "1.5", "AceStepTransformer1DModel", {}),
]


def span(numbers: list[int]) -> str:
    """Numbers as runs: `0-11,13`."""
    runs: list[list[int]] = []
    for n in sorted(numbers):
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ",".join(f"{a}-{b}" if b > a else f"{a}" for a, b in runs)


def weights(model: torch.nn.Module) -> dict[str, list[int]]:
    kinds = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
    return {name: list(module.weight.shape) for name, module in model.named_modules() if isinstance(module, kinds)}


def compact(found: dict[str, list[int]]) -> list[list]:
    grouped: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for name, shape in found.items():
        number = re.search(r"(?<=\.)\d+(?=\.)", name)
        template = name[: number.start()] + "#" + name[number.end():] if number else name
        grouped.setdefault((template, tuple(shape)), []).extend([int(number[0])] if number else [])
    return [[template, list(shape), span(numbers)] for (template, shape), numbers in grouped.items()]


def main() -> None:
    out = []
    for family, size, name, config in MODELS:
        with torch.device("meta"):
            model = getattr(diffusers, name)(**config)
        out.append({"family": family, "size": size, "class": name, "weights": compact(weights(model))})
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in out)
    OUT.write_text(f"[\n{lines}\n]\n")
    print(f"{len(out)} models, {OUT.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
