"""Golden data for the Rust engine: `python -m models.demo.golden --out crates/diffusion/golden`.

Tiny random models with the topology of Stable Diffusion 1.x and 2.x, SDXL and Flux.1, and what diffusers and transformers
compute with them in f32 on the CPU. Weights are exact in f16 and stored so; inputs and results are f32. Everything is seeded.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from .goldenlib import flux, sd, sdxl, tokens  # noqa: E402
from .parallel import quiet_threads  # noqa: E402

PARTS = {"tokens": tokens.make, "sd1": sd.make_sd1, "sd2": sd.make_sd2, "sdxl": sdxl.make, "flux": flux.make}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--only", choices=list(PARTS), action="append", help="make only this part; may be given again")
    options = parser.parse_args()
    quiet_threads()
    for name in options.only or PARTS:
        print(f"{name} …", flush=True)
        PARTS[name](options.out / name)
    size = sum(f.stat().st_size for f in options.out.rglob("*") if f.is_file())
    print(f"{size / 1e6:.2f} MB below {options.out}")


if __name__ == "__main__":
    main()
