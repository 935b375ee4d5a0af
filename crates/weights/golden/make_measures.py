"""Writes `measures/` anew: adapters, and what numpy says in float64 about their spectra, ranks and relations. Needs numpy, torch, safetensors.

    python make_measures.py
"""

import json
import math
import shutil
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from goldenlib import delta, names, tensors  # noqa: E402
from goldenlib.expected import File, modules  # noqa: E402

OUT = Path(__file__).parent / "measures"
SD1 = "lora_unet_"
BLOCKS = {
    "IN01": "down_blocks_0_attentions_0",
    "IN04": "down_blocks_1_attentions_0",
    "M00": "mid_block_attentions_0",
    "OUT03": "up_blocks_1_attentions_0",
    "OUT04": "up_blocks_1_attentions_1",
    "OUT05": "up_blocks_1_attentions_2",
    "OUT09": "up_blocks_3_attentions_0",
}


def pair(file: dict, stem: str, b: torch.Tensor, a: torch.Tensor, alpha: float | None, dtype) -> None:
    file[f"{stem}.lora_down.weight"] = a.to(dtype)
    file[f"{stem}.lora_up.weight"] = b.to(dtype)
    if alpha is not None:
        file[f"{stem}.alpha"] = torch.tensor(alpha, dtype=dtype)


def factors(m: int, n: int, r: int, *words) -> tuple[torch.Tensor, torch.Tensor]:
    """B and A with a falling spectrum, as training leaves them."""
    fall = torch.tensor([0.6**k for k in range(r)], dtype=torch.float64)
    return tensors.normal((m, r), 0.1, "b", *words) * fall, tensors.normal((r, n), 0.1, "a", *words)


def sd1(word: str, dtype, rank: int, relate=None) -> dict:
    """Cross attention in seven blocks, one text encoder layer. `relate(block, b, a)` bends what would be drawn for that block."""
    file: dict = {}
    for label, block in BLOCKS.items():
        for name, (m, n) in {"attn2_to_k": (40, 768), "attn1_to_q": (56, 48)}.items():
            b, a = factors(m, n, rank, word, label, name)
            if relate:
                b, a = relate(label, name, b, a)
            pair(file, f"{SD1}{block}_transformer_blocks_0_{name}", b, a, rank / 2, dtype)
    pair(file, "lora_te_text_model_encoder_layers_3_mlp_fc1", *factors(64, 48, rank, word, "te"), 1.0, dtype)
    return file


def write_inputs() -> list[File]:
    f32, f16 = torch.float32, torch.float16
    tensors.write(OUT / "first.safetensors", sd1("first", f32, 4))

    def fighting(label, name, b, a):
        """The same directions as `first` in three blocks, with the sign turned; the same inputs in IN04; alike in M00."""
        one_b, one_a = factors(b.shape[0], a.shape[1], 4, "first", label, name)
        if label in ("OUT03", "OUT04", "OUT05"):
            b = torch.cat([b[:, :2], -0.8 * one_b], dim=1)[:, : b.shape[1]]
            a = torch.cat([a[:2], one_a], dim=0)[: a.shape[0]]
        if label == "IN04":
            a[:4] = one_a
        if label == "M00":
            b[:, :4], a[:4] = one_b, one_a
        return b, a

    tensors.write(OUT / "second.safetensors", sd1("second", f32, 6, fighting))
    tensors.write(OUT / "third.safetensors", sd1("third", f16, 3))
    noise = lambda x, *words: x * (1 + tensors.normal(x.shape, 1e-5, *words))  # noqa: E731
    near = lambda label, name, b, a: (noise(b, "nb", label, name), noise(a, "na", label, name))  # noqa: E731
    tensors.write(OUT / "first_nearly.safetensors", sd1("first", f32, 4, near))

    kinds: dict = {}
    block = f"{SD1}down_blocks_0_attentions_0"
    pair(kinds, f"{SD1}down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k", *factors(40, 768, 4, "kinds"), 2.0, f32)
    stem = f"{block}_transformer_blocks_0_attn1_to_q"
    for number in (1, 2):
        b, a = factors(56, 48, 3, "loha", number)
        kinds[f"{stem}.hada_w{number}_a"], kinds[f"{stem}.hada_w{number}_b"] = b.to(f32), a.to(f32)
    kinds[f"{stem}.alpha"] = torch.tensor(1.5, dtype=f32)
    stem = f"{block}_transformer_blocks_0_attn1_to_k"
    for number in (1, 2):  # more components than rows: the dense way
        b, a = factors(56, 48, 9, "wide loha", number)
        kinds[f"{stem}.hada_w{number}_a"], kinds[f"{stem}.hada_w{number}_b"] = b.to(f32), a.to(f32)
    stem = f"{block}_transformer_blocks_0_attn1_to_v"
    b, a = factors(14, 16, 2, "lokr")
    kinds[f"{stem}.lokr_w1"] = tensors.normal((4, 3), 0.1, "w1").to(f32)
    kinds[f"{stem}.lokr_w2_a"], kinds[f"{stem}.lokr_w2_b"] = b.to(f32), a.to(f32)
    kinds[f"{stem}.alpha"] = torch.tensor(1.0, dtype=f32)
    kinds[f"{block}_transformer_blocks_0_attn1_to_out_0.diff"] = tensors.normal((56, 56), 0.01, "diff").to(f32)
    stem = f"{SD1}down_blocks_0_resnets_0_conv1"
    kinds[f"{stem}.lora_down.weight"] = tensors.normal((3, 12, 1, 1), 0.1, "cd").to(f32)
    kinds[f"{stem}.lora_mid.weight"] = tensors.normal((3, 3, 3, 3), 0.1, "cm").to(f32)
    kinds[f"{stem}.lora_up.weight"] = tensors.normal((20, 3, 1, 1), 0.1, "cu").to(f32)
    tensors.write(OUT / "kinds.safetensors", kinds)
    bent = lambda key, x: x if x.dim() == 0 else x * 0.5 + tensors.normal(tuple(x.shape), 0.02, "other", key).to(f32)  # noqa: E731
    other = {key: bent(key, value) for key, value in kinds.items()}
    tensors.write(OUT / "kinds_other.safetensors", other)

    h = 48
    fused, split = {}, {}
    b, a = factors(3 * h, h, 4, "flux")
    pair(fused, "lora_unet_double_blocks_2_img_attn_qkv", b, a, 2.0, f32)
    pair(fused, "lora_unet_single_blocks_1_linear1", *factors(7 * h, h, 4, "l1"), 2.0, f32)
    for i, leaf in enumerate(("to_q", "to_k", "to_v")):
        lb, la = factors(h, h, 3, "leaf", leaf)
        lb[:, :2], la[:2] = 0.7 * b[i * h : (i + 1) * h, :2], a[:2]
        stem = f"transformer.transformer_blocks.2.attn.{leaf}"
        split[f"{stem}.lora_A.weight"], split[f"{stem}.lora_B.weight"] = la.to(f32), lb.to(f32)
    lb, la = factors(4 * h, h, 3, "mlp")
    split["transformer.single_transformer_blocks.1.proj_mlp.lora_A.weight"], split["transformer.single_transformer_blocks.1.proj_mlp.lora_B.weight"] = la.to(f32), lb.to(f32)
    tensors.write(OUT / "flux_fused.safetensors", fused)
    tensors.write(OUT / "flux_split.safetensors", split)
    sd = [File(f"{n}.safetensors", "rules", "kohya", "sd1") for n in ("first", "second", "third", "first_nearly", "kinds", "kinds_other")]
    return sd + [File("flux_fused.safetensors", "rules", "kohya", "flux1"), File("flux_split.safetensors", "rules", "peft", "flux1")]


def spread(sigma: np.ndarray) -> dict:
    sigma = np.sort(sigma[sigma > 0])[::-1]
    energy = sigma**2
    entropy = lambda x: float(math.exp(-np.sum(x / x.sum() * np.log(x / x.sum()))))  # noqa: E731
    kept = np.cumsum(energy) / energy.sum()
    rank = lambda part: int(np.argmax(kept >= part * (1 - 1e-12)) + 1)  # noqa: E731
    return {
        "spectral": float(sigma[0]), "stable_rank": float(energy.sum() / energy[0]), "effective_rank": entropy(sigma),
        "effective_rank_energy": entropy(energy), "rank": len(sigma), "rank_90": rank(0.9), "rank_95": rank(0.95), "rank_99": rank(0.99),
    }


def measures(deltas: list[np.ndarray]) -> dict:
    """Of the block-diagonal matrix of all."""
    spectra = [np.linalg.svd(d, compute_uv=False) for d in deltas]
    sigma = np.concatenate([s[s > 1e-12 * s[0]] for s in spectra])
    energy = sum(float((d**2).sum()) for d in deltas)
    elements = sum(d.size for d in deltas)
    return {"frobenius": math.sqrt(energy), "rms": math.sqrt(energy / elements), "elements": elements} | spread(sigma)


def load(info: File) -> list[dict]:
    out = []
    for stem, module in sorted(modules(OUT / info.name, info).items()):
        dense = delta.dense(module["roles"], module["kind"], module["scale"])
        spot = names.place(stem, info.family, dense.shape[0])
        # The windows of real Flux are those of a width of 3072.
        rows = (spot.rows[0] * 48 // 3072, spot.rows[1]) if spot.rows else None
        out.append({"name": stem, "delta": dense, "slot": spot.slot, "component": spot.component, "path": spot.path, "rows": rows})
    return out


def whole(files: list[list[dict]]) -> dict:
    """(component, path) -> one dense matrix per file, with windows in their place; None where a file does not touch the weight."""
    out: dict = {}
    for i, file in enumerate(files):
        for m in file:
            rows = m["rows"] or (0, m["delta"].shape[0])
            entry = out.setdefault((m["component"], m["path"]), {"slot": m["slot"], "parts": [[] for _ in files], "m": 0, "n": m["delta"].shape[1]})
            entry["m"] = max(entry["m"], rows[0] + rows[1])
            entry["parts"][i].append((rows[0], m["delta"]))
    for entry in out.values():
        entry["dense"] = []
        for parts in entry["parts"]:
            dense = np.zeros((entry["m"], entry["n"])) if parts else None
            for row, part in parts:
                dense[row : row + part.shape[0]] += part
            entry["dense"].append(dense)
    return out


def overlap(a: np.ndarray, b: np.ndarray) -> tuple[dict, dict]:
    """Principal cosines of the row spaces and of the column spaces."""
    def bases(x):
        u, s, vt = np.linalg.svd(x, full_matrices=False)
        r = int((s > 1e-6 * s[0]).sum())
        return u[:, :r], vt[:r].T
    (ua, va), (ub, vb) = bases(a), bases(b)
    q, r = va.shape[1], vb.shape[1]
    def one(x, y):
        cosines = np.clip(np.linalg.svd(x.T @ y, compute_uv=False), 0, 1)
        return {"cosines": cosines.tolist(), "mean": float((cosines**2).sum() / min(q, r)), "chance": max(q, r) / x.shape[0]}
    return one(va, vb), one(ua, ub)


def relation(weights: list[tuple]) -> dict:
    """Of several (A, B); either may be None. Signs over all rows, block values over the whole."""
    a2 = [float((a**2).sum()) if a is not None else 0.0 for a, _ in weights]
    b2 = [float((b**2).sum()) if b is not None else 0.0 for _, b in weights]
    both = [(a, b) for a, b in weights if a is not None and b is not None]
    inner = sum(float((a * b).sum()) for a, b in both)
    na, nb = math.sqrt(sum(a2)), math.sqrt(sum(b2))
    zero = lambda x, y: x if x is not None else np.zeros_like(y)  # noqa: E731
    distance = math.sqrt(sum(float(((zero(a, b) - zero(b, a)) ** 2).sum()) for a, b in weights))
    chance = math.sqrt(sum(float((a**2).sum() * (b**2).sum()) / a.size for a, b in both)) / (na * nb) if na * nb else None
    least = sum(float(np.minimum(abs(a), abs(b)).sum()) for a, b in both)
    opposed = sum(float(np.where(np.sign(a) * np.sign(b) < 0, np.minimum(abs(a), abs(b)), 0).sum()) for a, b in both)
    return {
        "shared": len(both), "norm_a": na, "norm_b": nb, "inner": inner, "cosine": inner / (na * nb) if na * nb else None,
        "chance": chance, "distance": distance, "sign_conflict": opposed / least if least else None,
    }


def describe_pair(a: list[dict], b: list[dict]) -> dict:
    table = whole([a, b])
    pairs = {key: tuple(entry["dense"]) for key, entry in table.items()}
    slots: dict = {}
    for key, entry in table.items():
        slots.setdefault(entry["slot"], []).append(pairs[key])
    weights = {}
    for (component, path), (x, y) in pairs.items():
        if x is None or y is None:
            continue
        rows = relation([(x, y)])
        rows["input"], rows["output"] = overlap(x, y)
        weights[path] = rows
    return {
        "denoiser": relation([p for (c, _), p in pairs.items() if c == "denoiser"]),
        "slots": {slot: relation(list_) for slot, list_ in slots.items()},
        "weights": weights,
    }


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    infos = write_inputs()
    files = {info.name.removesuffix(".safetensors"): load(info) for info in infos}
    told = {"files": {}, "pairs": {}}
    for name, file in files.items():
        slots: dict = {}
        for m in file:
            slots.setdefault(m["slot"], []).append(m["delta"])
        told["files"][name] = {
            "modules": {m["name"]: measures([m["delta"]]) for m in file},
            "slots": {slot: measures(list_) for slot, list_ in slots.items()},
            "denoiser": measures([m["delta"] for m in file if m["component"] == "denoiser"]),
        }
    sets = [("first", "second", "third", "first_nearly"), ("kinds", "kinds_other"), ("flux_fused", "flux_split")]
    for group in sets:
        for x, y in combinations(group, 2):
            told["pairs"][f"{x}+{y}"] = describe_pair(files[x], files[y])
    (OUT / "expected.json").write_text(json.dumps(told, separators=(",", ":")) + "\n")
    print(f"{sum(p.stat().st_size for p in OUT.iterdir()) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
