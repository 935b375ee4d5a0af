"""One case: an adapter file, the base weights it needs and ΔW in float64."""

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from goldenlib import tensors  # noqa: E402


def normal(shape, scale, *words):
    """Seeded float32 values: exact in the file, exact in float64."""
    return tensors.normal(tuple(shape), scale, *words).to(torch.float32)


def double(x) -> np.ndarray:
    return x.detach().to(torch.float64).numpy() if isinstance(x, torch.Tensor) else np.asarray(x, dtype=np.float64)


class Store:
    def __init__(self, out: Path):
        self.out, self.count = out, 0

    def case(self, name, adapter, deltas, bases=None, metadata=None, config=None):
        """`deltas`: target → ΔW; `bases`: target → W0. Targets are `denoiser:path`, biases end in `_bias`."""
        tensors.write(self.out / f"{name}.safetensors", {k: torch.as_tensor(v).contiguous() for k, v in adapter.items()}, metadata)
        truth = {f"delta {t}": torch.from_numpy(np.ascontiguousarray(double(v))) for t, v in sorted(deltas.items())}
        truth |= {f"base {t}": torch.as_tensor(v).detach().to(torch.float32).contiguous() for t, v in sorted((bases or {}).items())}
        tensors.write(self.out / f"{name}.truth.safetensors", truth)
        if config is not None:
            (self.out / f"{name}.adapter_config.json").write_text(config)
        self.count += 1


def agree(what, mine, theirs, limit):
    """Stops unless the formula gives the library's own ΔW."""
    mine, theirs = double(mine), double(theirs)
    gap = np.linalg.norm(mine.ravel() - theirs.ravel()) / np.linalg.norm(mine)
    assert gap < limit, (what, gap)
