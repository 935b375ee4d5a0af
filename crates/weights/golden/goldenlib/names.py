"""Key -> role, stem, component, canonical path and block slot. Written from the key tables of the formats, per family."""

import re
from dataclasses import dataclass

# Suffix -> role, longest first where one ends another.
SUFFIXES = [
    (".lora_A.default.weight", "down"), (".lora_B.default.weight", "up"),
    (".lora_linear_layer.down.weight", "down"), (".lora_linear_layer.up.weight", "up"),
    (".lora_magnitude_vector.weight", "magnitude"), (".lora_magnitude_vector", "magnitude"),
    (".lora_down.weight", "down"), (".lora_up.weight", "up"), (".lora_mid.weight", "mid"),
    (".lora_A.weight", "down"), (".lora_B.weight", "up"), (".lora_A", "down"), (".lora_B", "up"),
    (".lora.down.weight", "down"), (".lora.up.weight", "up"),
    (".down.weight", "down"), (".up.weight", "up"),
    (".hada_w1_a", "w1a"), (".hada_w1_b", "w1b"), (".hada_w2_a", "w2a"), (".hada_w2_b", "w2b"),
    (".hada_t1", "t1"), (".hada_t2", "t2"),
    (".lokr_w1_a", "w1a"), (".lokr_w1_b", "w1b"), (".lokr_w2_a", "w2a"), (".lokr_w2_b", "w2b"),
    (".lokr_w1", "w1"), (".lokr_w2", "w2"), (".lokr_t2", "t2"),
    (".oft_blocks", "oft_blocks"), (".oft_R.weight", "oft_R"), (".rescale", "rescale"),
    (".a1.weight", "a1"), (".a2.weight", "a2"), (".b1.weight", "b1"), (".b2.weight", "b2"), (".bm.weight", "bm"),
    (".on_input", "on_input"), (".dora_scale", "magnitude"), (".alpha", "alpha"), (".diff", "diff"), (".diff_b", "diff_b"),
    (".weight", "weight"),
]
DENOISER = ["base_model.model.", "diffusion_model.", "transformer.", "unet.", "lora_unet_", "lora_transformer_", "lycoris_"]
ENCODERS = [
    ("lora_te1_", 1), ("lora_te2_", 2), ("lora_te3_", 3), ("lora_te_", 1), ("text_encoder_2.", 2), ("text_encoder_3.", 3),
    ("text_encoder.", 1), ("text_encoders.clip_l.transformer.", 1), ("text_encoders.clip_g.transformer.", 2),
]
UNETS = {"sd1", "sd2", "sdxl"}


def split(key: str) -> tuple[str, str]:
    """(stem, role) of one key."""
    legacy = re.match(r"(.*\.processor\.to_(?:q|k|v|out))_lora\.(down|up)\.weight$", key)
    if legacy:
        return legacy[1], legacy[2]
    for suffix, role in SUFFIXES:
        if key.endswith(suffix):
            return key[: -len(suffix)], role
    raise ValueError(f"no known suffix: {key}")


@dataclass(frozen=True)
class Place:
    component: str  # "denoiser" or "te1", "te2", ...
    path: str  # canonical, flattened
    rows: tuple[int, int] | None  # (first row, rows) of a fused weight
    slot: str | None


def place(stem: str, family: str, rows: int) -> Place:
    """Where the module of this stem stands. `rows` is the height of its own ΔW."""
    for prefix, number in ENCODERS:
        if stem.startswith(prefix):
            path = stem[len(prefix):].replace(".", "_")
            if path.startswith("encoder_layers_"):  # transformers 5 has lost the outer name of CLIP
                path = "text_model_" + path
            return Place(f"te{number}", path, None, f"TE{number}")
    path = stem
    for prefix in DENOISER:
        if path.startswith(prefix):
            path = path[len(prefix):]
            break
    path = path.replace(".", "_").replace("_processor_", "_")
    if family in UNETS:
        path = unet_path(path)
        return Place("denoiser", path, None, unet_slot(path))
    if family == "flux1":
        path, window = flux_path(path, rows)
        return Place("denoiser", path, window, flux_slot(path))
    if family == "sd3":
        path, window = sd3_path(path, rows)
        return Place("denoiser", path, window, numbered(path, "joint_blocks_"))
    if family == "wan":
        path = wan_path(path)
        return Place("denoiser", path, None, numbered(path, "blocks_"))
    if family in ("flux2", "hunyuanvideo"):
        return Place("denoiser", path, None, flux_slot(path))
    if family in ("qwenimage", "ltx"):
        return Place("denoiser", path, None, numbered(path, "transformer_blocks_"))
    if family == "zimage":
        found = re.match(r"(layers_\d+_attention)_to_([qkv])$", path)
        window = ("qkv".index(found[2]) * rows, rows) if found else None
        return Place("denoiser", f"{found[1]}_qkv" if found else path, window, numbered(path, "layers_"))
    return Place("denoiser", path, None, None)


def unet_path(path: str) -> str:
    """LDM names of the SDXL UNet (and SD) -> diffusers names; others unchanged."""
    if path == "input_blocks_0_0":
        return "conv_in"
    found = re.match(r"(input|output)_blocks_(\d+)_(\d+)_(.*)$", path)
    if found:
        side, index, part, rest = found[1], int(found[2]), int(found[3]), found[4]
        if side == "input":
            block, layer = divmod(index - 1, 3)
            if rest == "op":
                return f"down_blocks_{block}_downsamplers_0_conv"
            head = f"down_blocks_{block}"
        else:
            block, layer = divmod(index, 3)
            if rest == "conv":
                return f"up_blocks_{block}_upsamplers_0_conv"
            head = f"up_blocks_{block}"
        return f"{head}_resnets_{layer}_{resnet(rest)}" if part == 0 else f"{head}_attentions_{layer}_{rest}"
    found = re.match(r"middle_block_(\d)_(.*)$", path)
    if found:
        part, rest = int(found[1]), found[2]
        return f"mid_block_attentions_0_{rest}" if part == 1 else f"mid_block_resnets_{part // 2}_{resnet(rest)}"
    for old, new in {
        "time_embed_0": "time_embedding_linear_1", "time_embed_2": "time_embedding_linear_2",
        "label_emb_0_0": "add_embedding_linear_1", "label_emb_0_2": "add_embedding_linear_2", "out_2": "conv_out",
    }.items():
        if path == old:
            return new
    return re.sub(r"(attn\d_to_out)$", r"\1_0", path)


def resnet(rest: str) -> str:
    return {"in_layers_2": "conv1", "emb_layers_1": "time_emb_proj", "out_layers_3": "conv2", "skip_connection": "conv_shortcut"}[rest]


def unet_slot(path: str) -> str:
    if path == "conv_in":
        return "IN00"
    if path.startswith("mid_block_"):
        return "M00"
    if path.startswith(("conv_out", "conv_norm_out")):
        return "OUT"
    if path.startswith(("time_embedding", "add_embedding")):
        return "IN"
    found = re.match(r"(down|up)_blocks_(\d)_(resnets|attentions|downsamplers|upsamplers)_(\d)_", path)
    side, block, part, layer = found[1], int(found[2]), found[3], int(found[4])
    if side == "down":
        return f"IN{3 * (block + 1) if part == 'downsamplers' else 1 + 3 * block + layer:02}"
    return f"OUT{3 * block + 2 if part == 'upsamplers' else 3 * block + layer:02}"


FLUX_OUTSIDE = {
    "x_embedder": "img_in", "context_embedder": "txt_in", "time_text_embed_timestep_embedder_linear_1": "time_in_in_layer",
    "time_text_embed_timestep_embedder_linear_2": "time_in_out_layer", "proj_out": "final_layer_linear",
    "time_text_embed_text_embedder_linear_1": "vector_in_in_layer", "time_text_embed_text_embedder_linear_2": "vector_in_out_layer",
}


def flux_path(path: str, rows: int) -> tuple[str, tuple[int, int] | None]:
    """diffusers (split), BFL (fused) and XLabs names -> fused BFL names and the row window."""
    h = 3072
    found = re.match(r"(double|single)_blocks_(\d+)_(qkv_lora1|qkv_lora2|proj_lora1|proj_lora2|qkv_lora|proj_lora)$", path)
    if found:
        leaf = {"qkv_lora1": "img_attn_qkv", "qkv_lora2": "txt_attn_qkv", "proj_lora1": "img_attn_proj", "proj_lora2": "txt_attn_proj",
                "qkv_lora": "linear1", "proj_lora": "linear2"}[found[3]]
        return f"{found[1]}_blocks_{found[2]}_{leaf}", (0, 3 * h) if found[3] == "qkv_lora" else None
    found = re.match(r"single_transformer_blocks_(\d+)_(.*)$", path)
    if found:
        head, leaf = f"single_blocks_{found[1]}_", found[2]
        start = {"attn_to_q": 0, "attn_to_k": h, "attn_to_v": 2 * h, "proj_mlp": 3 * h}
        if leaf in start:
            return head + "linear1", (start[leaf], rows)
        return head + {"proj_out": "linear2", "norm_linear": "modulation_lin"}[leaf], None
    found = re.match(r"transformer_blocks_(\d+)_(.*)$", path)
    if found:
        head, leaf = f"double_blocks_{found[1]}_", found[2]
        start = {"attn_to_q": ("img", 0), "attn_to_k": ("img", h), "attn_to_v": ("img", 2 * h),
                 "attn_add_q_proj": ("txt", 0), "attn_add_k_proj": ("txt", h), "attn_add_v_proj": ("txt", 2 * h)}
        if leaf in start:
            return f"{head}{start[leaf][0]}_attn_qkv", (start[leaf][1], rows)
        return head + {"attn_to_out_0": "img_attn_proj", "attn_to_add_out": "txt_attn_proj", "ff_net_0_proj": "img_mlp_0",
                       "ff_net_2": "img_mlp_2", "ff_context_net_0_proj": "txt_mlp_0", "ff_context_net_2": "txt_mlp_2",
                       "norm1_linear": "img_mod_lin", "norm1_context_linear": "txt_mod_lin"}[leaf], None
    return FLUX_OUTSIDE.get(path, path), None


def flux_slot(path: str) -> str:
    found = re.match(r"(double|single)_blocks_(\d+)_", path)
    if found:
        return f"{'D' if found[1] == 'double' else 'S'}{int(found[2]):02}"
    return "OUT" if path.startswith(("final_layer", "norm_out")) else "IN"


def sd3_path(path: str, rows: int) -> tuple[str, tuple[int, int] | None]:
    """diffusers (split) -> fused joint block names and the row window."""
    found = re.match(r"transformer_blocks_(\d+)_(.*)$", path)
    if not found:
        return {"proj_out": "final_layer_linear"}.get(path, path), None
    head, leaf = f"joint_blocks_{found[1]}_", found[2]
    for attn in ("attn", "attn2"):
        start = {f"{attn}_to_q": ("x_block", 0), f"{attn}_to_k": ("x_block", rows), f"{attn}_to_v": ("x_block", 2 * rows),
                 f"{attn}_add_q_proj": ("context_block", 0), f"{attn}_add_k_proj": ("context_block", rows),
                 f"{attn}_add_v_proj": ("context_block", 2 * rows)}
        if leaf in start:
            return f"{head}{start[leaf][0]}_{attn}_qkv", (start[leaf][1], rows)
    return head + {"attn_to_out_0": "x_block_attn_proj", "attn_to_add_out": "context_block_attn_proj", "attn2_to_out_0": "x_block_attn2_proj",
                   "ff_net_0_proj": "x_block_mlp_fc1", "ff_net_2": "x_block_mlp_fc2", "ff_context_net_0_proj": "context_block_mlp_fc1",
                   "ff_context_net_2": "context_block_mlp_fc2", "norm1_linear": "x_block_adaLN_modulation_1",
                   "norm1_context_linear": "context_block_adaLN_modulation_1"}[leaf], None


def wan_path(path: str) -> str:
    """diffusers Wan names -> native names."""
    found = re.match(r"blocks_(\d+)_(.*)$", path)
    if not found:
        return path
    leaf = {"attn1_to_q": "self_attn_q", "attn1_to_k": "self_attn_k", "attn1_to_v": "self_attn_v", "attn1_to_out_0": "self_attn_o",
            "attn2_to_q": "cross_attn_q", "attn2_to_k": "cross_attn_k", "attn2_to_v": "cross_attn_v", "attn2_to_out_0": "cross_attn_o",
            "attn2_add_k_proj": "cross_attn_k_img", "attn2_add_v_proj": "cross_attn_v_img",
            "ffn_net_0_proj": "ffn_0", "ffn_net_2": "ffn_2"}.get(found[2], found[2])
    return f"blocks_{found[1]}_{leaf}"


def numbered(path: str, stem: str) -> str:
    found = re.match(re.escape(stem) + r"(\d+)_", path)
    if found:
        return f"B{int(found[1]):02}"
    return "OUT" if path.startswith(("final_layer", "head", "proj_out", "norm_out")) else "IN"
