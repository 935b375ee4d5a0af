"""A model of SD 1.5's size with random weights (`--write FILE`), and PyTorch's time for its parts: `python torch_models.py [--threads 2] [--side 512]`.

diffusers 0.42.1, transformers 5.23.0, torch 2.15.0. The Rust side is `--example model_speed`.
"""

import argparse
import resource
import time

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

p = argparse.ArgumentParser()
p.add_argument("--write")
p.add_argument("--threads", type=int, default=2)
p.add_argument("--side", type=int, default=512)
p.add_argument("--runs", type=int, default=3)
o = p.parse_args()
torch.set_num_threads(o.threads)
torch.set_grad_enabled(False)
torch.manual_seed(0)

text = CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)).eval()
unet = UNet2DConditionModel(block_out_channels=(320, 640, 1280, 1280), cross_attention_dim=768, attention_head_dim=8).eval()
vae = AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, down_block_types=["DownEncoderBlock2D"] * 4,
                    up_block_types=["UpDecoderBlock2D"] * 4).eval()

if o.write:
    from pathlib import Path

    from safetensors.torch import save_file

    root = Path(o.write)
    for name, model, file in (("text_encoder", text, "model"), ("unet", unet, "diffusion_pytorch_model"), ("vae", vae, "diffusion_pytorch_model")):
        (root / name).mkdir(parents=True, exist_ok=True)
        state = {(k if name != "text_encoder" or k.startswith("text_model.") else "text_model." + k): v.half().contiguous() for k, v in model.state_dict().items()}
        save_file(state, root / name / f"{file}.safetensors")
        (root / name / "config.json").write_text(model.config.to_json_string() if name == "text_encoder" else model.to_json_string())
    raise SystemExit


def best(name: str, f) -> None:
    f()
    times = []
    for _ in range(o.runs):
        start, cpu = time.perf_counter(), time.process_time()
        f()
        times.append((time.perf_counter() - start, time.process_time() - cpu))
    wall, cpu = (1000 * min(t[i] for t in times) for i in (0, 1))
    print(f"{name:28s} best {wall:9.1f} ms, of processors {cpu:9.1f} ms", flush=True)


s = o.side // 8
ids = torch.arange(77)[None]
context = text(ids).last_hidden_state
best("text encoder, 77 tokens", lambda: text(ids))
for batch in (1, 2):
    x, c = torch.randn(batch, 4, s, s), context.repeat(batch, 1, 1)
    best(f"UNet step, batch {batch}", lambda: unet(x, 500, c))
x = torch.randn(1, 4, s, s)
best("image decoder", lambda: vae.decode(x))
print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
