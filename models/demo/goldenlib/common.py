"""Random weights, files and adapters, shared by all families."""

import json
import math
from pathlib import Path

import torch

from ..files import write_safetensors
from ..names import Tensors

Cases = list[dict]


def randomise(model: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Weights that let every part matter: normal with 1/sqrt(fan in), norms near one, biases near zero; all exact in f16."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            noise = torch.randn(p.shape, generator=g)
            if p.ndim == 1:
                value = 0.1 * noise if name.endswith("bias") else 1 + 0.2 * noise
            elif "embedding" in name and "linear" not in name or "shared" in name or "relative_attention" in name:
                value = 0.5 * noise
            else:
                value = noise / math.sqrt(p[0].numel())
            p.copy_(value.half().float())
    return model.eval()


def normal(seed: int, *shape: int) -> torch.Tensor:
    """What `torch.randn` gives with a CPU generator of that seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Folder:
    """One family's files."""

    def __init__(self, path: Path):
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.tensors: Tensors = {}
        self.cases: Cases = []

    def weights(self, name: str, state: Tensors, metadata: dict[str, str] | None = None) -> None:
        """A model file in f16; refuses a value that f16 would change."""
        half = {k: v.detach().half().contiguous().clone() for k, v in state.items()}
        assert all(torch.equal(half[k].float(), v.detach().float()) for k, v in state.items()), "not exact in f16"
        write_safetensors(self.path / name, half, {"format": "pt"} | (metadata or {}))

    def json(self, name: str, value) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")

    def put(self, name: str, value: torch.Tensor) -> str:
        """Keeps a result under `name` for `expected.safetensors`."""
        assert name not in self.tensors, name
        assert torch.isfinite(value.float()).all(), name
        value = value.detach()
        self.tensors[name] = (value.float() if value.is_floating_point() else value.to(torch.int64)).contiguous().clone()
        return name

    def case(self, kind: str, name: str, **values) -> None:
        self.cases.append({"kind": kind, "name": name, **values})

    def write(self) -> None:
        write_safetensors(self.path / "expected.safetensors", self.tensors, {"format": "pt"})
        self.write_cases()

    def write_cases(self) -> None:
        """`cases.json`, a case on each line. What is infinite becomes null: JSON has no word for it."""
        lines = ",\n".join(json.dumps(finite(case), ensure_ascii=False, allow_nan=False) for case in self.cases)
        (self.path / "cases.json").write_text(f"[\n{lines}\n]\n")


def finite(value):
    """`value` with None in the place of every number that is not finite."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def config_of(model) -> dict:
    """A diffusers model's config as a folder has it on disk."""
    return json.loads(model.to_json_string()) if hasattr(model, "to_json_string") else dict(model.config)


def lora_pair(seed: int, weight: torch.Tensor, rank: int, alpha: float, size: float) -> Tensors:
    """down, up and alpha for one module (Linear, or a convolution with a 1 x 1 up), as kohya's trainer writes them."""
    g = torch.Generator().manual_seed(seed)
    out_features, in_features, *kernel = weight.shape
    down = torch.randn((rank, in_features, *kernel), generator=g) / math.sqrt(weight[0].numel())
    up = torch.randn((out_features, rank, *([1] * len(kernel))), generator=g) * size
    return {"lora_down.weight": down.half().float(), "lora_up.weight": up.half().float(), "alpha": torch.tensor(float(alpha))}


def kohya(model: torch.nn.Module, prefix: str, wanted, seed: int, rank: int, alpha: float, size: float = 0.5, text: bool = False) -> Tensors:
    """An adapter over the modules whose path `wanted` accepts, under kohya's names."""
    out: Tensors = {}
    for i, (path, module) in enumerate(sorted(model.named_modules())):
        if hasattr(module, "weight") and getattr(module.weight, "ndim", 0) >= 2 and wanted(path):
            full = path if not text or path.startswith("text_model.") else "text_model." + path
            name = prefix + full.replace(".", "_")
            out |= {f"{name}.{leaf}": v for leaf, v in lora_pair(seed + i, module.weight, rank, alpha, size).items()}
    assert out
    return out


def table(scheduler) -> dict:
    """Sigmas and timesteps of a scheduler after `set_timesteps`."""
    sigmas = getattr(scheduler, "sigmas", None)
    return {"timesteps": [float(t) for t in scheduler.timesteps], "sigmas": None if sigmas is None else [float(s) for s in sigmas]}
