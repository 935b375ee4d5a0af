"""Writes `kinds/` anew: small adapters of every kind, the base weights they need, and ΔW in float64. README.md has the one command."""

import os
import shutil
import sys
from pathlib import Path

os.environ.update(CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1", DIFFUSERS_VERBOSITY="error", TRANSFORMERS_VERBOSITY="error")
if os.environ.get("PYTHONHASHSEED") != "0":  # the libraries write sets in hash order
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"PYTHONHASHSEED": "0"})
sys.path.insert(0, str(Path(__file__).parent))
from kindslib import lycoris_cases, peft_cases, rule_cases  # noqa: E402
from kindslib.store import Store  # noqa: E402

OUT = Path(__file__).parent / "kinds"


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    store = Store(OUT)
    for cases in (lycoris_cases, peft_cases, rule_cases):
        cases.write_all(store)
    size = sum(path.stat().st_size for path in OUT.iterdir())
    print(f"{store.count} cases, {size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
