"""The module names that ComfyUI accepts for each family, built from its rules: every weight of the model is known as
`diffusion_model.<native path>`, `lora_unet_<native path, dots to underscores>` and under its diffusers path with the prefixes
`unet.` / `transformer.`, `lora_unet_` (UNets), `lora_transformer_`, `lycoris_`; UNet attention leaves under `unet.` only in the old
`.processor.to_q` form. A stem outside this set is skipped there (a line in the log)."""

import re

from in_diffusers import denoiser

PAIRS = [
    (".lora_down.weight", ".lora_up.weight"), (".lora_A.weight", ".lora_B.weight"), (".lora.down.weight", ".lora.up.weight"),
    ("_lora.down.weight", "_lora.up.weight"),
    (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"), (".lora_A.default.weight", ".lora_B.default.weight"),
]
RESNET = {"conv1": "in_layers.2", "conv2": "out_layers.3", "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"}


def diffusers_paths(family: str) -> list[str]:
    return [name.removesuffix(".weight") for name, p in denoiser(family).named_parameters() if name.endswith(".weight") and p.dim() > 1]


def ldm(path: str) -> str | None:
    """diffusers UNet path -> LDM path."""
    fixed = {"conv_in": "input_blocks.0.0", "conv_out": "out.2", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
             "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2"}
    if path in fixed:
        return fixed[path]
    found = re.match(r"(down|up|mid)_blocks?\.(?:(\d)\.)?(\w+?)\.(\d)\.(.*)", path)
    side, block, part, layer, rest = found[1], int(found[2] or 0), found[3], int(found[4]), found[5]
    if side == "mid":
        return f"middle_block.1.{rest}" if part == "attentions" else f"middle_block.{2 * layer}.{RESNET[rest]}"
    if part == "downsamplers":
        return f"input_blocks.{3 * (block + 1)}.0.op"
    if part == "upsamplers":
        return f"output_blocks.{3 * block + 2}.*.conv"  # .1 or .2, after the attention where there is one
    head = f"input_blocks.{1 + 3 * block + layer}" if side == "down" else f"output_blocks.{3 * block + layer}"
    return f"{head}.1.{rest}" if part == "attentions" else f"{head}.0.{RESNET[rest]}"


def natives(family: str) -> list[str]:
    if family in ("sd1", "sd2", "sdxl"):
        found = [ldm(path) for path in diffusers_paths(family)]
        return [x.replace("*", i) for x in found for i in ("1", "2")]
    if family == "flux1":
        double = [f"{s}_{leaf}" for s in ("img", "txt") for leaf in ("attn.qkv", "attn.proj", "mlp.0", "mlp.2", "mod.lin")]
        return (
            [f"double_blocks.{i}.{leaf}" for i in range(19) for leaf in double]
            + [f"single_blocks.{i}.{leaf}" for i in range(38) for leaf in ("linear1", "linear2", "modulation.lin")]
            + ["img_in", "txt_in", "final_layer.linear", "final_layer.adaLN_modulation.1"]
            + [f"{e}.{leaf}" for e in ("time_in", "vector_in", "guidance_in") for leaf in ("in_layer", "out_layer")]
        )
    if family == "sd3":
        leaves = [f"{s}.{leaf}" for s in ("x_block", "context_block") for leaf in ("attn.qkv", "attn.proj", "attn2.qkv", "attn2.proj", "mlp.fc1", "mlp.fc2", "adaLN_modulation.1")]
        outside = ["context_embedder", "final_layer.linear", "final_layer.adaLN_modulation.1", "x_embedder.proj"]
        return [f"joint_blocks.{i}.{leaf}" for i in range(38) for leaf in leaves] + outside + [f"{e}_embedder.mlp.{i}" for e in "ty" for i in (0, 2)]
    leaves = [f"{a}.{x}" for a in ("self_attn", "cross_attn") for x in ("q", "k", "v", "o", "k_img", "v_img")] + ["ffn.0", "ffn.2"]
    return [f"blocks.{i}.{leaf}" for i in range(40) for leaf in leaves] + ["patch_embedding", "text_embedding.0", "text_embedding.2", "time_embedding.0", "time_embedding.2", "time_projection.1", "head.head"]


def encoders() -> set[str]:
    made = set()
    leaves = [f"self_attn.{x}_proj" for x in ("q", "k", "v", "out")] + ["mlp.fc1", "mlp.fc2"]
    for i in range(32):
        for leaf in leaves:
            path = f"text_model.encoder.layers.{i}.{leaf}"
            made |= {f"{p}{path.replace('.', '_')}" for p in ("lora_te_", "lora_te1_", "lora_te2_")}
            made |= {f"{p}.{path}" for p in ("text_encoder", "text_encoder_2", "text_encoders.clip_l.transformer", "text_encoders.clip_h.transformer", "text_encoders.clip_g.transformer")}
    for i in range(24):
        for leaf in [f"layer.0.SelfAttention.{x}" for x in "qkvo"] + [f"layer.1.DenseReluDense.{x}" for x in ("wi_0", "wi_1", "wo")]:
            path = f"encoder.block.{i}.{leaf}"
            made |= {f"lora_te3_{path.replace('.', '_')}", f"lora_te2_{path.replace('.', '_')}", f"text_encoders.t5xxl.transformer.{path}"}
    return made


def accepted(family: str) -> set[str]:
    made = encoders()
    for path in natives(family):
        made |= {f"diffusion_model.{path}", f"lora_unet_{path.replace('.', '_')}"}
    for path in diffusers_paths(family):
        flat = path.replace(".", "_")
        if family in ("sd1", "sd2", "sdxl"):
            processor = path.replace(".to_", ".processor.to_").removesuffix(".0" if path.endswith(".to_out.0") else "\0")
            made |= {f"unet.{processor}", processor, f"lora_unet_{flat}", f"lycoris_{flat}"}
        elif family != "wan":  # Wan is known by its native names alone
            made |= {f"transformer.{path}", f"lora_transformer_{flat}", f"lycoris_{flat}"}
    return made


def strangers(keys: list[str], family: str) -> list[str]:
    """Keys of a file that ComfyUI would not use."""
    known, left = accepted(family), []
    present = set(keys)
    for key in keys:
        stem = next((key.removesuffix(s) for pair in PAIRS for s in pair if key.endswith(s)), None)
        if stem is None and key.endswith((".alpha", ".lora_mid.weight", ".dora_scale")):
            continue
        whole = stem is not None and any({stem + a, stem + b} <= present for a, b in PAIRS)
        if not whole or stem not in known:
            left.append(key)
    return left
