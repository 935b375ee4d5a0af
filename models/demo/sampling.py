"""From a prompt to a picture: deterministic DDIM on a v-predicting UNet, as the engine will do it."""

import torch
from PIL import Image

from .networks import LATENT, alphas
from .pictures import to_pictures

STEPS, GUIDANCE = 20, 4.0


@torch.no_grad()
def sample(unet, text, tokenizer, prompts: list[str], seed: int = 0, steps: int = STEPS, guidance: float = GUIDANCE, negative: str = "") -> torch.Tensor:
    """Latents of unit variance, [n, 4, 16, 16]. Picture i starts from the noise of seed + i; timesteps are trailing (999 first)."""
    n = len(prompts)
    x = torch.cat([torch.randn(1, 4, LATENT, LATENT, generator=torch.Generator().manual_seed(seed + i)) for i in range(n)])
    context = torch.cat([text(torch.tensor([tokenizer.encode(negative)])).expand(n, -1, -1), text(torch.tensor([tokenizer.encode(p) for p in prompts]))])
    bars = alphas()
    times = [round(1000 - k * 1000 / steps) - 1 for k in range(steps)]
    for i, t in enumerate(times):
        a, b = bars[t], bars[times[i + 1]] if i + 1 < steps else torch.tensor(1.0)
        empty, full = unet(torch.cat([x, x]), torch.full((2 * n,), t), context, return_dict=False)[0].chunk(2)
        v = empty + guidance * (full - empty)
        clean, noise = a.sqrt() * x - (1 - a).sqrt() * v, a.sqrt() * v + (1 - a).sqrt() * x
        x = b.sqrt() * clean + (1 - b).sqrt() * noise
    return x


@torch.no_grad()
def decode(vae, latents: torch.Tensor, factor: float) -> list[Image.Image]:
    """Pictures of unit-variance latents."""
    return [p for part in latents.split(8) for p in to_pictures(vae.decode(part / factor).sample)]
