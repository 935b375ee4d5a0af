"""Base models as small as each library permits, with the widths that identify a family kept real."""

import torch
from diffusers import FluxTransformer2DModel, SD3Transformer2DModel, UNet2DConditionModel, WanTransformer3DModel
from transformers import CLIPTextConfig, CLIPTextModel


def unet_sd1() -> UNet2DConditionModel:
    """Four levels like SD 1.x; cross attention reads the real 768."""
    return UNet2DConditionModel(
        sample_size=8, block_out_channels=(16, 16, 24, 24), layers_per_block=2, cross_attention_dim=768, attention_head_dim=4, norm_num_groups=4,
    )


def unet_sdxl() -> UNet2DConditionModel:
    """Three levels like SDXL (transformer depth 1, 2, 3 in place of 0, 2, 10); cross attention reads the real 2048."""
    return UNet2DConditionModel(
        sample_size=8, block_out_channels=(16, 16, 24), layers_per_block=2, cross_attention_dim=2048, attention_head_dim=(2, 4, 6), norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 3), use_linear_projection=True,
        addition_embed_type="text_time", addition_time_embed_dim=4, projection_class_embeddings_input_dim=64,
    )


def flux() -> FluxTransformer2DModel:
    """Real widths, one block of each stream, no memory: parameters on the meta device."""
    with torch.device("meta"):
        return FluxTransformer2DModel(num_layers=1, num_single_layers=1, num_attention_heads=24, attention_head_dim=128)


def sd3() -> SD3Transformer2DModel:
    with torch.device("meta"):
        return SD3Transformer2DModel(
            num_layers=2, num_attention_heads=24, attention_head_dim=64, joint_attention_dim=4096, caption_projection_dim=1536,
            pooled_projection_dim=2048, dual_attention_layers=(0,), sample_size=32, pos_embed_max_size=32,
        )


def wan() -> WanTransformer3DModel:
    with torch.device("meta"):
        return WanTransformer3DModel(num_layers=2, num_attention_heads=12, attention_head_dim=128, ffn_dim=8960)


def clip(width: int) -> CLIPTextModel:
    """One layer of a text encoder at the real width."""
    return CLIPTextModel(CLIPTextConfig(
        hidden_size=width, intermediate_size=64, num_hidden_layers=1, num_attention_heads=width // 64, vocab_size=64, max_position_embeddings=8,
        bos_token_id=0, eos_token_id=1, pad_token_id=1,
    ))
