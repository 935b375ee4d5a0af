"""Our renaming against diffusers' own reading of single files: both ways must meet."""

import contextlib
import inspect

import torch
from diffusers.loaders import lora_conversion_utils, lora_pipeline
from diffusers.loaders import single_file_utils as theirs


def _same(got: dict, wanted: dict) -> None:
    assert set(got) == set(wanted), sorted(set(got) ^ set(wanted))[:8]
    for name, tensor in wanted.items():
        assert torch.equal(got[name], tensor), name


def unet(ours: dict, model) -> None:
    """diffusers reads our original names back into the same UNet."""
    _same(theirs.convert_ldm_unet_checkpoint(dict(ours), dict(model.config)), model.state_dict())


def vae(ours: dict, model) -> None:
    """The same for the autoencoder; its attention weights become matrices again."""
    _same(theirs.convert_ldm_vae_checkpoint(dict(ours), dict(model.config)), model.state_dict())


def flux(ours: dict, model) -> None:
    """The same for Flux."""
    width = model.config.num_attention_heads * model.config.attention_head_dim
    read = _with_width(theirs, "convert_flux_transformer_checkpoint_to_diffusers", width)
    _same(read(dict(ours)), model.state_dict())


def flux_from_original(ours: dict, model):
    """`model` with the weights of a single file."""
    width = model.config.num_attention_heads * model.config.attention_head_dim
    model.load_state_dict(_with_width(theirs, "convert_flux_transformer_checkpoint_to_diffusers", width)(dict(ours)))
    return model.eval()


def _with_width(module, function: str, width: int):
    """A function of diffusers that takes Flux's width of 3072 for granted, for a narrow model."""
    source = inspect.getsource(getattr(module, function))
    assert "3072" in source
    space = dict(vars(module))
    exec(source.replace("3072", str(width)).replace("12288", str(4 * width)), space)
    return space[function]


@contextlib.contextmanager
def narrow_flux(width: int):
    """Within it, `load_lora_weights` reads kohya's Flux adapters for a narrow model."""
    name = "_convert_kohya_flux_lora_to_diffusers"
    kept = getattr(lora_pipeline, name)
    setattr(lora_pipeline, name, _with_width(lora_conversion_utils, name, width))
    try:
        yield
    finally:
        setattr(lora_pipeline, name, kept)


def baked(model: torch.nn.Module, state: dict, adapters: list[tuple[dict, float]], prefix: str) -> torch.nn.Module:
    """`model` with base weights `state` and every adapter added to them: weight * alpha / rank * up @ down."""
    model.load_state_dict(state)
    modules = {prefix + path.removeprefix("text_model.").replace(".", "_"): m for path, m in model.named_modules()}
    used = 0
    for tensors, strength in adapters:
        for key, up in tensors.items():
            if not key.startswith(prefix) or not key.endswith(".lora_up.weight"):
                continue
            name = key.removesuffix(".lora_up.weight")
            down, alpha = tensors[name + ".lora_down.weight"], float(tensors[name + ".alpha"])
            delta = (up.flatten(1) @ down.flatten(1)).view_as(modules[name].weight)
            modules[name].weight += strength * alpha / down.shape[0] * delta
            used += 1
    assert used, "no module of the adapters was found"
    return model.eval()


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 1e-4) -> None:
    """The largest difference, relative to the largest value."""
    difference = float((a - b).abs().max() / b.abs().max())
    assert difference < tolerance, difference
