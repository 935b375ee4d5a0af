"""Modules of lycoris-lora itself. ΔW is what forward adds to a basis of inputs; the formulas must give the same."""

import logging

import torch
from lycoris.modules.boft import ButterflyOFTModule
from lycoris.modules.diag_oft import DiagOFTModule
from lycoris.modules.full import FullModule
from lycoris.modules.glora import GLoRAModule
from lycoris.modules.ia3 import IA3Module
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from lycoris.modules.norms import NormModule

from . import formulas as f
from .store import Store, agree, double, normal

logging.disable(logging.ERROR)
ROLES = {
    "lora_up.weight": "up", "lora_down.weight": "down", "lora_mid.weight": "mid", "hada_w1_a": "w1a", "hada_w1_b": "w1b", "hada_w2_a": "w2a",
    "hada_w2_b": "w2b", "hada_t1": "t1", "hada_t2": "t2", "lokr_w1": "w1", "lokr_w1_a": "w1a", "lokr_w1_b": "w1b", "lokr_w2": "w2",
    "lokr_w2_a": "w2a", "lokr_w2_b": "w2b", "lokr_t2": "t2",
}
LAYERS = {
    "linear": lambda: torch.nn.Linear(16, 24),
    "square": lambda: torch.nn.Linear(16, 16),
    "conv": lambda: torch.nn.Conv2d(8, 12, 3, padding=1),
    "point": lambda: torch.nn.Conv2d(8, 12, 1),
}


def layer(kind, name):
    made = LAYERS[kind]()
    with torch.no_grad():
        made.weight.copy_(normal(made.weight.shape, 0.3, name, kind, "base"))
        made.bias.copy_(normal(made.bias.shape, 0.3, name, kind, "bias"))
    return made


@torch.no_grad()
def forward_difference(module, org):
    """ΔW in the layer's shape."""
    weight = org.weight
    if weight.dim() == 2:
        eye = torch.eye(weight.shape[1], dtype=weight.dtype)
        return (module(eye) - torch.nn.functional.linear(eye, weight, org.bias)).T
    rows, columns, kh, kw = weight.shape
    impulse = torch.zeros(columns, columns, kh, kw, dtype=weight.dtype)
    impulse[range(columns), range(columns), kh // 2, kw // 2] = 1.0
    out = module(impulse) - torch.nn.functional.conv2d(impulse, weight, org.bias, padding=org.padding)
    return out.flip(2, 3).permute(1, 0, 2, 3)


def build(cls, name, kind, size, doubled, args):
    """(module, layer, its state under full keys), with seeded values near the starting point."""
    org = layer(kind, name)
    stem = f"lycoris_{kind}"
    if doubled:
        org = org.double()
    module = cls(stem, org, 1.0, **args)
    with torch.no_grad():
        for key, parameter in module.named_parameters():
            start = parameter if "dora_scale" in key or key == "rescale" else torch.zeros_like(parameter)
            parameter.data = (start + normal(parameter.shape, size, name, kind, key).to(start)).float().to(org.weight.dtype)
    if doubled:
        module = module.double()
    if "dora_scale" in dict(module.named_parameters()):
        module.dora_scale.data = module.dora_scale.data.float().to(org.weight.dtype)
    state = {f"{stem}.{key}": torch.as_tensor(value).detach().float() for key, value in module.state_dict().items()}
    return module, org, state


def of_state(state):
    roles = {}
    for key, value in state.items():
        tail = key.split(".", 1)[1]
        roles[ROLES.get(tail, tail)] = double(value)
    return roles


def step(cls, k, shape, rank):
    """ΔW without decomposition. The stored alpha has everything that the scale needs."""
    scale = float(k["alpha"]) / rank
    if cls is LoConModule:
        return f.pair(k, scale).reshape(shape)
    if cls is LohaModule:
        return f.loha(k, scale, shape)
    return f.lokr(k, 1.0 if "w1" in k and "w2" in k else scale, shape)


def low_rank(s: Store) -> None:
    cases = {
        "locon": (LoConModule, ["linear", "conv"], {}),
        "locon_tucker": (LoConModule, ["conv"], {"use_tucker": True}),
        "locon_rslora": (LoConModule, ["linear"], {"rs_lora": True}),
        "loha": (LohaModule, ["linear", "conv", "point"], {}),
        "loha_tucker": (LohaModule, ["conv"], {"use_tucker": True}),
        "lokr": (LokrModule, ["linear", "conv"], {"factor": 4}),
        "lokr_both": (LokrModule, ["linear", "conv"], {"factor": 8, "decompose_both": True, "lora_dim": 1}),
        "lokr_tucker": (LokrModule, ["conv"], {"factor": 2, "use_tucker": True, "lora_dim": 1}),
        "lokr_full": (LokrModule, ["linear", "conv"], {"factor": 4, "full_matrix": True}),
    }
    for name, (cls, kinds, args) in cases.items():
        for decompose in ("", "_dora", "_dora_in"):
            if decompose and name in ("locon_rslora", "loha_tucker", "lokr_both"):
                continue
            adapter, deltas, bases = {}, {}, {}
            full = f"lycoris_{name}{decompose}"
            rank = args.get("lora_dim", 3)
            for kind in kinds:
                options = {"lora_dim": rank, "alpha": 2.0, **args}
                if decompose:
                    options |= {"weight_decompose": True, "wd_on_out": decompose == "_dora"}
                module, org, state = build(cls, full, kind, 0.3, True, options)
                k, w0 = of_state(state), double(org.weight)
                mine = step(cls, k, w0.shape, rank)
                if decompose:
                    mine = f.dora(w0, mine, k["dora_scale"], 0 if decompose == "_dora" else 1)
                agree((full, kind), mine, forward_difference(module, org), 1e-6)
                adapter |= state
                deltas[f"denoiser:{kind}"] = f.flat(mine)
                if decompose:
                    bases[f"denoiser:{kind}"] = f.flat(w0)
            s.case(full, adapter, deltas, bases)


def rotations(s: Store) -> None:
    cases = {
        "oft": (DiagOFTModule, ["linear", "conv"], {"lora_dim": 4}),
        "oft_constrained": (DiagOFTModule, ["linear"], {"lora_dim": 4, "constraint": 0.05}),
        "oft_rescaled": (DiagOFTModule, ["linear", "conv"], {"lora_dim": 6, "rescaled": True}),
        "boft": (ButterflyOFTModule, ["square", "conv"], {"lora_dim": 6}),
        "boft_constrained": (ButterflyOFTModule, ["square"], {"lora_dim": 4, "constraint": 0.05, "rescaled": True}),
    }
    for name, (cls, kinds, args) in cases.items():
        adapter, deltas, bases = {}, {}, {}
        for kind in kinds:
            # float32: the library inverts in it, whatever the layer has
            module, org, state = build(cls, f"lycoris_{name}", kind, 0.2, False, args)
            k, w0 = of_state(state), double(org.weight)
            bound = float(k["alpha"]) * w0.shape[0]
            formula = f.oft if cls is DiagOFTModule else f.boft
            mine = formula(w0, k["oft_blocks"], bound if bound > 0 else None, k.get("rescale"))
            agree((name, kind), mine, forward_difference(module, org), 1e-5)
            adapter |= state
            deltas[f"denoiser:{kind}"], bases[f"denoiser:{kind}"] = f.flat(mine), f.flat(w0)
        s.case(f"lycoris_{name}", adapter, deltas, bases)


def others(s: Store) -> None:
    for name, on_input in (("lycoris_ia3", False), ("lycoris_ia3_in", True)):
        adapter, deltas, bases = {}, {}, {}
        for kind in ("linear", "square", "conv"):
            module, org, state = build(IA3Module, name, kind, 0.2, True, {"train_on_input": on_input})
            w0 = double(org.weight)
            mine = f.ia3(w0, double(state[f"lycoris_{kind}.weight"]), on_input)
            agree((name, kind), mine, forward_difference(module, org), 1e-6)
            state[f"lycoris_{kind}.on_input"] = torch.tensor(int(on_input))
            adapter |= state
            deltas[f"denoiser:{kind}"], bases[f"denoiser:{kind}"] = f.flat(mine), f.flat(w0)
        s.case(name, adapter, deltas, bases)

    adapter, deltas, bases = {}, {}, {}
    for kind in ("linear", "conv", "point"):
        module, org, state = build(GLoRAModule, "lycoris_glora", kind, 0.3, True, {"lora_dim": 3, "alpha": 2.0})
        k, w0 = of_state(state), double(org.weight)
        mine = f.glora(w0, k["a1.weight"], k["a2.weight"], k["b1.weight"], k["b2.weight"], 2.0 / 3.0)
        agree(("glora", kind), mine, forward_difference(module, org), 1e-6)
        adapter |= state
        deltas[f"denoiser:{kind}"], bases[f"denoiser:{kind}"] = f.flat(mine), f.flat(w0)
    s.case("lycoris_glora", adapter, deltas, bases)

    norm = torch.nn.LayerNorm(10)
    module = NormModule("lycoris_norm", norm)
    full = FullModule("lycoris_linear", layer("linear", "full"))
    adapter, deltas = {}, {}
    for made, keys in ((module, {"w_norm": "denoiser:norm", "b_norm": "denoiser:norm_bias"}), (full, {"weight": "denoiser:linear", "bias": "denoiser:linear_bias"})):
        with torch.no_grad():
            for key, parameter in made.named_parameters():
                parameter.copy_(normal(parameter.shape, 0.3, "full", key))
                value = double(parameter)
                deltas[keys[key]] = value.reshape(value.shape[0], -1)
                stored = {"weight": "diff", "bias": "diff_b"}.get(key, key)
                adapter[f"{made.lora_name}.{stored}"] = parameter.detach().clone()
    s.case("lycoris_full_and_norm", adapter, deltas)


def write_all(s: Store) -> None:
    low_rank(s)
    rotations(s)
    others(s)
