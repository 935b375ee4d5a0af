"""The work folder: what every stage reads and writes, always whole (temporary name, then rename)."""

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch


class Work:
    """Files of one training, below one folder."""

    def __init__(self, folder: str | Path, rank: int = 0):
        self.folder = Path(folder)
        self.rank = rank
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        return self.folder / name

    def has(self, name: str) -> bool:
        return self.path(name).exists()

    def save(self, name: str, value) -> None:
        """torch.save, atomically."""
        part = self.path(name + ".part")
        with open(part, "wb") as out:
            torch.save(value, out)
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, self.path(name))

    def load(self, name: str):
        return torch.load(self.path(name), map_location="cpu", weights_only=False)

    def save_json(self, name: str, value) -> None:
        part = self.path(name + ".part")
        part.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")
        os.replace(part, self.path(name))

    def load_json(self, name: str):
        return json.loads(self.path(name).read_text())

    def plan(self, stage: str, plan):
        """The stage's plan with what `<stage>.plan.json` changes in it, for example {"steps": 20000}."""
        name = f"{stage}.plan.json"
        return replace(plan, **self.load_json(name)) if self.has(name) else plan

    def log(self, stage: str, text: str) -> None:
        """One line to standard output; only the first process speaks."""
        if self.rank == 0:
            print(f"{time.strftime('%H:%M:%S')} {stage:8} {text}", flush=True)
            sys.stdout.flush()
