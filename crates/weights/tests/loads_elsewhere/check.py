"""Do merged files work elsewhere? Loads each in diffusers (its own key conversion, PEFT injection, `fuse_lora`), in PEFT where the
names are PEFT's, and holds the key names against ComfyUI's rules. ΔW must be the float64 sum of the inputs.

    python check.py MERGED_FOLDER      files named CASE.METHOD.safetensors, as `merge_golden` writes them
    python check.py --inputs           the golden adapters themselves (checks this script and the golden mappings)
"""

import json
import os
import sys
import warnings
from pathlib import Path

os.environ.update(CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1", DIFFUSERS_VERBOSITY="error", TRANSFORMERS_VERBOSITY="error")
warnings.filterwarnings("ignore")
HERE = Path(__file__).parent
GOLDEN = HERE.parent.parent / "golden"
sys.path[:0] = [str(HERE), str(GOLDEN)]

import numpy as np  # noqa: E402
from goldenlib import delta, merges, names, tensors  # noqa: E402

import comfy_names  # noqa: E402
import in_diffusers  # noqa: E402
import in_peft  # noqa: E402

TOLERANCE = {"f32": 2e-6, "f16": 1e-3, "bf16": 6e-3}  # rounding of the two stored factors, relative to ‖ΔW‖ of the module


def expected_of_case(case: str) -> tuple[str, dict, dict]:
    """(family, target -> (B, A), target -> Σ‖wᵢΔWᵢ‖) of a golden merge, from its inputs in float64."""
    data = GOLDEN / "data" / "merges"
    plan = json.loads((data / f"{case}.json").read_text())
    inputs = []
    for given in plan["inputs"]:
        scales = {}
        if given["adapter_config"]:
            config = json.loads((data / given["adapter_config"]).read_text())
            scales = in_peft.scales(data / given["file"], config)
        inputs.append(merges.Input(**given, scales=scales))
    made = merges.Case(case, plan["family"], inputs)
    return plan["family"], merges.stacked(data, made), merges.part_norms(data, made)


def compare(theirs: dict[str, np.ndarray], want: dict, family: str, rank: int | None, limit: float, parts: dict) -> tuple[float, list[str]]:
    """(largest relative difference, complaints). `rank`: the wanted sum is cut to it. `parts`: what the difference is relative to,
    by target; else the wanted ΔW."""
    worst, complaints, seen = 0.0, [], {}
    best = {}
    for target, (b, a) in want.items():
        if rank is not None:
            u, sigma, vt = merges.spectrum(b, a)
            b, a = u[:, :rank] * sigma[:rank], vt[:rank]
        best[target] = (b, a)
    for stem, value in theirs.items():
        spot = names.place(stem, family, value.shape[0])
        target = f"{spot.component}:{spot.path}"
        if target not in best:
            complaints.append(f"{stem}: not wanted")
            continue
        b, a = best[target]
        start, rows = spot.rows or (0, b.shape[0])
        mine = b[start:start + rows] @ a
        size = np.linalg.norm(np.linalg.qr(b, mode="r") @ np.linalg.qr(a.T, mode="r").T)
        gap = float(np.linalg.norm(value - mine) / max(parts.get(target, size), 1e-30))
        worst = max(worst, gap)
        if gap > limit:
            complaints.append(f"{stem} differs by {gap:.1e}, norm {np.linalg.norm(value) / max(np.linalg.norm(mine), 1e-30):.4f} of the wanted")
        seen[target] = seen.get(target, 0) + float(np.linalg.norm(mine)) ** 2
    for target, (b, a) in best.items():
        size = np.linalg.norm(np.linalg.qr(b, mode="r") @ np.linalg.qr(a.T, mode="r").T)
        if size > 1e-12 and abs(seen.get(target, 0.0) ** 0.5 / size - 1) > 1e-6:
            complaints.append(f"{target}: {seen.get(target, 0.0) ** 0.5 / size:.3f} of its norm arrived")
    return worst, complaints


def report(path: Path, family: str, want: dict, rank: int | None, limit: float, parts: dict | None = None) -> bool:
    stored, _ = tensors.read(path)
    unknown = comfy_names.strangers(list(stored), family)
    lines, good = [], not unknown
    lines.append(f"ComfyUI names: {'all known' if not unknown else f'{len(unknown)} unknown, first {unknown[0]}'}")
    try:
        if in_peft.is_peft(stored):
            theirs = in_peft.deltas(path, family)
            label = "PEFT"
        else:
            theirs, _ = in_diffusers.deltas(str(path), family)
            label = "diffusers"
        if not theirs and want:
            lines.append(f"{label}: has no converter for these names")
            print(f"n/a  {path.name}: " + "; ".join(lines), flush=True)
            return good
        worst, complaints = compare(theirs, want, family, rank, limit, parts or {})
        fine = worst <= limit and not complaints
        lines.append(f"{label}: {len(theirs)} layers, worst ΔW difference {worst:.1e}{'' if fine else ' TOO MUCH ' + '; '.join(complaints[:3])}")
        good &= fine
    except Exception as error:  # a loader that refuses is a finding, not the end of the run
        lines.append(f"loader refused: {type(error).__name__}: {str(error)[:200]}")
        good = False
    print(f"{'ok  ' if good else 'FAIL'} {path.name}: " + "; ".join(lines), flush=True)
    return good


def wanted(name: str, info: dict) -> dict:
    """target -> (B, A) of a golden file in float64, scales by `expected.json`."""
    stored, _ = tensors.read(GOLDEN / "data" / name)
    parts: dict = {}
    for key, value in stored.items():
        stem, role = names.split(key)
        parts.setdefault(stem, {})[role] = value
    lifted: dict = {}
    for stem, roles in parts.items():
        norm = info["modules"][stem]["frobenius"]
        b, a = delta.factors(roles, 1.0)
        plain = float(np.linalg.norm(np.linalg.qr(b, mode="r") @ np.linalg.qr(a.T, mode="r").T))
        spot = names.place(stem, info["family"], b.shape[0])
        lifted.setdefault(f"{spot.component}:{spot.path}", []).append((spot.rows, b * (norm / plain), a))
    want = {}
    for target, found in lifted.items():
        height = max((r[0] + r[1] if r else b.shape[0]) for r, b, _ in found)
        blocks = []
        for rows, b, _ in found:
            full = np.zeros((height, b.shape[1]))
            start = rows[0] if rows else 0
            full[start:start + b.shape[0]] = b
            blocks.append(full)
        want[target] = np.hstack(blocks), np.vstack([a for _, _, a in found])
    return want


def inputs() -> dict[str, dict]:
    """The golden low-rank files of known families."""
    told = json.loads((GOLDEN / "data" / "expected.json").read_text())
    return {
        name: info for name, info in told.items()
        if info["family"] in ("sd1", "sd2", "sdxl", "sd3", "flux1", "wan") and info["kind"] == "lora" and not info["adapter_config"]
    }


def check_inputs() -> bool:
    """Every golden low-rank file of a known family against its own float64 reading."""
    good = True
    for name, info in inputs().items():
        path = GOLDEN / "data" / name
        # Half-precision files: the loaders compute in the stored type.
        limit = 2e-6 if any(t == "F32" for t in dtypes(path)) else 6e-2
        good &= report(path, info["family"], wanted(name, info), None, limit)
    return good


def dtypes(path: Path) -> set[str]:
    from safetensors import safe_open

    with safe_open(str(path), "pt") as file:
        return {file.get_slice(k).get_dtype() for k in file.keys()}


def check_merged(folder: Path) -> bool:
    good = True
    for path in sorted(folder.glob("*.safetensors")):
        case, method = path.name.removesuffix(".safetensors").split(".", 1)
        family, want, parts = expected_of_case(case)
        rank = int(method.removeprefix("svd")) if method.startswith("svd") else None
        kind = next((k for k in ("bf16", "f16") if k.upper() in dtypes(path)), "f32")
        good &= report(path, family, want, rank, TOLERANCE[kind] if rank is None else 1e-5, None if rank else parts)
    return good


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(0 if (check_inputs() if sys.argv[1] == "--inputs" else check_merged(Path(sys.argv[1]))) else 1)
