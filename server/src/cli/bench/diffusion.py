"""The same networks in diffusers: arguments CHECKPOINT SIZE STEPS ROUNDS, the last line printed is JSON (seconds, peak in bytes)."""

import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel

path, size, steps, rounds = Path(sys.argv[1]), *map(int, sys.argv[2:5])
torch.set_num_threads(os.cpu_count())
torch.set_grad_enabled(False)


def load():
    if path.is_dir():
        read = lambda kind, part: kind.from_pretrained(path / part, torch_dtype=torch.float32).eval()
        return read(CLIPTextModel, "text_encoder"), read(UNet2DConditionModel, "unet"), read(AutoencoderKL, "vae")
    pipe = StableDiffusionPipeline.from_single_file(str(path), config=str(path.with_suffix("")), torch_dtype=torch.float32, safety_checker=None)
    return pipe.text_encoder.eval(), pipe.unet.eval(), pipe.vae.eval()


def median(work, count=rounds):
    work()
    times = []
    for _ in range(count):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


load_time = median(load, 1)
text, unet, vae = load()
words = text.config.vocab_size
ids = torch.tensor([[words - 2, *range(5, 13), *[words - 1] * 68]])
prompt = text(ids).last_hidden_state
side = size // (2 ** (len(vae.config.block_out_channels) - 1))
x = torch.randn(1, 4, side, side)
scheduler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                                   prediction_type="epsilon")
pipe = StableDiffusionPipeline(vae=vae, text_encoder=text, tokenizer=None, unet=unet, scheduler=scheduler, safety_checker=None,
                               feature_extractor=None, requires_safety_checker=False)
pipe.set_progress_bar_config(disable=True)
picture = lambda: pipe(prompt_embeds=prompt, negative_prompt_embeds=prompt, num_inference_steps=steps, guidance_scale=7.0,
                       height=size, width=size, output_type="np")
print(json.dumps({
    "load": load_time,
    "text": median(lambda: text(ids)),
    "step": median(lambda: unet(x, 500, prompt)),
    "pair": median(lambda: unet(x.repeat(2, 1, 1, 1), 500, prompt.repeat(2, 1, 1))),
    "decode": median(lambda: vae.decode(x)),
    "picture": median(picture, min(rounds, 3)) if steps else 0.0,
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
}))
