"""Pictures to tensors and back."""

import numpy as np
import torch
from PIL import Image


def to_tensor(pictures: np.ndarray) -> torch.Tensor:
    """u8 [n, h, w, 3] to f32 [n, 3, h, w] in -1 to 1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pictures(x: torch.Tensor) -> list[Image.Image]:
    """f32 [n, 3, h, w] in -1 to 1 to pictures; rounded, as diffusers does."""
    a = ((x.detach().clamp(-1, 1) + 1) * 127.5).round().permute(0, 2, 3, 1).to(torch.uint8).numpy()
    return [Image.fromarray(one) for one in a]
