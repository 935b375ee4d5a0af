"""Checks the tables of the families against diffusers: names, shapes, and its own conversion of original checkpoints.

    cargo run -q -p weft-weights --example catalogue > catalogue.json && python check_names.py catalogue.json

1. Every linear and convolution weight of diffusers' models (models.json) is in the tables, by name and shape; the other way round, every name
   that the tables give is one of them.
2. Where diffusers can read original checkpoints, the original names of the tables are given to its converter as tensors without data, and
   what comes out must be the names and shapes of the model again.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

import torch
from diffusers.loaders import single_file_utils as single

CONVERT = {
    "sd3": single.convert_sd3_transformer_checkpoint_to_diffusers, "flux1": single.convert_flux_transformer_checkpoint_to_diffusers,
    "chroma": single.convert_chroma_transformer_checkpoint_to_diffusers, "flux2": single.convert_flux2_transformer_checkpoint_to_diffusers,
    "wan": single.convert_wan_transformer_to_diffusers, "hunyuanvideo": single.convert_hunyuan_video_transformer_to_diffusers,
    "ltx": single.convert_ltx_transformer_checkpoint_to_diffusers, "LTX-2": single.convert_ltx2_transformer_to_diffusers,
    "zimage": single.convert_z_image_transformer_checkpoint_to_diffusers, "lumina2": single.convert_lumina2_to_diffusers,
    "cosmos": single.convert_cosmos_transformer_checkpoint_to_diffusers, "cosmospredict2": single.convert_cosmos_transformer_checkpoint_to_diffusers,
    "auraflow": single.convert_auraflow_transformer_checkpoint_to_diffusers, "mochi": single.convert_mochi_transformer_checkpoint_to_diffusers,
    "krea2": single.convert_krea2_transformer_checkpoint_to_diffusers, "hidream": single.convert_hidream_transformer_to_diffusers,
    "ernie": single.convert_ernie_image_transformer_checkpoint_to_diffusers,
}
class Lenient(dict):
    """A checkpoint that hands out a tensor without data for what the tables do not hold (norms, biases, tables of scales)."""

    def pop(self, key, *default):
        if key in self or default:
            return super().pop(key, *default)
        return torch.empty(36864, device="meta")


def numbers(span: str) -> list[int]:
    out = []
    for run in filter(None, span.split(",")):
        first, _, last = run.partition("-")
        out += range(int(first), int(last or first) + 1)
    return out


def weights(model: dict) -> dict[str, tuple[int, ...]]:
    out = {}
    for template, shape, span in model["weights"]:
        for name in [template.replace("#", str(n), 1) for n in numbers(span)] or [template]:
            out[name] = tuple(shape)
    return out


def main() -> None:
    here = Path(__file__).parent
    told = {(c["family"], c["size"]): c["weights"] for c in json.loads(Path(sys.argv[1]).read_text())}
    wrong = 0
    for model in json.loads((here / "models.json").read_text()):
        key = (model["family"], model["size"])
        if key not in told:
            continue
        real, problems = weights(model), []
        names = {name: shape for _, _, twins in told[key] for name, shape in twins}
        problems += [f"not in the tables: {n} {s}" for n, s in real.items() if n not in names]
        for name, shape in names.items():
            if shape and name not in real:
                problems.append(f"not in diffusers: {name}")
            elif shape and name in real and (shape[0], shape[1]) != real[name][:2]:
                problems.append(f"{name} is {real[name]}, told {shape}")
        convert = CONVERT.get(model["size"]) or CONVERT.get(model["family"])
        if convert:
            problems += converted(convert, told[key], real)
        wrong += len(problems)
        print(f"{'/'.join(key):24} {len(real):5} weights, converter {'yes' if convert else 'no '}: {len(problems)} problems")
        for problem in problems[:12]:
            print("    ", problem)
    sys.exit(wrong > 0)


def converted(convert, table: list, real: dict) -> list[str]:
    """Original names through diffusers' converter."""
    checkpoint = Lenient()
    for native, shape, twins in table:
        height = sum(real.get(name, (0,))[0] for name, _ in twins)
        first = real.get(twins[0][0]) if twins else None
        if first is None:
            continue
        checkpoint[f"{native}.weight"] = torch.empty((height, *first[1:]), device="meta")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            out = convert(checkpoint, config={})
    except Exception as error:  # noqa: BLE001
        return [f"converter: {error!r}"]
    out = {name.removesuffix(".weight"): tuple(t.shape) for name, t in out.items() if name.endswith(".weight") and t is not None}
    problems = []
    for name, shape in real.items():
        if name not in out:
            problems.append(f"converter gives no {name}")
        elif out[name] != shape:
            problems.append(f"converter gives {name} as {out[name]}, the model has {shape}")
    return problems


if __name__ == "__main__":
    main()
