"""Pictures on demand: `python -m models.demo.sheet --work DIR --out sheet.png ["a prompt" …]`, with the newest weights there are."""

import argparse
import time
from pathlib import Path

from . import unet as base
from .contact import contact_sheet
from .parallel import quiet_threads
from .sampling import GUIDANCE, STEPS, decode, sample
from .vae import load_vae
from .work import Work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("prompts", nargs="*", help="default: the uncurated list")
    options = parser.parse_args()
    quiet_threads()
    work, prompts = Work(options.work), options.prompts or list(base.PROMPTS)
    unet, text, tokenizer = base.load(work)
    vae, factor = load_vae(work)
    begun = time.process_time()
    made = decode(vae, sample(unet, text, tokenizer, prompts, options.seed, options.steps, options.guidance), factor)
    print(f"{(time.process_time() - begun) / len(made):.2f} s of one core for each picture")
    contact_sheet(made, prompts, options.out, min(8, len(prompts)))


if __name__ == "__main__":
    main()
