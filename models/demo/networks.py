"""The three networks: Stable Diffusion 1.x in shape and names, very small in width."""

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

PICTURE, LATENT = 128, 16
TEXT = {"width": 64, "layers": 3, "heads": 4, "positions": 77}
VAE_CONFIG = {
    "in_channels": 3, "out_channels": 3, "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [16, 32, 64, 64], "layers_per_block": 2, "latent_channels": 4, "norm_num_groups": 2, "sample_size": PICTURE,
}
UNET_CONFIG = {
    "sample_size": LATENT, "in_channels": 4, "out_channels": 4,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"], "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    "block_out_channels": [48, 64, 72, 72], "layers_per_block": 2, "cross_attention_dim": TEXT["width"], "attention_head_dim": 2,
    "norm_num_groups": 8,
}


def vae() -> AutoencoderKL:
    """Pictures of 128 x 128 to latents of 4 x 16 x 16 and back."""
    return AutoencoderKL(**VAE_CONFIG).to(memory_format=torch.channels_last)


def unet() -> UNet2DConditionModel:
    """Predicts v at one of 1000 timesteps. `attention_head_dim` is the number of heads, as in Stable Diffusion 1.x."""
    return UNet2DConditionModel(**UNET_CONFIG).to(memory_format=torch.channels_last)


def alphas() -> torch.Tensor:
    """Cumulative products of 1 - beta of the "scaled linear" schedule, [1000]."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0).float()
