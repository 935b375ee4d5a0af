"""Writes `methods/` anew: small adapters of several kinds and what every merge method makes of them, in float64 from the formulas of the papers.

Nothing here goes through factors: every reference works on the dense ΔW, with numpy's decompositions, so it shares no step with the engine.
PEFT's own `ties_svd`, `magnitude_prune_svd` stand beside. Run with the versions of requirements.txt; the bytes come out the same each time.
"""

import json
import os
import shutil
import sys
from itertools import count
from pathlib import Path

os.environ.update(CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1")
if os.environ.get("PYTHONHASHSEED") != "0":  # the libraries write sets in hash order
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"PYTHONHASHSEED": "0"})
sys.path.insert(0, str(Path(__file__).parent))
import numpy as np  # noqa: E402
import torch  # noqa: E402
from goldenlib import delta, names, tensors  # noqa: E402

OUT = Path(__file__).parent / "methods"
Q, K = (f"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_{x}" for x in "qk")
FF = "lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_2"
CONV = "lora_unet_down_blocks_1_resnets_0_conv1"
TE = "lora_te_text_model_encoder_layers_3_self_attn_q_proj"
NORM = "lora_unet_mid_block_attentions_0_norm"
SHAPES = {Q: (20, 16), K: (16, 24), FF: (14, 40), TE: (12, 12)}
BLOCKS = {Q: "IN01", K: "IN01", FF: "M00", CONV: "IN04", TE: "TE"}


# Inputs.

def normal(shape, *words, size=0.3):
    return tensors.normal(shape, size, "methods", *words).float()


def pair(file, stem, rank, alpha):
    m, n = SHAPES[stem]
    return {
        f"{stem}.lora_down.weight": normal((rank, n), file, stem, "a"), f"{stem}.lora_up.weight": normal((m, rank), file, stem, "b"),
        f"{stem}.alpha": torch.tensor(float(alpha)),
    }


def conv(file, rank, alpha):
    return {
        f"{CONV}.lora_down.weight": normal((rank, 6, 3, 3), file, "a"), f"{CONV}.lora_up.weight": normal((10, rank, 1, 1), file, "b"),
        f"{CONV}.alpha": torch.tensor(float(alpha)),
    }


def inputs():
    x = pair("x", Q, 3, 2) | pair("x", K, 4, 1) | pair("x", FF, 3, 3) | conv("x", 2, 1) | pair("x", TE, 2, 2)
    y = pair("y", Q, 4, 4) | pair("y", K, 2, 2) | pair("y", FF, 5, 2) | conv("y", 3, 2) | pair("y", TE, 3, 1)
    z = pair("z", Q, 2, 1) | pair("z", FF, 3, 3) | conv("z", 2, 2)
    loha = {f"{Q}.{k}": normal(s, "loha", k, size=0.6) for k, s in
            {"hada_w1_a": (20, 2), "hada_w1_b": (2, 16), "hada_w2_a": (20, 2), "hada_w2_b": (2, 16)}.items()} | {f"{Q}.alpha": torch.tensor(1.0)}
    lokr = {f"{FF}.{k}": normal(s, "lokr", k, size=0.6) for k, s in {"lokr_w1": (2, 4), "lokr_w2_a": (7, 2), "lokr_w2_b": (2, 10)}.items()}
    mixed = loha | lokr | {f"{FF}.alpha": torch.tensor(1.0)}
    stored = {f"{Q}.diff": normal((20, 16), "full", "q", size=0.1), f"{Q}.diff_b": normal((20,), "full", "b", size=0.1),
              f"{NORM}.w_norm": normal((14,), "full", "w", size=0.1), f"{NORM}.b_norm": normal((14,), "full", "n", size=0.1)}
    bias = {f"{Q}.diff_b": normal((20,), "bias", "b", size=0.1), f"{NORM}.w_norm": normal((14,), "bias", "w", size=0.1)} | pair("bias", Q, 2, 1)
    return {"x": x, "y": y, "z": z, "mixed": mixed, "stored": stored, "bias": bias}


def deltas(stored):
    """Stem -> dense ΔW in float64; vectors under their whole key."""
    found = {}
    for key, value in stored.items():
        if value.ndim == 1 and value.numel() > 1:
            found[key] = {"vector": value.double().numpy()[:, None]}
            continue
        stem, role = names.split(key)
        found.setdefault(stem, {})[role] = value.double().numpy()
    made = {}
    for stem, roles in found.items():
        made[stem] = roles["vector"] if "vector" in roles else delta.dense(roles, delta.kind_of(roles, {k for k in stored if k.startswith(stem + ".")}))
    return made


# Methods. Each gets the ΔW of the inputs that have the module and their weights.

def trimmed(d, density, gamma=0.0):
    flat = np.abs(d).ravel()
    keep = max(1, int(density * flat.size))
    top = min(int(gamma * flat.size), flat.size - keep)
    order = np.argsort(-flat, kind="stable")
    mask = np.zeros(flat.size)
    mask[order[top:top + keep]] = 1
    return d * mask.reshape(d.shape)


def elected(ds, ws, elect="total", vote="weighted", share="count"):
    if elect == "none":
        return sum(w * d for w, d in zip(ws, ds))
    voting = [(w if vote == "weighted" else 1.0) * d for w, d in zip(ws, ds)]
    ballots = sum(voting) if elect == "total" else sum(np.sign(v) for v in voting)
    sign = np.where(ballots >= 0, 1, -1)
    agree = [(np.sign(v) == sign) for v in voting]
    total = sum(w * d * a for w, d, a in zip(ws, ds, agree))
    by = sum((1.0 if share == "count" else abs(w)) * a for w, a in zip(ws, agree))
    return total if share == "none" else total / np.where(by == 0, 1, by)


def ties(ds, ws, density=0.2, elect="total", vote="weighted", share="count"):
    return elected([trimmed(d, density) for d in ds], ws, elect, vote, share)


def magnitude_prune(ds, ws, density=0.5):
    return sum(w * trimmed(d, density) for w, d in zip(ws, ds))


def breadcrumbs(ds, ws, density=0.9, gamma=0.01):
    return sum(w * trimmed(d, density, gamma) for w, d in zip(ws, ds))


def sce(ds, ws, density=1.0):
    ds = [w * d for w, d in zip(ws, ds)]
    if density < 1:
        variance = np.var(np.stack(ds), axis=0)
        keep = max(1, int(np.count_nonzero(variance) * density))
        mask = np.zeros(variance.size)
        mask[np.argsort(-variance.ravel(), kind="stable")[:keep]] = 1
        ds = [d * mask.reshape(d.shape) for d in ds]
    energy = np.array([(d**2).sum() for d in ds])
    shares = energy / energy.sum()
    sign = np.where(sum(ds) >= 0, 1, -1)
    masks = [s * (np.sign(d) == sign) for s, d in zip(shares, ds)]
    by = sum(masks)
    return sum(d * m for d, m in zip(ds, masks)) / np.where(by == 0, 1, by)


def live(u, s, rest):
    k = int((s > 1e-12 * s[0]).sum())
    return u[:, :k], s[:k], rest[:k]


def inner(ds, ws, how, density):
    if how == "sum":
        return sum(w * d for w, d in zip(ws, ds))
    if how == "ties":
        return ties(ds, ws, density)
    if how == "iso":
        u, s, vt = live(*np.linalg.svd(sum(w * d for w, d in zip(ws, ds)), full_matrices=False))
        return s.mean() * u @ vt
    parts = [live(*np.linalg.svd(d, full_matrices=False)) for d in ds]

    def nearest(x):
        u, s, vt = live(*np.linalg.svd(x, full_matrices=False))
        return u @ vt

    u = nearest(np.hstack([np.sign(w) * p[0] for w, p in zip(ws, parts)]))
    v = nearest(np.hstack([p[2].T for p in parts]))
    return u @ np.diag(np.concatenate([abs(w) * p[1] for w, p in zip(ws, parts)])) @ v.T


def knots(ds, ws, inner_how="ties", density=0.2):
    u, s, vt = live(*np.linalg.svd(np.hstack(ds), full_matrices=False))
    pieces = np.split(s[:, None] * vt, len(ds), axis=1)
    return u @ inner(pieces, ws, inner_how, density)


def core(ds, ws, inner_how="ties", density=0.2):
    u = live(*np.linalg.svd(np.hstack(ds), full_matrices=False))[0]
    v = live(*np.linalg.svd(np.vstack(ds), full_matrices=False))[2].T
    return u @ inner([u.T @ d @ v for d in ds], ws, inner_how, density) @ v.T


def null_space(ds, ws, mu=None):
    """The first is the content."""
    if len(ds) == 1:
        return ws[0] * ds[0]
    v = live(*np.linalg.svd(np.vstack(ds[1:]), full_matrices=False))[2].T
    reach = 1.0 if mu is None else mu / (1 + mu)
    return ws[0] * (ds[0] - reach * ds[0] @ v @ v.T) + sum(w * d for w, d in zip(ws[1:], ds[1:]))


def sphere(vectors, ws, all_weights, divisor):
    """Coefficients of the mean on the sphere, found on the vectors themselves."""
    units = [np.sign(w) * v / np.linalg.norm(v) for v, w in zip(vectors, ws)]
    shares = np.abs(ws) / np.abs(ws).sum()
    x = sum(s * u for s, u in zip(shares, units))
    x /= np.linalg.norm(x)
    for _ in range(500):
        step = 0
        for s, u in zip(shares, units):
            cos = np.clip(x @ u, -1, 1)
            angle = np.arccos(cos)
            step = step + s * (u - cos * x) * (angle / np.sin(angle) if angle > 1e-9 else 1.0)
        size = np.linalg.norm(step)
        if size < 1e-15:
            break
        x = np.cos(size) * x + np.sin(size) * step / size
        x /= np.linalg.norm(x)
    by = np.abs(all_weights).sum() if divisor == "weights" else np.abs(ws).sum()
    return x * sum(abs(w) * np.linalg.norm(v) for w, v in zip(ws, vectors)) / by


def slerp(vectors, ws, all_weights, divisor):
    if len(vectors) == 1:
        return sphere(vectors, ws, all_weights, divisor)
    units = [np.sign(w) * v / np.linalg.norm(v) for v, w in zip(vectors, ws)]
    t = abs(ws[1]) / np.abs(ws).sum()
    angle = np.arccos(units[0] @ units[1])
    x = (np.sin((1 - t) * angle) * units[0] + np.sin(t * angle) * units[1]) / np.sin(angle)
    by = np.abs(all_weights).sum() if divisor == "weights" else np.abs(ws).sum()
    return x * sum(abs(w) * np.linalg.norm(v) for w, v in zip(ws, vectors)) / by


def norm_equal(vectors, ws, *_):
    mean = np.mean([np.linalg.norm(v) for v in vectors])
    return sum(w * mean * v / np.linalg.norm(v) for w, v in zip(ws, vectors))


# Whole merges.

def by_module(method):
    def run(files, weights, **options):
        made = {}
        for stem in sorted({s for f in files for s in f}):
            have = [i for i, f in enumerate(files) if stem in f]
            ds, ws = [files[i][stem] for i in have], [weights[i] for i in have]
            made[stem] = sum(w * d for w, d in zip(ws, ds)) if ds[0].shape[1] == 1 else method(ds, ws, **options)
        return made

    return run


def places(stems, scope):
    for stem in stems:
        yield stem, {"module": stem, "block": BLOCKS.get(stem), "global": "te" if stem == TE else "denoiser"}[scope]


def by_vector(method):
    """Methods on all values of a module, a block or the whole as one vector."""
    def run(files, weights, scope="module", divisor="weights"):
        made, groups = {}, {}
        for stem, place in places(sorted({s for f in files for s in f}), scope):
            groups.setdefault(place, []).append(stem)
        for stems in groups.values():
            shapes = {s: next(f[s].shape for f in files if s in f) for s in stems}
            flat = lambda f: np.concatenate([f.get(s, np.zeros(shapes[s])).ravel() for s in stems])
            have = [i for i, f in enumerate(files) if any(s in f for s in stems)]
            joined = method([flat(files[i]) for i in have], np.array([weights[i] for i in have]), np.array(weights), divisor)
            for s in stems:
                size = shapes[s][0] * shapes[s][1]
                made[s], joined = joined[:size].reshape(shapes[s]), joined[size:]
        return made

    return run


def plain_sum(files, weights, tame=None):
    made = by_module(lambda ds, ws: sum(w * d for w, d in zip(ws, ds)))(files, weights)
    for block in set(BLOCKS.values()) if tame else ():
        stems = [s for s in made if BLOCKS.get(s) == block]
        singles = [np.sqrt(sum(((w * f[s]) ** 2).sum() for s in stems if s in f)) for f, w in zip(files, weights)]
        growth = np.sqrt(sum((made[s] ** 2).sum() for s in stems)) / max(singles)
        for s in stems if growth > tame else ():
            made[s] = made[s] * tame / growth
    return made


def average(files, weights, divisor):
    made = by_module(lambda ds, ws: sum(w * d for w, d in zip(ws, ds)) / sum(map(abs, ws)))(files, weights)
    assert divisor == "present"
    return made


METHODS = {
    "ties": by_module(ties), "magnitude_prune": by_module(magnitude_prune), "breadcrumbs": by_module(breadcrumbs), "sce": by_module(sce),
    "knots": by_module(knots), "core": by_module(core), "null_space": by_module(null_space), "slerp": by_vector(slerp),
    "karcher": by_vector(sphere), "norm_equal": by_vector(norm_equal), "sum": plain_sum, "average": average,
}
XYZ, XY = (["x", "y", "z"], [0.8, 0.6, 1.1]), (["x", "y"], [0.7, 1.2])
SIGNS = (["x", "y", "z"], [1.0, -0.7, 0.5])
CASES = [
    ("ties", *XYZ, {}), ("ties", *XYZ, {"density": 0.5, "elect": "frequency"}), ("ties", *SIGNS, {"density": 0.5, "vote": "plain"}),
    ("ties", *SIGNS, {"density": 0.6, "share": "weights"}), ("ties", *XYZ, {"density": 0.4, "share": "none"}),
    ("magnitude_prune", *SIGNS, {"density": 0.3}), ("breadcrumbs", *XYZ, {"density": 0.7, "gamma": 0.05}), ("breadcrumbs", *XYZ, {}),
    ("breadcrumbs", *XY, {"density": 0.5, "gamma": 0.0001}), ("sce", *XYZ, {}), ("sce", *XYZ, {"density": 0.4}),
    ("knots", *XYZ, {"density": 0.4}), ("knots", *SIGNS, {"inner": "sum"}), ("core", *XYZ, {"density": 0.4}), ("core", *SIGNS, {"inner": "sum"}),
    ("core", *SIGNS, {"inner": "tsv"}), ("core", *XYZ, {"inner": "iso"}), ("null_space", *XYZ, {}), ("null_space", *XY, {"mu": 0.5}),
    ("slerp", *XY, {}), ("slerp", ["x", "z"], [0.7, -0.4], {"divisor": "present"}), ("slerp", *XY, {"scope": "global"}),
    ("karcher", *XYZ, {}), ("karcher", *SIGNS, {"scope": "block"}), ("karcher", *XYZ, {"scope": "global", "divisor": "present"}),
    ("norm_equal", *XYZ, {}), ("norm_equal", *SIGNS, {"scope": "block"}), ("sum", *XYZ, {"tame": 0.9}), ("average", *XYZ, {"divisor": "present"}),
    ("ties", ["x", "mixed"], [1.0, 0.5], {"density": 0.5}), ("knots", ["y", "mixed"], [1.0, 0.5], {"density": 0.5}),
    ("karcher", ["x", "mixed"], [1.0, 0.5], {}), ("ties", ["stored", "bias"], [1.0, 0.5], {"density": 0.5}), ("sum", ["stored", "bias", "y"], [1.0, 0.5, -1.0], {}),
]


def by_peft(stored):
    """Two adapters of one model, merged by PEFT itself at full rank."""
    from peft import LoraConfig, get_peft_model

    class Toy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.k = torch.nn.Linear(16, 20, bias=False), torch.nn.Linear(24, 16, bias=False)

        def forward(self, x):
            return self.q(x), self.k(x)

    torch.manual_seed(0)
    model = get_peft_model(Toy().double(), LoraConfig(r=4, lora_alpha=2, target_modules=["q", "k"]), adapter_name="one")
    model.add_adapter("two", LoraConfig(r=3, lora_alpha=3, target_modules=["q", "k"]))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = normal(tuple(parameter.shape), "peft", name).double()
    for file in ("one", "two"):
        made = {}
        for leaf in ("q", "k"):
            layer = model.get_submodule(f"base_model.model.{leaf}")
            made[f"base_model.model.{leaf}.lora_A.weight"] = layer.lora_A[file].weight.detach().float()
            made[f"base_model.model.{leaf}.lora_B.weight"] = (layer.lora_B[file].weight * layer.scaling[file]).detach().float()
        stored[f"peft_{file}"] = made
    told = {}
    for label, kind in {"peft_ties": "ties_svd", "peft_prune": "magnitude_prune_svd"}.items():
        model.add_weighted_adapter(["one", "two"], [0.8, -0.6], label, combination_type=kind, density=0.45, svd_rank=16)
        told[label] = {f"base_model.model.{x}": model.get_submodule(f"base_model.model.{x}").get_delta_weight(label).detach().numpy() for x in "qk"}
    return told


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    stored = inputs()
    theirs = by_peft(stored)
    for name, made in stored.items():
        tensors.write(OUT / f"{name}.safetensors", made, None if name.startswith("peft") else {"ss_base_model_version": "sd_v1-5"})
    dense = {name: deltas(made) for name, made in stored.items() if not name.startswith("peft")}
    cases, results = [], {}
    numbers = count()
    for method, files, weights, options in CASES:
        called = {("inner_how" if k == "inner" else k): v for k, v in options.items()}
        made = METHODS[method]([dense[f] for f in files], weights, **called)
        number = str(next(numbers))
        cases.append({"id": number, "method": method, "files": files, "weights": weights, "options": options})
        results |= {f"{number}/{stem}": torch.from_numpy(np.ascontiguousarray(d)).float() for stem, d in sorted(made.items())}
    for label, method, options in [("peft_ties", "ties", {"vote": "plain"}), ("peft_prune", "magnitude_prune", {})]:
        cases.append({"id": label, "method": method, "files": ["peft_one", "peft_two"], "weights": [0.8, -0.6], "options": {"density": 0.45} | options})
        results |= {f"{label}/{stem}": torch.from_numpy(d).float() for stem, d in sorted(theirs[label].items())}
        ours = METHODS[method]([deltas_peft(stored[f"peft_{x}"]) for x in ("one", "two")], [0.8, -0.6], density=0.45, **options)
        for stem, d in theirs[label].items():
            gap = np.linalg.norm(ours[stem] - d) / np.linalg.norm(d)
            assert gap < 1e-5, (label, stem, gap)
    tensors.write(OUT / "expected.safetensors", results)
    (OUT / "cases.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
    print(f"{len(cases)} cases, {sum(p.stat().st_size for p in OUT.iterdir()) / 1e3:.0f} kB")


def deltas_peft(made):
    stems = {k.rsplit(".lora_", 1)[0] for k in made}
    return {s: (made[f"{s}.lora_B.weight"].double() @ made[f"{s}.lora_A.weight"].double()).numpy() for s in stems}


if __name__ == "__main__":
    main()
