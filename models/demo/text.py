"""The text encoder (CLIP's text model, three layers of width 64) and stage "text": it learns to tell what is in a scene.

The renderer knows every scene's attributes, so the encoder can be trained alone, in minutes, to predict them from the
caption. The UNet then follows captions much sooner than with an untrained encoder.
"""

import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from . import scene as scenes
from . import vocabulary
from .captions import caption
from .loop import Loop, Plan
from .networks import TEXT
from .parallel import Group
from .tokenizer import Tokenizer
from .work import Work

CAPTIONS = 40_000
PLAN = Plan(steps=4500, rate=2e-3, warmup=50, decay=0.9, average=0.995)
BATCH = 64


class Attention(nn.Module):
    """Causal self-attention under transformers' names."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, n, d = x.shape
        q, k, v = (f(x).view(b, n, self.heads, d // self.heads).transpose(1, 2) for f in (self.q_proj, self.k_proj, self.v_proj))
        return self.out_proj(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, n, d))


class Layer(nn.Module):
    """Pre-norm block; the MLP uses the quick GELU."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.self_attn = Attention(width, heads)
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        h = self.mlp["fc1"](self.layer_norm2(x))
        return x + self.mlp["fc2"](h * torch.sigmoid(1.702 * h))


class TextModel(nn.Module):
    """ids [b, 77] to states [b, 77, 64] after the final norm. State dict names are CLIP's below `text_model.`."""

    def __init__(self, vocabulary_size: int):
        super().__init__()
        width = TEXT["width"]
        self.embeddings = nn.ModuleDict({"token_embedding": nn.Embedding(vocabulary_size, width), "position_embedding": nn.Embedding(TEXT["positions"], width)})
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(Layer(width, TEXT["heads"]) for _ in range(TEXT["layers"]))})
        self.final_layer_norm = nn.LayerNorm(width)
        nn.init.normal_(self.embeddings["token_embedding"].weight, std=0.3)
        nn.init.normal_(self.embeddings["position_embedding"].weight, std=0.1)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.embeddings["token_embedding"](ids) + self.embeddings["position_embedding"].weight
        for layer in self.encoder["layers"]:
            x = layer(x)
        return self.final_layer_norm(x)


CHOICES = {"time": scenes.TIMES, "place": scenes.PLACES, "weather": scenes.WEATHERS, "season": scenes.SEASONS, "body": scenes.BODIES,
           "variant": tuple(dict.fromkeys(v for names in scenes.VARIANTS.values() for v in names))}
ANSWERS = sum(len(v) for v in CHOICES.values()) + len(scenes.KINDS)


def with_unknown_words(ids: np.ndarray, tokenizer: Tokenizer, unused: list[int], rng: np.random.Generator, most: int) -> np.ndarray:
    """The same caption with 1 to `most` words that mean nothing: what a stranger's prompt looks like."""
    body = list(ids[: int((ids == tokenizer.end).argmax())])
    for _ in range(rng.integers(1, most + 1)):
        body.insert(int(rng.integers(1, len(body) + 1)), int(rng.choice(unused)))
    body = body[: TEXT["positions"] - 1]
    return np.array(body + [tokenizer.end] * (TEXT["positions"] - len(body)), ids.dtype)


class Lesson:
    """Captions with their answers, and the two heads that are thrown away afterwards."""

    def __init__(self, tokenizer: Tokenizer, unused: list[int], first: int, count: int):
        self.tokenizer, self.unused = tokenizer, unused
        self.ids = np.zeros((count, TEXT["positions"]), np.int16)
        self.choices = np.zeros((count, len(CHOICES)), np.int64)
        self.objects = np.zeros((count, len(scenes.KINDS)), np.float32)
        for i in range(count):
            rng = random.Random(first + i)
            s = scenes.sample(rng)
            self.ids[i] = tokenizer.encode(caption(s, rng))
            self.choices[i] = [names.index(getattr(s, field)) for field, names in CHOICES.items()]
            self.objects[i] = [kind in s.objects for kind in scenes.KINDS]

    def loss(self, answers: torch.Tensor, which: np.ndarray) -> tuple[torch.Tensor, list[float]]:
        """Cross-entropy over all questions; and the share of right answers to each, objects last."""
        wanted, objects = torch.from_numpy(self.choices[which]), torch.from_numpy(self.objects[which])
        at, total, right = 0, torch.zeros(()), []
        for j, names in enumerate(CHOICES.values()):
            part = answers[:, at : at + len(names)]
            total = total + F.cross_entropy(part, wanted[:, j])
            right.append(float((part.argmax(1) == wanted[:, j]).float().mean()))
            at += len(names)
        part = answers[:, at:]
        right.append(float(((part > 0) == (objects > 0.5)).all(1).float().mean()))
        return total + 6 * F.binary_cross_entropy_with_logits(part, objects), right


def train(work: Work, group: Group, plan: Plan | None = None) -> None:
    """Ends with `text.pt`. One process is enough."""
    if group.rank:
        return
    tokenizer, unused = vocabulary.load(work)
    torch.manual_seed(0)
    model = TextModel(len(tokenizer))
    heads = nn.ModuleList([nn.Linear(TEXT["width"], ANSWERS) for _ in range(2)])
    loop = Loop("text", work, Group(), work.plan("text", plan or PLAN), {"text": model, "heads": heads})
    lesson, held_out = Lesson(tokenizer, unused, 710_000_000, CAPTIONS), Lesson(tokenizer, unused, 790_000_000, 512)
    rng = np.random.default_rng(loop.step)

    def answers(ids: np.ndarray, at: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        states = model(torch.from_numpy(ids.astype(np.int64)))
        return heads[0](states.mean(1)), heads[1](states[torch.arange(len(ids)), torch.from_numpy(at)])

    def loss_of(_step: int) -> torch.Tensor:
        which = rng.integers(0, CAPTIONS, BATCH)
        ids = lesson.ids[which].copy()
        for i in np.flatnonzero(rng.random(BATCH) < 0.25):
            ids[i] = with_unknown_words(ids[i], tokenizer, unused, rng, 3)
        at = np.maximum(rng.integers(0, TEXT["positions"], BATCH), (ids == tokenizer.end).argmax(1))
        first, second = answers(ids, at)
        return lesson.loss(first, which)[0] + lesson.loss(second, which)[0]

    @torch.no_grad()
    def report(now: Loop) -> None:
        with now.with_average():
            _, second = answers(held_out.ids, np.full(512, TEXT["positions"] - 1))
            right = held_out.loss(second, np.arange(512))[1]
        names = [*CHOICES, "objects"]
        work.log("text", "right answers: " + ", ".join(f"{n} {r:.2f}" for n, r in zip(names, right)))

    loop.run(loss_of, report)
    work.save("text.pt", loop.averaged()["text"])
