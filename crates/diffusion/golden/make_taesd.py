"""Golden data of the tiny decoder: `python make_taesd.py` with diffusers 0.42.1 and torch 2.15.0. Random weights, narrow; ours."""

from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from safetensors.torch import save_file

out = Path(__file__).parent / "taesd"
out.mkdir(exist_ok=True)
torch.manual_seed(3)
model = AutoencoderTiny(encoder_block_out_channels=(4, 4, 4, 4), decoder_block_out_channels=(6, 6, 6, 6)).eval()
state = {k: v.half() for k, v in model.state_dict().items() if k.startswith("decoder.")}
model.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
save_file(state, out / "decoder.safetensors")
# The original program counts its clamp as layer 0.
shifted = {}
for key, value in state.items():
    number, rest = key.removeprefix("decoder.layers.").split(".", 1)
    shifted[f"{int(number) + 1}.{rest}"] = value
save_file(shifted, out / "original.safetensors")
latents = 2 * torch.randn(2, 4, 3, 5)
with torch.no_grad():
    picture = model.decode(latents).sample
save_file({"latents": latents, "picture": picture}, out / "expected.safetensors")
(out / "cases.json").write_text('[\n{"kind": "decode", "name": "tiny", "latents": "latents", "picture": "picture"}\n]\n')
