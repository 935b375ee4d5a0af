"""Stage "unet": the denoiser, together with the text encoder at a quarter of its rate."""

import numpy as np
import torch

from . import networks, vocabulary
from .contact import contact_sheet
from .latents import Latents
from .loop import Loop, Plan
from .parallel import Group
from .sampling import decode, sample
from .text import TextModel, with_unknown_words
from .vae import load_vae
from .work import Work

PLAN = Plan(steps=16_000, rate=1e-3, warmup=200, decay=0.3, floor=0.04, average=0.999, report_every_s=400)
BATCH = 12
EMPTY, UNKNOWN = 0.10, 0.12  # shares of captions that are dropped, or get words that mean nothing
# Uncurated: written before the first picture was made, one for every object and for the common scenes.
PROMPTS = (
    "a sailboat on the sea at sunset", "a lighthouse on a cliff at night with a full moon", "a windmill on green hills under a blue sky",
    "a cactus in the desert at sunset", "a camel in front of pyramids at noon", "a snowman in snowy hills with falling snow",
    "a hot air balloon over mountains at dawn", "a wooden cabin in a snowy pine forest at night", "a palm tree on a tropical beach at sunset",
    "a beach umbrella on a sandy beach at noon", "a castle near mountains at dusk", "a tent in a forest under the northern lights",
    "a rainbow over green hills", "an oak tree on autumn hills", "a flock of birds over the sea at sunrise", "a pine tree near snowy mountains and a lake",
    "a city skyline at night by a river", "mountains and a lake at dawn", "a forest in the fog", "a desert with mesas under a blue sky",
    "an island in the sea with a palm tree", "a city with a road in the rain", "hills covered in flowers at noon", "snowy mountains under a green aurora",
)


class Trainer:
    """Loss, progress meter and sample sheet."""

    def __init__(self, work: Work, group: Group, unet, text):
        self.work, self.unet, self.text = work, unet, text
        self.tokenizer, self.unused = vocabulary.load(work)
        self.data, self.bars = Latents(work), networks.alphas()
        self.nothing = np.array(self.tokenizer.encode(""), np.int16)
        self.held_out = np.arange(len(self.data) - 96, len(self.data))

    def start(self, group: Group, step: int) -> None:
        self.rng = np.random.default_rng((3, group.rank, step))
        torch.manual_seed(7 + 1000 * step + group.rank)

    def noised(self, clean: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The noisy latents and the v to predict: v = sqrt(a) noise - sqrt(1 - a) clean."""
        a = self.bars[t].view(-1, 1, 1, 1)
        return a.sqrt() * clean + (1 - a).sqrt() * noise, a.sqrt() * noise - (1 - a).sqrt() * clean

    def captions(self, which: np.ndarray) -> torch.Tensor:
        ids = self.data.ids[which, self.rng.integers(0, self.data.ids.shape[1], len(which))].copy()
        for i, r in enumerate(self.rng.random(len(which))):
            if r < EMPTY:
                ids[i] = self.nothing
            elif r < EMPTY + UNKNOWN:
                ids[i] = with_unknown_words(ids[i], self.tokenizer, self.unused, self.rng, 2)
        return torch.from_numpy(ids.astype(np.int64))

    def loss(self, _step: int) -> torch.Tensor:
        """Squared error of v with min-SNR weights (gamma 5: min(snr, 5) / (snr + 1)); timesteps spread evenly over the batch."""
        which = self.rng.integers(0, len(self.data) - 96, BATCH)
        t = torch.from_numpy(((np.arange(BATCH) + self.rng.random(BATCH)) / BATCH * 1000).astype(np.int64)).clamp(0, 999)
        clean = self.data.draw(which)
        noisy, v = self.noised(clean, torch.randn_like(clean), t)
        made = self.unet(noisy.contiguous(memory_format=torch.channels_last), t, self.text(self.captions(which)), return_dict=False)[0]
        snr = (self.bars[t] / (1 - self.bars[t])).view(-1, 1, 1, 1)
        return ((made - v).square() * snr.clamp(max=5) / (snr + 1)).mean() / 0.35

    @torch.no_grad()
    def meter(self) -> dict[str, float]:
        """Held-out error of v with the right caption, with another picture's, and with none. Other minus right is what the caption is worth."""
        noise = torch.randn(96, 4, 16, 16, generator=torch.Generator().manual_seed(5))
        clean = torch.from_numpy(self.data.mean[self.held_out].astype(np.float32)) * self.data.factor
        t = torch.arange(25, 1000, 50).repeat(5)[:96]
        noisy, v = self.noised(clean, noise, t)
        ids, out = self.data.ids[self.held_out, 0].astype(np.int64), {}
        for name, captions in (("right", ids), ("other", np.roll(ids, 17, 0)), ("empty", np.tile(self.nothing.astype(np.int64), (96, 1)))):
            context = self.text(torch.from_numpy(captions))
            made = torch.cat([self.unet(x, s, c, return_dict=False)[0] for x, s, c in zip(noisy.split(16), t.split(16), context.split(16))])
            out[name] = float((made - v).square().mean())
        return out

    def report(self, loop: Loop) -> None:
        with loop.with_average():
            self.unet.eval()
            m = self.meter()
            loop.work.log("unet", f"step {loop.step}: v error right {m['right']:.4f} other {m['other']:.4f} empty {m['empty']:.4f}, "
                                  f"other - right {m['other'] - m['right']:.4f}")
            vae, factor = load_vae(self.work)
            pictures = decode(vae, sample(self.unet, self.text, self.tokenizer, list(PROMPTS), seed=1), factor)
            self.unet.train()
        contact_sheet(pictures, list(PROMPTS), loop.work.path("unet.png"))
        loop.work.save("unet.preview.pt", loop.averaged())


def train(work: Work, group: Group, plan: Plan | None = None) -> None:
    """Ends with `unet.pt`: averaged weights of UNet and text encoder."""
    torch.manual_seed(0)
    tokenizer, _ = vocabulary.load(work)
    unet, text = networks.unet(), TextModel(len(tokenizer))
    text.load_state_dict(work.load("text.pt"))
    trainer = Trainer(work, group, unet, text)
    loop = Loop("unet", work, group, work.plan("unet", plan or PLAN), {"unet": unet, "text": text}, {"text": 0.25})
    trainer.start(group, loop.step)
    loop.run(trainer.loss, trainer.report)
    if group.rank == 0:
        work.save("unet.pt", loop.averaged())


def load(work: Work, name: str = "unet.pt"):
    """UNet and text encoder, ready to sample, and the tokenizer. Falls back to the weights of the last report."""
    saved = work.load(name if work.has(name) else "unet.preview.pt")
    tokenizer, _ = vocabulary.load(work)
    unet, text = networks.unet(), TextModel(len(tokenizer))
    unet.load_state_dict(saved["unet"])
    text.load_state_dict(saved["text"])
    return unet.eval(), text.eval(), tokenizer
