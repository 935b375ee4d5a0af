"""Seeded values, casting and a deterministic safetensors writer."""

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def rng(*words) -> np.random.Generator:
    """A generator that depends on the words alone, never on the order of calls."""
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def normal(shape, scale, *words) -> torch.Tensor:
    """Normal values of the given standard deviation, float64."""
    return torch.from_numpy(rng(*words).standard_normal(shape) * scale)


def write(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> None:
    """Writes a safetensors file whose bytes depend on the arguments alone: tensors in the order given, metadata sorted."""
    header: dict = {}
    if metadata:
        header["__metadata__"] = dict(sorted(metadata.items()))
    body = bytearray()
    for name, tensor in tensors.items():
        raw = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {
            "dtype": NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(body), len(body) + len(raw)],
        }
        body += raw
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(body))


def sorted_metadata(file: bytes) -> bytes:
    """The same file with its metadata entries sorted: safetensors writes them in a new order at each run."""
    (length,) = struct.unpack("<Q", file[:8])
    header = json.loads(file[8 : 8 + length])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    assert len(text) == length
    return file[:8] + text + file[8 + length :]


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Every tensor of a file as float64 (exact for each stored type), and the metadata."""
    with safe_open(str(path), "pt") as file:
        return {key: file.get_tensor(key).to(torch.float64).numpy() for key in file.keys()}, file.metadata() or {}
