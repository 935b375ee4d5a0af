"""Do converted files load elsewhere, with the same ΔW? Every golden pair file under every convention.

    cargo run --example convert_golden -p weft-weights -- /tmp/converted
    python check_converted.py /tmp/converted

`diffusers` is loaded by diffusers, `peft` by PEFT with the configuration that was written, `kohya` and `comfyui` are held against ComfyUI's key
map, and loaded by diffusers where it has a converter. Files are f32; the limit is 1e-6 of ‖ΔW‖ (2e-6 where diffusers computes the product in f32).
"""

import json
import sys
from pathlib import Path

import check
import numpy as np
import torch
from goldenlib import tensors

import comfy_names
import in_diffusers

# The same for single files.
FILES = {
    ("diffusers_legacy_sd1", "kohya"): "reads the text encoder's attention only beside out_proj",
    ("diffusers_sdxl_pipeline", "kohya"): "reads the text encoder's attention only beside out_proj",
    ("kohya_flux", "diffusers"): "loads no LoRA of T5",
    ("kohya_sd3", "diffusers"): "loads no LoRA of T5",
    ("kohya_sd35_large", "diffusers"): "loads no LoRA of T5",
    ("musubi_wan_14b_i2v", "comfyui"): "wants v_img beside k_img",
}

PREFIX = "base_model.model."
LIMIT = 2e-6
# What diffusers 0.42.1 has no converter for, or leaves out; see README.md. Anything else that differs is a failure.
READERS = {
    "kohya": {"sd3": "no converter", "flux1": "leaves out T5 and embedders of partial files", "wan": "wants whole blocks"},
    "comfyui": {
        "sd1": "no names", "sd2": "no names", "sdxl": "no names", "flux1": "no converter for lora_A", "sd3": "no converter",
    },
}


def peft_deltas(path: Path, family: str) -> dict[str, np.ndarray]:
    """ΔW by PEFT's own loader, from the file and its configuration as they were written."""
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from safetensors.torch import load_file

    state = load_file(str(path))
    told = json.loads(path.with_suffix(".adapter_config.json").read_text())
    told.pop("peft_type")
    config = LoraConfig(**{k: v for k, v in told.items() if k in LoraConfig.__dataclass_fields__})
    model = in_diffusers.denoiser(family)
    paths = in_diffusers.fit(model, {k.removeprefix(PREFIX): v for k, v in state.items()})
    wrapped = get_peft_model(model, config)
    result = set_peft_model_state_dict(wrapped, state)
    assert not result.unexpected_keys, result.unexpected_keys
    made = {}
    for p in paths:
        value = wrapped.base_model.model.get_submodule(p).get_delta_weight("default").detach().to(torch.float64).numpy()
        made[PREFIX + p] = value.reshape(value.shape[0], -1)
    return made


def one(path: Path, to: str, family: str, want: dict) -> bool | None:
    """True, False, or None where there is no reader to ask."""
    stored, _ = tensors.read(path)
    said, good, asked = [], True, False
    if to in ("kohya", "comfyui"):
        strangers = comfy_names.strangers(list(stored), family)
        said.append("ComfyUI knows all names" if not strangers else f"ComfyUI skips {len(strangers)}, first {strangers[0]}")
        good, asked = not strangers, True
    limit = READERS.get(to, {}).get(family) or FILES.get((path.name.split(".")[0], to))
    if limit:
        said.append(f"diffusers: {limit}")
    else:
        asked = True
        try:
            theirs = peft_deltas(path, family) if to == "peft" else in_diffusers.deltas(str(path), family)[0]
            mine = {t: v for t, v in want.items() if to != "peft" or t.startswith("denoiser:")}
            worst, complaints = check.compare(theirs, mine, family, None, LIMIT, {})
            good = good and not complaints
            said.append(f"{len(theirs)} layers arrive, worst {worst:.1e} {'; '.join(complaints[:2])}")
        except Exception as error:  # a loader that refuses is a finding, not the end of the run
            good = False
            said.append(f"refused: {type(error).__name__}: {str(error)[:160]}")
    print(f"{'ok  ' if good else 'FAIL'} {path.name}: " + "; ".join(said), flush=True)
    return good if asked else None


def main(folder: Path) -> int:
    tally = {True: 0, False: 0, None: 0}
    for name, info in check.inputs().items():
        want = check.wanted(name, info)
        for to in ("kohya", "diffusers", "peft", "comfyui"):
            path = folder / f"{name.removesuffix('.safetensors')}.{to}.safetensors"
            if path.exists():
                tally[one(path, to, info["family"], want)] += 1
    print(f"{tally[True]} ok, {tally[False]} failed")
    return 1 if tally[False] else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
