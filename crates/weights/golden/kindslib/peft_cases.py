"""Files that peft itself saves from a small model. ΔW is what `merge_and_unload` does to the weights."""

import copy
import json
import shutil
import tempfile
from pathlib import Path

import torch
from peft import BOFTConfig, IA3Config, LoHaConfig, LoKrConfig, LoraConfig, OFTConfig, get_peft_model
from peft.tuners.boft import layer as boft_layer
from safetensors.torch import load_file

from . import formulas as f
from .store import Store, agree, double, normal


class Toy(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(16, 24)
        self.square = torch.nn.Linear(16, 16)
        self.conv = torch.nn.Conv2d(8, 12, 3, padding=1)


class CpuBlocks:
    """The block-diagonal kernel that BOFT has for GPUs only."""

    @staticmethod
    def forward(blocks):
        return (torch.stack([torch.block_diag(*stage) for stage in blocks]),)


def save(config, name, size=0.3):
    """(state, config text, base weights, PEFT's ΔW per layer), seeded."""
    base = Toy()
    with torch.no_grad():
        for key, parameter in base.named_parameters():
            parameter.copy_(normal(parameter.shape, 0.3, name, key))
    before = {key: value.clone() for key, value in base.state_dict().items()}
    model = get_peft_model(copy.deepcopy(base), config)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if parameter.requires_grad:
                start = parameter if any(word in key for word in ("magnitude", "ia3_l", "boft_s")) else torch.zeros_like(parameter)
                parameter.copy_(start + normal(parameter.shape, size, name, key))
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        state = load_file(f"{folder}/adapter_model.safetensors")
        text = Path(folder, "adapter_config.json").read_text()
        shutil.rmtree(folder, ignore_errors=True)
        Path(folder).mkdir(exist_ok=True)
    after = model.double().merge_and_unload().state_dict()
    deltas = {key: double(after[key]) - double(before[key]) for key in before if key in after}
    return state, tidy(text), before, deltas


def tidy(text):
    """What depends on the run or the machine, and the parameters that say nothing, left out."""
    config = json.loads(text)
    keep = {k: v for k, v in config.items() if v not in (None, False, [], {}, 0.0) or k in ("use_cayley_neumann", "coft", "block_share")}
    for key in ("base_model_name_or_path", "auto_mapping", "revision", "peft_version"):
        keep.pop(key, None)
    return json.dumps(keep, indent=1, sort_keys=True) + "\n"


def roles(state, layer):
    head = f"base_model.model.{layer}."
    return {key.removeprefix(head): double(value) for key, value in state.items() if key.startswith(head)}


def low_rank(s: Store) -> None:
    def lora(k, shape, scale):
        return f.pair({"down": k["lora_A.weight"], "up": k["lora_B.weight"]}, scale).reshape(shape)

    def loha(k, shape, scale):
        names = {"hada_w1_a": "w1a", "hada_w1_b": "w1b", "hada_w2_a": "w2a", "hada_w2_b": "w2b", "hada_t1": "t1", "hada_t2": "t2"}
        return f.loha({names[n]: v for n, v in k.items()}, scale, shape)

    def lokr(k, shape, scale):
        return f.lokr({n.removeprefix("lokr_").replace("_", ""): v for n, v in k.items()}, scale, shape)

    every = ["linear", "square", "conv"]
    cases = {
        "peft_lora_bias": (LoraConfig(r=3, lora_alpha=5, target_modules=["linear", "square"], lora_bias=True), lora, lambda _: 5 / 3),
        "peft_lora_rslora": (
            LoraConfig(r=3, lora_alpha=5, target_modules=every, use_rslora=True, rank_pattern={"square": 2}, alpha_pattern={"conv": 7}),
            lora, lambda n: {"linear": 5 / 3**0.5, "square": 5 / 2**0.5, "conv": 7 / 3**0.5}[n],
        ),
        "peft_loha": (LoHaConfig(r=2, alpha=3, target_modules=every), loha, lambda _: 1.5),
        "peft_loha_tucker": (LoHaConfig(r=2, alpha=3, target_modules=every, use_effective_conv2d=True), loha, lambda _: 1.5),
        "peft_lokr": (LoKrConfig(r=1, alpha=3, target_modules=every, decompose_factor=4, alpha_pattern={"square": 2}), lokr, lambda n: 2.0 if n == "square" else 3.0),
        "peft_lokr_both": (LoKrConfig(r=1, alpha=3, target_modules=every, decompose_factor=8, decompose_both=True, use_effective_conv2d=True), lokr, lambda _: 3.0),
        # Both sides whole: PEFT scales them by alpha/r all the same, and only its configuration has the r.
        "peft_lokr_whole": (LoKrConfig(r=32, alpha=8, target_modules=every, rank_pattern={"conv": 16}), lokr, lambda n: 0.5 if n == "conv" else 0.25),
    }
    for name, (config, formula, scale) in cases.items():
        state, text, before, theirs = save(config, name)
        deltas = {}
        for layer in every:
            k = roles(state, layer)
            if not k:
                continue
            bias = k.pop("lora_B.bias", None)
            mine = formula(k, before[f"{layer}.weight"].shape, scale(layer))
            agree((name, layer), mine, theirs[f"{layer}.weight"], 2e-6)
            deltas[f"denoiser:{layer}"] = f.flat(mine)
            if bias is not None:
                agree((name, layer, "bias"), scale(layer) * bias, theirs[f"{layer}.bias"], 2e-6)
                deltas[f"denoiser:{layer}_bias"] = (scale(layer) * bias).reshape(-1, 1)
        s.case(name, state, deltas, config=text)


def based(s: Store) -> None:
    every = ["linear", "square", "conv"]

    def dora(k, w0, _):
        step = f.pair({"down": k["lora_A.weight"], "up": k["lora_B.weight"]}, 5 / 3).reshape(w0.shape)
        return f.dora(w0, step, k["lora_magnitude_vector"], 0)

    def ia3(k, w0, layer):
        return f.ia3(w0, k["ia3_l"], layer == "square", added=False)

    def oft(neumann=None, bound=None):
        def change(k, w0, _):
            upper = k["oft_R.weight"]
            size = int((1 + (1 + 8 * upper.shape[1]) ** 0.5) / 2)
            q = f.np.zeros((len(upper), size, size))
            q[:, *f.np.triu_indices(size, 1)] = upper
            q = f.skew(q)
            if bound is not None:
                limit = bound / len(q) ** 0.5
                norms = f.np.linalg.norm(q, axis=(1, 2), keepdims=True)
                q = f.np.where(norms > limit, q * limit / norms, q)
            if neumann is None:
                r = f.cayley(-q)
            else:
                eye = f.np.eye(size)
                powers = [f.np.linalg.matrix_power(q, n) for n in range(neumann)]
                r = eye + 2 * sum(powers[1:-1]) + powers[-1]
            columns = w0.size // w0.shape[0]
            whole = f.block_diagonal(f.np.concatenate([r] * (columns // size)) if len(r) == 1 else r)
            return (f.flat(w0) @ whole.T).reshape(w0.shape) - w0

        return change

    def boft(k, w0, _):
        stages, _, size, _ = k["boft_R"].shape
        columns = w0.size // w0.shape[0]
        new = f.flat(w0)
        for i, stage in enumerate(f.cayley(-0.5 * f.skew(k["boft_R"]))):
            order = f.np.arange(columns)
            if stages > 1:  # within groups of 2ⁱ blocks: even halves first
                order = order.reshape(-1, 2**i, 2, size // 2).reshape(-1, 2 ** (i + 1), size // 2)
                order = f.np.concatenate([order[:, 0::2], order[:, 1::2]], axis=1).reshape(-1)
            shuffle = f.np.eye(columns)[order]
            new = new @ (shuffle @ f.block_diagonal(stage) @ shuffle.T).T
        return (new * k["boft_s"].reshape(-1, 1)).reshape(w0.shape) - w0

    plain = {"target_modules": every, "r": 0, "oft_block_size": 4}
    cases = {
        "peft_dora": (LoraConfig(r=3, lora_alpha=5, target_modules=every, use_dora=True), dora, 0.3),
        "peft_ia3": (IA3Config(target_modules=every, feedforward_modules=["square"]), ia3, 0.3),
        "peft_oft": (OFTConfig(**plain, use_cayley_neumann=False), oft(), 0.2),
        "peft_oft_neumann": (OFTConfig(**plain), oft(5), 0.2),
        "peft_oft_neumann_7": (OFTConfig(**plain, num_cayley_neumann_terms=7), oft(7), 0.2),
        "peft_oft_neumann_3": (OFTConfig(**plain, num_cayley_neumann_terms=3), oft(4), 0.2),
        "peft_oft_constrained": (OFTConfig(**plain, coft=True, eps=0.3, use_cayley_neumann=False), oft(bound=0.3), 0.2),
        "peft_oft_shared": (OFTConfig(**plain, block_share=True, use_cayley_neumann=False), oft(), 0.2),
        "peft_boft_one": (BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=1, target_modules=every), boft, 0.2),
        "peft_boft": (BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=2, target_modules=["linear", "square"]), boft, 0.2),
        "peft_boft_deep": (BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=3, target_modules=["linear", "square"]), boft, 0.2),
    }
    boft_layer._FBD_CUDA = CpuBlocks()
    for name, (config, formula, size) in cases.items():
        state, text, before, theirs = save(config, name, size)
        deltas, bases = {}, {}
        for layer in every:
            k = roles(state, layer)
            if not k:
                continue
            w0 = double(before[f"{layer}.weight"])
            mine = formula(k, w0, layer)
            agree((name, layer), mine, theirs[f"{layer}.weight"], 2e-6)
            deltas[f"denoiser:{layer}"], bases[f"denoiser:{layer}"] = f.flat(mine), f.flat(w0)
        s.case(name, state, deltas, bases, config=text)


def saved(s: Store) -> None:
    """Whole weights and biases that PEFT trains and saves beside the pairs."""
    for name, more in (("peft_saved_modules", {"modules_to_save": ["square"]}), ("peft_saved_biases", {"bias": "all"})):
        state, text, before, theirs = save(LoraConfig(r=3, lora_alpha=5, target_modules=["linear"], **more), name)
        k = roles(state, "linear")
        mine = f.pair({"down": k["lora_A.weight"], "up": k["lora_B.weight"]}, 5 / 3)
        agree(name, mine, theirs["linear.weight"], 2e-6)
        deltas, bases = {"denoiser:linear": mine}, {}
        for key, value in state.items():
            path = key.removeprefix("base_model.model.").replace(".base_layer", "")
            if path not in before:
                continue
            target = "denoiser:" + path.replace(".weight", "").replace(".bias", "_bias")
            mine = double(value) - double(before[path])
            agree((name, path), mine, theirs[path], 2e-6)
            deltas[target], bases[target] = mine.reshape(len(mine), -1), before[path].reshape(len(mine), -1)
        s.case(name, state, deltas, bases, config=text)


def write_all(s: Store) -> None:
    low_rank(s)
    based(s)
    saved(s)
