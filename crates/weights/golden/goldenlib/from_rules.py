"""Files written by the key rules of trainers that have no importable writer: kohya, musubi, ComfyUI, XLabs, old diffusers."""

from dataclasses import dataclass
from pathlib import Path

import torch

from . import tensors
from .expected import File


@dataclass
class Pair:
    """One low-rank pair. `alpha` None: no alpha tensor is stored."""

    stem: str
    rows: int
    columns: int
    rank: int
    alpha: float | None = None
    kernel: int = 0  # 0: linear, else the side of a square convolution kernel
    tucker: bool = False
    size: float = 0.02


SUFFIX = {
    "kohya": ("lora_down.weight", "lora_up.weight"),
    "peft": ("lora_A.weight", "lora_B.weight"),
    "comfy_ui": ("lora_A.weight", "lora_B.weight"),
    "xlabs": ("down.weight", "up.weight"),
    "linear_layer": ("lora_linear_layer.down.weight", "lora_linear_layer.up.weight"),
}


def pair_tensors(file: str, pair: Pair, style: str, dtype: str, alpha_dtype: str | None = None) -> dict[str, torch.Tensor]:
    """The tensors of one pair under the suffixes of `style`."""
    down_name, up_name = SUFFIX[style]
    k, r = pair.kernel, pair.rank
    cast = tensors.DTYPES[dtype]

    def make(name, shape):
        return tensors.normal(shape, pair.size, file, pair.stem, name).to(cast)

    joint = "_" if pair.stem.endswith("_lora") else "."
    stem = pair.stem.removesuffix("_lora") if joint == "_" and style == "legacy" else pair.stem
    if k and pair.tucker:
        made = {down_name: make("down", (r, pair.columns, 1, 1)), "lora_mid.weight": make("mid", (r, r, k, k))}
    elif k:
        made = {down_name: make("down", (r, pair.columns, k, k))}
    else:
        made = {down_name: make("down", (r, pair.columns))}
    made[up_name] = make("up", (pair.rows, r, 1, 1) if k else (pair.rows, r))
    if pair.alpha is not None:
        made["alpha"] = torch.tensor(pair.alpha, dtype=tensors.DTYPES[alpha_dtype or ("F32" if dtype.startswith("F8") else dtype)])
    return {f"{stem}.{name}": value for name, value in made.items()}


class Writer:
    """Collects the files it writes into `out`."""

    def __init__(self, out: Path):
        self.out, self.files = out, []

    def file(self, name, pairs, *, by, naming, family, layout=None, style=None, dtype="F16", metadata=None, kind=None, extra=None, alpha_dtype=None):
        made = {}
        for pair in pairs:
            made |= pair_tensors(name, pair, style or naming, dtype, alpha_dtype)
        tensors.write(self.out / f"{name}.safetensors", made | (extra or {}), metadata)
        self.files.append(File(f"{name}.safetensors", by, naming, family, layout, kind))


def attention(head: str, width: int, context: int, rank: int, alpha: float, leaves=("attn1_to_q", "attn2_to_k")) -> list[Pair]:
    """Pairs of one UNet transformer block."""
    shapes = {
        "attn1_to_q": (width, width), "attn1_to_v": (width, width), "attn1_to_out_0": (width, width), "attn2_to_k": (width, context),
        "attn2_to_v": (width, context), "ff_net_0_proj": (8 * width, width), "ff_net_2": (width, 4 * width),
    }
    return [Pair(f"{head}_{leaf}", *shapes[leaf], rank, alpha) for leaf in leaves]


def clip(prefix: str, width: int, layer: int, rank: int, alpha: float) -> list[Pair]:
    head = f"{prefix}text_model_encoder_layers_{layer}_"
    return [Pair(head + "self_attn_q_proj", width, width, rank, alpha), Pair(head + "self_attn_out_proj", width, width, 1, alpha)]


KOHYA = "key rules of kohya sd-scripts"


def sd(w: Writer) -> None:
    down, up = "lora_unet_down_blocks_", "lora_unet_up_blocks_"
    sd1 = (
        attention(down + "0_attentions_0_transformer_blocks_0", 320, 768, 4, 2.0, ("attn1_to_q", "attn2_to_k", "ff_net_2"))
        + attention(down + "2_attentions_1_transformer_blocks_0", 1280, 768, 1, 1.0)
        + attention("lora_unet_mid_block_attentions_0_transformer_blocks_0", 1280, 768, 2, 1.0, ("attn2_to_v",))
        + attention(up + "1_attentions_2_transformer_blocks_0", 1280, 768, 2, 3.0, ("attn2_to_k",))
        + attention(up + "3_attentions_2_transformer_blocks_0", 320, 768, 8, 4.0, ("attn1_to_out_0", "attn2_to_v"))
        + [Pair(down + "0_attentions_0_proj_in", 320, 320, 4, 2.0, kernel=1), Pair(up + "3_attentions_0_proj_out", 320, 320, 4, 2.0, kernel=1)]
    )
    te = clip("lora_te_", 768, 0, 2, 1.0) + clip("lora_te_", 768, 11, 2, 1.0)
    meta = {"ss_base_model_version": "sd_v1-5", "ss_network_module": "networks.lora", "ss_network_dim": "4", "ss_network_alpha": "2.0"}
    w.file("kohya_sd1", sd1 + te, by=KOHYA, naming="kohya", family="sd1", layout="sd_unet_25", kind="lora", metadata=meta)

    conv = [
        Pair(down + "0_resnets_0_conv1", 320, 320, 2, 1.0, kernel=3),
        Pair(down + "1_resnets_0_conv1", 640, 320, 2, 1.0, kernel=3, tucker=True),
        Pair(down + "0_downsamplers_0_conv", 320, 320, 2, 1.0, kernel=3, tucker=True),
        Pair("lora_unet_mid_block_resnets_1_conv2", 1280, 1280, 1, 1.0, kernel=3, tucker=True),
        Pair(up + "0_upsamplers_0_conv", 1280, 1280, 1, 1.0, kernel=3, tucker=True),
        Pair(up + "2_resnets_2_conv2", 640, 640, 3, 2.0, kernel=3, tucker=True),
        Pair("lora_unet_conv_in", 320, 4, 2, 1.0, kernel=3), Pair("lora_unet_conv_out", 4, 320, 2, 1.0, kernel=3),
        Pair(down + "1_resnets_0_conv_shortcut", 640, 320, 2, 1.0, kernel=1),
        Pair(down + "1_resnets_0_time_emb_proj", 640, 1280, 2, 1.0), Pair("lora_unet_time_embedding_linear_1", 1280, 320, 2, 1.0),
        Pair(down + "0_attentions_1_transformer_blocks_0_attn2_to_k", 320, 768, 4, 2.0),
    ]
    w.file("kohya_sd1_locon", conv, by=KOHYA, naming="kohya", family="sd1", layout="sd_unet_25", kind="locon")

    small = attention(down + "0_attentions_0_transformer_blocks_0", 320, 768, 3, 1.5, ("attn1_to_q", "attn2_to_k"))
    for dtype in ("F64", "F32", "BF16", "F8_E4M3", "F8_E5M2"):
        for pair in small:
            pair.size = 0.25
        w.file(f"kohya_sd1_{dtype.lower()}", small, by=KOHYA, naming="kohya", family="sd1", layout="sd_unet_25", kind="lora", dtype=dtype)
    no_alpha = [Pair(p.stem, p.rows, p.columns, p.rank, None) for p in small]
    w.file("kohya_sd1_without_alpha", no_alpha, by=KOHYA, naming="kohya", family="sd1", layout="sd_unet_25", kind="lora")
    whole_alpha = [Pair(p.stem, p.rows, p.columns, p.rank, 2.0) for p in small]
    w.file("kohya_sd1_integer_alpha", whole_alpha, by="kohya svd_merge_lora writes integer alphas", naming="kohya", family="sd1",
           layout="sd_unet_25", kind="lora", alpha_dtype="I64")
    dora = pair_tensors("kohya_sd1_dora", small[0], "kohya", "F16")
    dora[small[0].stem + ".dora_scale"] = tensors.normal((320, 1), 0.1, "kohya_sd1_dora").abs().half()
    w.file("kohya_sd1_dora", [], by="LyCORIS/OneTrainer key rules", naming="kohya", family=None, kind="dora", extra=dora)

    sd2 = attention(down + "0_attentions_0_transformer_blocks_0", 320, 1024, 2, 1.0) + clip("lora_te_", 1024, 22, 1, 1.0)
    w.file("kohya_sd2", sd2, by=KOHYA, naming="kohya", family="sd2", layout="sd_unet_25", kind="lora", metadata={"ss_v2": "True"})
    w.file("kohya_sd1_text_encoder_only", clip("lora_te_", 768, 3, 2, 1.0), by=KOHYA, naming="kohya", family="sd1", kind="lora")


def sdxl(w: Writer) -> None:
    tail = "_transformer_blocks_"
    ldm = (
        attention("lora_unet_input_blocks_4_1" + tail + "0", 640, 2048, 2, 1.0)
        + attention("lora_unet_input_blocks_8_1" + tail + "9", 1280, 2048, 1, 1.0)
        + attention("lora_unet_middle_block_1" + tail + "4", 1280, 2048, 1, 0.5, ("attn2_to_v",))
        + attention("lora_unet_output_blocks_2_1" + tail + "7", 1280, 2048, 1, 1.0, ("attn1_to_q",))
        + attention("lora_unet_output_blocks_5_1" + tail + "1", 640, 2048, 4, 2.0, ("attn2_to_k",))
        + [
            Pair("lora_unet_input_blocks_5_1_proj_in", 640, 640, 2, 1.0), Pair("lora_unet_label_emb_0_0", 1280, 2816, 1, 1.0),
            Pair("lora_unet_time_embed_0", 1280, 320, 2, 1.0),
        ]
    )
    te = clip("lora_te1_", 768, 5, 2, 1.0) + clip("lora_te2_", 1280, 31, 1, 1.0)
    meta = {"ss_base_model_version": "sdxl_base_v1-0", "modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}
    args = {"by": KOHYA, "naming": "kohya", "family": "sdxl", "layout": "sdxl_unet_19"}
    w.file("kohya_sdxl", ldm + te, metadata=meta, kind="lora", **args)
    conv = [
        Pair("lora_unet_input_blocks_0_0", 320, 4, 2, 1.0, kernel=3), Pair("lora_unet_input_blocks_3_0_op", 320, 320, 2, 1.0, kernel=3),
        Pair("lora_unet_input_blocks_4_0_in_layers_2", 640, 320, 2, 1.0, kernel=3), Pair("lora_unet_input_blocks_4_0_out_layers_3", 640, 640, 1, 1.0, kernel=3),
        Pair("lora_unet_middle_block_2_out_layers_3", 1280, 1280, 1, 1.0, kernel=3, tucker=True),
        Pair("lora_unet_output_blocks_2_2_conv", 1280, 1280, 1, 1.0, kernel=3, tucker=True), Pair("lora_unet_out_2", 4, 320, 2, 1.0, kernel=3),
        Pair("lora_unet_input_blocks_4_0_skip_connection", 640, 320, 2, 1.0, kernel=1), Pair("lora_unet_output_blocks_8_0_emb_layers_1", 320, 1280, 2, 1.0),
        Pair("lora_unet_input_blocks_7_1_transformer_blocks_0_attn2_to_k", 1280, 2048, 1, 1.0),
    ]
    w.file("kohya_sdxl_locon", conv, kind="locon", **args)
    lcm = attention("lora_unet_down_blocks_2_attentions_1_transformer_blocks_9", 1280, 2048, 1, 1.0) + [
        Pair("lora_unet_up_blocks_0_resnets_0_time_emb_proj", 1280, 1280, 1, 1.0),
    ]
    w.file("lcm_sdxl_diffusers_names", lcm, **args | {"by": "key rules of LCM-LoRA"})


def legacy(w: Writer) -> None:
    made = {}
    spots = [("down_blocks.0.attentions.1", 320, 768), ("mid_block.attentions.0", 1280, 768), ("up_blocks.2.attentions.0", 640, 768)]
    for head, width, context in spots:
        for attn, leaf, columns in (("attn1", "to_q", width), ("attn1", "to_out", width), ("attn2", "to_k", context)):
            stem = f"unet.{head}.transformer_blocks.0.{attn}.processor.{leaf}_lora"
            for role, shape in (("down", (2, columns)), ("up", (width, 2))):
                made[f"{stem}.{role}.weight"] = tensors.normal(shape, 0.02, "legacy", stem, role).half()
    te = [Pair("text_encoder.text_model.encoder.layers.7.self_attn.q_proj", 768, 768, 2)]
    made |= pair_tensors("legacy", te[0], "linear_layer", "F16")
    w.file("diffusers_legacy_sd1", [], by="key rules of diffusers before PEFT", naming="diffusers_legacy", family="sd1",
           layout="sd_unet_25", kind="lora", extra=made)


def flux(w: Writer) -> None:
    h = 3072
    args = {"family": "flux1", "layout": "flux_unet_57", "kind": "lora"}

    def fused(prefix, dot, rank, alpha):
        return [
            Pair(f"{prefix}double_blocks{dot}0{dot}img_attn{dot}qkv", 3 * h, h, rank, alpha),
            Pair(f"{prefix}double_blocks{dot}18{dot}txt_mlp{dot}0", 4 * h, h, 1, alpha),
            Pair(f"{prefix}double_blocks{dot}7{dot}img_mod{dot}lin", 6 * h, h, 1, alpha),
            Pair(f"{prefix}single_blocks{dot}0{dot}linear1", 7 * h, h, 1, alpha),
            Pair(f"{prefix}single_blocks{dot}37{dot}linear2", h, 5 * h, 1, alpha),
        ]

    outside = [Pair("lora_unet_img_in", h, 64, 2, 1.0), Pair("lora_unet_final_layer_linear", 64, h, 2, 1.0),
               Pair("lora_unet_vector_in_in_layer", h, 768, 1, 1.0)]
    te = clip("lora_te1_", 768, 2, 2, 1.0) + [Pair("lora_te3_encoder_block_3_layer_0_SelfAttention_q", 4096, 4096, 1, 1.0)]
    meta = {"ss_base_model_version": "flux1", "modelspec.architecture": "flux-1-dev/lora"}
    w.file("kohya_flux", fused("lora_unet_", "_", 1, 1.5) + outside + te, by=KOHYA, naming="kohya", metadata=meta, dtype="BF16", **args)
    w.file("comfy_flux", fused("diffusion_model.", ".", 2, None)[:2], by="key rules of ComfyUI (native names)", naming="comfy_ui", **args)
    w.file("comfy_flux_alpha", fused("diffusion_model.", ".", 1, 0.5)[3:], by="key rules of ComfyUI (native names)", naming="comfy_ui", **args)
    w.file("bfl_flux_bare", fused("", ".", 1, None)[:3], by="bare BFL names", naming="comfy_ui", **args)
    x = "processor."
    xlabs = [
        Pair(f"double_blocks.0.{x}qkv_lora1", 3 * h, h, 1), Pair(f"double_blocks.0.{x}qkv_lora2", 3 * h, h, 1),
        Pair(f"double_blocks.9.{x}proj_lora1", h, h, 2), Pair(f"double_blocks.9.{x}proj_lora2", h, h, 2),
        Pair(f"single_blocks.20.{x}qkv_lora", 3 * h, h, 1), Pair(f"single_blocks.20.{x}proj_lora", h, 5 * h, 1),
    ]
    w.file("xlabs_flux", xlabs, by="key rules of XLabs x-flux", naming="xlabs", **args)


def other_transformers(w: Writer) -> None:
    def sd3(h, last):
        head = "lora_unet_joint_blocks_"
        return [
            Pair(head + "0_x_block_attn_qkv", 3 * h, h, 2, 1.0), Pair(head + "0_context_block_attn_proj", h, h, 2, 1.0),
            Pair(head + f"{last}_x_block_mlp_fc1", 4 * h, h, 1, 1.0), Pair(head + "5_context_block_adaLN_modulation_1", 6 * h, h, 1, 1.0),
            Pair("lora_unet_context_embedder", h, 4096, 1, 1.0), Pair("lora_unet_final_layer_linear", 64, h, 2, 1.0),
        ]

    te = [*clip("lora_te1_", 768, 1, 1, 1.0), *clip("lora_te2_", 1280, 1, 1, 1.0), Pair("lora_te3_encoder_block_0_layer_0_SelfAttention_k", 4096, 4096, 1, 1.0)]
    w.file("kohya_sd3", sd3(1536, 23) + te, by=KOHYA, naming="kohya", family="sd3", layout="sd3_mmdit_24", kind="lora")
    w.file("kohya_sd35_large", sd3(2432, 37), by=KOHYA, naming="kohya", family="sd3", layout="sd35l_mmdit_38", kind="lora")

    def wan(h, ffn, last):
        head = "lora_unet_blocks_"
        return [
            Pair(head + "0_self_attn_q", h, h, 2, 1.0), Pair(head + "3_cross_attn_v", h, h, 1, 1.0),
            Pair(head + f"{last}_ffn_0", ffn, h, 1, 1.0), Pair(head + f"{last}_ffn_2", h, ffn, 1, 1.0),
        ]

    musubi = "key rules of musubi-tuner"
    w.file("musubi_wan_1_3b", wan(1536, 8960, 29), by=musubi, naming="kohya", family="wan", layout="wan_unet_30", kind="lora")
    w.file("musubi_wan_5b", wan(3072, 14336, 29)[:3], by=musubi, naming="kohya", family="wan", layout="wan_unet_30", kind="lora")
    i2v = [Pair("lora_unet_blocks_1_cross_attn_k_img", 5120, 5120, 1, 1.0)]
    w.file("musubi_wan_14b_i2v", wan(5120, 13824, 39) + i2v, by=musubi, naming="kohya", family="wan", layout="wan_unet_40", kind="lora")
    native = [Pair("diffusion_model.blocks.2.self_attn.q", 1536, 1536, 2), Pair("diffusion_model.blocks.2.ffn.2", 1536, 8960, 1)]
    w.file("comfy_wan", native, by="key rules of ComfyUI (native names)", naming="comfy_ui", family="wan", layout="wan_unet_30", kind="lora")


def strangers(w: Writer) -> None:
    """Families with few keys each: an engine must not take one for another."""
    h = 3072
    files = {
        "stranger_qwen_image": [Pair("lora_unet_transformer_blocks_59_attn_add_k_proj", h, h, 1, 1.0), Pair("lora_unet_transformer_blocks_3_img_mlp_net_0_proj", 4 * h, h, 1, 1.0)],
        "stranger_flux2_klein": [Pair("lora_unet_single_blocks_0_linear1", 9 * h, h, 1, 1.0)],
        "stranger_hunyuan_video": [Pair("lora_unet_double_blocks_19_img_mlp_fc1", 4 * h, h, 1, 1.0), Pair("lora_unet_single_blocks_39_modulation_linear", 3 * h, h, 1, 1.0)],
        "stranger_z_image": [Pair("lora_unet_layers_29_attention_to_q", 3840, 3840, 1, 1.0), Pair("lora_unet_layers_2_feed_forward_w1", 10240, 3840, 1, 1.0)],
    }
    told = {
        "stranger_qwen_image": ("qwenimage", "qwen_dit_60"), "stranger_flux2_klein": ("flux2", "flux2_transformer_25"),
        "stranger_hunyuan_video": ("hunyuanvideo", "hunyuanvideo_dit_60"), "stranger_z_image": ("zimage", "zimage_dit_34"),
    }
    for name, pairs in files.items():
        family, layout = told[name]
        w.file(name, pairs, by="key rules of the family's trainers", naming="kohya", family=family, layout=layout, kind="lora")
    ltx = [Pair("transformer.transformer_blocks.27.attn1.to_q", 2048, 2048, 1), Pair("transformer.transformer_blocks.27.attn2.to_k", 2048, 2048, 1)]
    w.file("stranger_ltx", ltx, by="key rules of diffusers", naming="peft", family="ltx", layout="ltx_dit_28", kind="lora")


def write_all(out: Path) -> list[File]:
    w = Writer(out)
    for part in (sd, sdxl, legacy, flux, other_transformers, strangers):
        part(w)
    return w.files
