"""Stage "latents": pictures encoded once, with six captions each, in shards that can be made one by one."""

import random

import numpy as np
import torch

from . import vocabulary
from .captions import caption
from .draw.paint import picture
from .parallel import Group
from .pictures import to_tensor
from .vae import load_vae
from .work import Work

SHARDS, SHARD, CAPTIONS = 40, 500, 6


def make(work: Work, group: Group) -> None:
    """Ends with `latents.json`; every process makes its share of the shards."""
    model, factor = load_vae(work)
    tokenizer, _ = vocabulary.load(work)
    for k in range(group.rank, SHARDS, group.world):
        name = f"latents-{k:03}.npz"
        if work.has(name):
            continue
        pictures, ids = [], []
        for seed in range(k * SHARD, (k + 1) * SHARD):
            made, scene = picture(seed)
            pictures.append(np.asarray(made))
            ids.append([tokenizer.encode(caption(scene, random.Random(seed * 7 + j + 1))) for j in range(CAPTIONS)])
        with torch.no_grad():
            codes = [model.encode(part).latent_dist for part in to_tensor(np.stack(pictures)).split(20)]
        part = work.path(name + ".part")
        with open(part, "wb") as out:
            np.savez(out, mean=torch.cat([c.mean for c in codes]).numpy().astype(np.float16),
                     std=torch.cat([c.std for c in codes]).numpy().astype(np.float16), ids=np.array(ids, np.int16))
        part.replace(work.path(name))
        print(f"latents  shard {k} of {SHARDS}", flush=True)
    group.agree(0.0)
    if group.rank == 0:
        work.save_json("latents.json", {"shards": SHARDS, "factor": factor})


class Latents:
    """All shards in memory, latents already scaled to unit variance."""

    def __init__(self, work: Work):
        self.factor = work.load_json("latents.json")["factor"]
        parts = [np.load(work.path(f"latents-{k:03}.npz")) for k in range(SHARDS)]
        self.mean, self.std, self.ids = (np.concatenate([p[key] for p in parts]) for key in ("mean", "std", "ids"))

    def __len__(self) -> int:
        return len(self.mean)

    def draw(self, which: np.ndarray) -> torch.Tensor:
        """A sample of each picture's latents, [n, 4, 16, 16]."""
        mean, std = (torch.from_numpy(a[which].astype(np.float32)) for a in (self.mean, self.std))
        return (mean + std * torch.randn_like(mean)) * self.factor
