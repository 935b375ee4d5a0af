"""Safetensors files whose bytes depend on nothing but their content: the header's entries are sorted."""

import json
import os
import struct
from pathlib import Path

import torch

_TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}


def write_safetensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> None:
    """Writes the file whole or not at all. Order: by name."""
    header: dict = {"__metadata__": dict(sorted((metadata or {}).items()))} if metadata else {}
    at, parts = 0, []
    for name in sorted(tensors):
        tensor = tensors[name].detach()
        data = tensor.reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": _TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
        parts.append(data)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        out.writelines(parts)
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)
