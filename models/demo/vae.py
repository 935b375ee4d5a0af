"""Stage "vae": the autoencoder, then stage "decoder": its decoder alone, while the encoder stays as the UNet knows it."""

import numpy as np
import torch

from . import networks
from .contact import contact_sheet
from .draw.paint import picture
from .draw.styles import STYLES
from .draw.subjects import SUBJECTS
from .loop import Loop, Plan
from .parallel import Group
from .pictures import to_pictures, to_tensor
from .work import Work

POOL = 2000
VAE_PLAN = Plan(steps=7000, rate=2e-3, decay=0.45)
DECODER_PLAN = Plan(steps=4000, rate=1e-3, decay=0.7)
WARM_STEPS = 250
KL_WEIGHT = 2e-4


def training_picture(seed: int):
    """A picture for the autoencoder: one in five is styled, one in twelve shows a subject (the decoder must be able to draw them)."""
    pick = seed * 2654435761 % 60
    if pick < 12:
        return picture(seed, style=list(STYLES)[pick % 6])[0]
    if pick < 17:
        return picture(seed, subject=list(SUBJECTS)[pick % 2])[0]
    return picture(seed)[0]


class Pool:
    """Pictures in memory; every step replaces one by a new one, so that none is seen often."""

    def __init__(self, group: Group, step: int):
        self.next = 50_000_000 + group.rank * 20_000_000 + step
        self.rng = np.random.default_rng((group.rank, step))
        self.data = np.stack([np.asarray(training_picture(self.next + i)) for i in range(POOL)])
        self.next += POOL

    def crops(self, count: int, size: int) -> torch.Tensor:
        """[count, 3, size, size]; crops lie on the latent grid, as the mosaic does."""
        self.data[self.rng.integers(POOL)] = np.asarray(training_picture(self.next))
        self.next += 1
        at = 8 * self.rng.integers(0, (networks.PICTURE - size) // 8 + 1, (count, 2))
        which = self.rng.integers(0, POOL, count)
        return to_tensor(np.stack([self.data[i, y : y + size, x : x + size] for i, (y, x) in zip(which, at)]))


def principal_patches(pool: Pool) -> dict[str, torch.Tensor]:
    """The four strongest directions of 8 x 8 patches, whitened: the latents' first guess."""
    a = pool.data[:600].astype(np.float32) / 127.5 - 1
    n = networks.PICTURE // 8
    patches = a.reshape(-1, n, 8, n, 8, 3).transpose(0, 1, 3, 5, 2, 4).reshape(-1, 192)[::3]
    mean = patches.mean(0)
    values, vectors = np.linalg.eigh(np.cov((patches - mean).T))
    basis = vectors[:, ::-1][:, :4] / np.sqrt(values[::-1][:4])
    return {"mean": torch.from_numpy(mean), "basis": torch.from_numpy(np.ascontiguousarray(basis, np.float32))}


def project(x: torch.Tensor, patches: dict[str, torch.Tensor]) -> torch.Tensor:
    """[b, 3, h, w] to [b, 4, h/8, w/8] in the principal directions."""
    b, _, h, w = x.shape
    rows = x.reshape(b, 3, h // 8, 8, w // 8, 8).permute(0, 2, 4, 1, 3, 5).reshape(b, h // 8, w // 8, 192)
    return ((rows - patches["mean"]) @ patches["basis"]).permute(0, 3, 1, 2).contiguous()


def picture_loss(made: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Absolute error, half the squared error, and the absolute error of the differences between neighbours."""
    error = made - wanted
    return (error.abs().mean() + 0.5 * error.square().mean() + (error[:, :, 1:] - error[:, :, :-1]).abs().mean()
            + (error[..., 1:] - error[..., :-1]).abs().mean())


class Trainer:
    """Loss and report of both stages."""

    def __init__(self, work: Work, group: Group, model, decoder_only: bool, plan: Plan):
        self.model, self.decoder_only, self.work, self.plan = model, decoder_only, work, plan
        self.plain = to_tensor(np.stack([np.asarray(picture(900_000_000 + i)[0]) for i in range(48)]))
        names = list(STYLES)
        self.styled = to_tensor(np.stack([np.asarray(picture(901_000_000 + i, style=names[i % 6])[0]) for i in range(18)]
                                         + [np.asarray(picture(902_000_000 + i, subject=list(SUBJECTS)[i % 2])[0]) for i in range(6)]))

    def start(self, loop: Loop, group: Group) -> None:
        self.pool = Pool(group, loop.step)
        torch.manual_seed(1000 * group.rank + loop.step)
        if "patches" not in loop.extra:
            loop.extra["patches"] = principal_patches(self.pool if group.rank == 0 and loop.step == 0 else _first_pool(group))
        self.patches = loop.extra["patches"]

    def loss(self, step: int) -> torch.Tensor:
        full = self.decoder_only or step > self.plan.steps * 0.82
        x = self.pool.crops(2 if full else 6, networks.PICTURE if full else 64).contiguous(memory_format=torch.channels_last)
        if self.decoder_only:
            with torch.no_grad():
                latents = self.model.encode(x).latent_dist.sample()
            return picture_loss(self.model.decode(latents).sample, x)
        code = self.model.encode(x).latent_dist
        first = project(x, self.patches)
        latents = first + 0.1 * torch.randn_like(first) if step < WARM_STEPS else code.sample()
        kl = 0.5 * (code.mean.square() + code.var - 1 - code.logvar).mean()
        pull = 0.3 * min(1.0, max(0.0, 1 - (step - WARM_STEPS) / (0.2 * self.plan.steps)))
        return picture_loss(self.model.decode(latents).sample, x) + KL_WEIGHT * kl + pull * (code.mean - first).square().mean()

    @torch.no_grad()
    def report(self, loop: Loop) -> None:
        """Peak signal to noise ratio on held-out pictures, plain and styled, and a sheet of pairs."""
        with loop.with_average():
            self.model.eval()
            parts, sheet = [], []
            for x, shown in ((self.plain, 24), (self.styled, 24)):
                mean = torch.cat([self.model.encode(part).latent_dist.mean for part in x.split(12)])
                made = torch.cat([self.model.decode(part).sample for part in mean.split(12)]).clamp(-1, 1)
                psnr = (10 * torch.log10(4 / (made - x).square().mean((1, 2, 3)))).mean()
                parts.append(f"{psnr:.2f} dB (std {mean.std():.2f})")
                sheet += [p for pair in zip(to_pictures(x[:shown]), to_pictures(made[:shown])) for p in pair]
            self.model.train()
        loop.work.log(loop.name, f"step {loop.step}: plain {parts[0]}, styled {parts[1]}")
        contact_sheet(sheet, ["picture", "decoded"] * 48, loop.work.path(f"{loop.name}.png"), 12)


def _first_pool(group: Group) -> Pool:
    """The first process's pool at the start: all processes must share one basis."""
    return Pool(Group(0, 1), 0)


def train_vae(work: Work, group: Group, plan: Plan | None = None) -> None:
    """Ends with `vae.pt`: averaged weights and the latents' scaling factor."""
    torch.manual_seed(0)
    plan = work.plan("vae", plan or VAE_PLAN)
    model = networks.vae()
    trainer = Trainer(work, group, model, False, plan)
    loop = Loop("vae", work, group, plan, {"vae": model})
    trainer.start(loop, group)
    loop.run(trainer.loss, trainer.report)
    if group.rank == 0 and not work.has("vae.pt"):
        model.load_state_dict(loop.averaged()["vae"])
        work.save("vae.pt", {"vae": model.state_dict(), "factor": scaling_factor(model)})


def train_decoder(work: Work, group: Group, plan: Plan | None = None) -> None:
    """Ends with `decoder.pt`: the autoencoder with a better decoder, the same encoder and the same factor."""
    torch.manual_seed(0)
    plan = work.plan("decoder", plan or DECODER_PLAN)
    model = networks.vae()
    first = work.load("vae.pt")
    model.load_state_dict(first["vae"])
    model.encoder.requires_grad_(False)
    model.quant_conv.requires_grad_(False)
    trainer = Trainer(work, group, model, True, plan)
    loop = Loop("decoder", work, group, plan, {"vae": model})
    trainer.start(loop, group)
    loop.run(trainer.loss, trainer.report)
    if group.rank == 0:
        work.save("decoder.pt", {"vae": loop.averaged()["vae"], "factor": first["factor"]})


@torch.no_grad()
def scaling_factor(model) -> float:
    """One over the standard deviation of the latents of 256 pictures: what makes them unit variance."""
    pictures = to_tensor(np.stack([np.asarray(picture(903_000_000 + i)[0]) for i in range(256)]))
    return float(1 / torch.cat([model.encode(part).latent_dist.mean for part in pictures.split(16)]).std())


def load_vae(work: Work):
    """The best autoencoder there is, and its scaling factor."""
    saved = work.load("decoder.pt" if work.has("decoder.pt") else "vae.pt")
    model = networks.vae()
    model.load_state_dict(saved["vae"])
    return model.eval(), saved["factor"]
