"""Loads a file in PEFT's own names (`base_model.model.`) with PEFT and reads the ΔW of each layer."""

import math
import re
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file

import in_diffusers

PREFIX = "base_model.model."


def is_peft(stored) -> bool:
    return all(key.startswith(PREFIX) for key in stored)


def scales(path: Path, config: dict) -> dict[str, float]:
    """stem -> alpha/r (or alpha/√r) as `adapter_config.json` orders it; patterns match the end of a module's path."""
    made = {}
    for key in load_file(str(path)):
        if not key.endswith(".lora_A.weight"):
            continue
        stem = key.removesuffix(".lora_A.weight")
        path_in_model = stem.removeprefix(PREFIX)

        def chosen(patterns, default):
            return next((v for p, v in patterns.items() if re.match(rf"(.*\.)?({p})$", path_in_model)), default)

        rank, alpha = chosen(config["rank_pattern"], config["r"]), chosen(config["alpha_pattern"], config["lora_alpha"])
        made[stem] = alpha / (math.sqrt(rank) if config["use_rslora"] else rank)
    return made


def deltas(path: Path, family: str) -> dict[str, np.ndarray]:
    """Stem -> ΔW. The configuration is the plainest one that fits: each module's own rank, alpha = rank."""
    state = load_file(str(path))
    alphas = {k.removesuffix(".alpha"): float(v) for k, v in state.items() if k.endswith(".alpha")}
    state = {k: v for k, v in state.items() if not k.endswith(".alpha")}
    inner = {k.removeprefix(PREFIX): v for k, v in state.items()}
    model = in_diffusers.denoiser(family)
    paths = in_diffusers.fit(model, inner)
    ranks = {f"^{p}": inner[f"{p}.lora_A.weight"].shape[0] for p in paths}
    config = LoraConfig(r=1, lora_alpha=1, target_modules=paths, rank_pattern=ranks, alpha_pattern={f"^{p}": alphas.get(PREFIX + p, ranks[f"^{p}"]) for p in paths})
    wrapped = get_peft_model(model, config)
    result = set_peft_model_state_dict(wrapped, state)
    assert not result.unexpected_keys, result.unexpected_keys
    made = {}
    for p in paths:
        layer = wrapped.base_model.model.get_submodule(p)
        value = layer.get_delta_weight("default").detach().to(torch.float64).numpy()
        made[PREFIX + p] = value.reshape(value.shape[0], -1)
    return made
