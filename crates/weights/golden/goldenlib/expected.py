"""What an engine must say about each file: float64 strengths per module and slot, and what the file is."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from . import delta, names, tensors


@dataclass
class File:
    """One golden adapter, declared by whoever wrote it. A None is not checked."""

    name: str
    written_by: str
    naming: str
    family: str | None
    layout: str | None = None
    kind: str | None = None
    config: str | None = None  # adapter_config.json beside it
    scales: dict[str, float] = field(default_factory=dict)  # stem -> scale that only the configuration tells


def modules(path: Path, info: File) -> dict[str, dict]:
    """Stem -> roles, kind, scale of every module of a file."""
    stored, _ = tensors.read(path)
    found: dict[str, dict] = {}
    for key, value in stored.items():
        stem, role = names.split(key)
        module = found.setdefault(stem, {"roles": {}, "keys": {}})
        module["roles"][role] = value
        module["keys"][role] = key
    for stem, module in found.items():
        module["kind"] = delta.kind_of(module["roles"], set(module["keys"].values()))
        module["scale"] = info.scales.get(stem)
    return found


def describe(path: Path, info: File) -> dict:
    """The expectation for one file, ready for JSON."""
    rows, slots = {}, {}
    squares = {"denoiser": 0.0, "text_encoders": 0.0}
    ranks, kinds = [], []
    for stem, module in sorted(modules(path, info).items()):
        roles, kind = module["roles"], module["kind"]
        size = delta.shape(roles, kind)
        norm = delta.frobenius(roles, kind, module["scale"])
        spot = names.place(stem, info.family or "unknown", size[0] if size else 0)
        rank = delta.rank_of(roles, kind)
        ranks += [rank] if rank else []
        kinds.append(kind)
        anchor = next(module["keys"][r] for r in ("down", "w1a", "w1", "diff", *sorted(set(module["keys"]) - {"alpha"})) if r in module["keys"])
        rows[stem] = {
            "anchor": anchor, "kind": kind, "rank": rank, "shape": size, "frobenius": norm, "slot": spot.slot,
            "component": spot.component, "target": spot.path, "rows": spot.rows,
        }
        if norm is None:
            continue
        squares["denoiser" if spot.component == "denoiser" else "text_encoders"] += norm * norm
        if spot.slot:
            slot = slots.setdefault(spot.slot, {"square": 0.0, "elements": 0})
            slot["square"] += norm * norm
            slot["elements"] += size[0] * size[1]
    # Low-rank pairs: LoCon as soon as one is a k×k convolution; otherwise the one kind that all modules share.
    kind = "locon" if set(kinds) == {"lora", "locon"} else kinds[0] if len(set(kinds)) == 1 else None
    return {
        "written_by": info.written_by, "adapter_config": info.config, "naming": info.naming, "family": info.family,
        "layout": info.layout, "kind": info.kind or kind,
        "rank": {"min": min(ranks), "max": max(ranks)} if ranks else None,
        "has_strengths": all(row["frobenius"] is not None for row in rows.values()),
        "denoiser_frobenius": math.sqrt(squares["denoiser"]), "te_frobenius": math.sqrt(squares["text_encoders"]),
        "slots": {
            name: {"frobenius": math.sqrt(slot["square"]), "rms": math.sqrt(slot["square"] / slot["elements"])}
            for name, slot in sorted(slots.items())
        },
        "modules": rows,
    }
