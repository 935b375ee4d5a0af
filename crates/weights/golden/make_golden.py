"""Writes `data/` anew: adapter files, `expected.json`, merges. See README.md for the one command."""

import json
import os
import shutil
import sys
from pathlib import Path

os.environ.update(CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1", DIFFUSERS_VERBOSITY="error", TRANSFORMERS_VERBOSITY="error")
if os.environ.get("PYTHONHASHSEED") != "0":  # the libraries write sets in hash order
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"PYTHONHASHSEED": "0"})
sys.path.insert(0, str(Path(__file__).parent))
from goldenlib import expected, from_libraries, from_rules, merges  # noqa: E402

DATA = Path(__file__).parent / "data"


def main() -> None:
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir()
    files = from_rules.write_all(DATA) + from_libraries.write_all(DATA)
    told = {info.name: expected.describe(DATA / info.name, info) for info in sorted(files, key=lambda f: f.name)}
    (DATA / "expected.json").write_text(json.dumps(told, indent=1) + "\n")
    merges.write_all(DATA / "merges")
    size = sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file())
    print(f"{len(told)} files, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
