"""Stage "export": the files that Weft ships, and the proof that they read back: `python -m models.demo.export --work DIR --out models/demo/release`.

The checkpoint is one safetensors file in f16 with the original names of Stable Diffusion 1.x. Its configs and tokenizer lie beside it as
a diffusers folder has them, and in its metadata too, so that the file alone is enough.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch

from . import names
from . import unet as base
from .adapters import ADAPTERS
from .contact import contact_sheet
from .files import write_safetensors
from .networks import TEXT, UNET_CONFIG, VAE_CONFIG
from .parallel import quiet_threads
from .sampling import GUIDANCE, STEPS, decode, sample
from .vae import load_vae
from .work import Work

NAME, LIMIT = "weft-demo", 12_000_000


def configs(tokenizer, factor: float) -> dict[str, dict]:
    """Every part's config, by its folder."""
    size = len(tokenizer)
    return {
        "unet": {"_class_name": "UNet2DConditionModel", **UNET_CONFIG},
        "vae": {"_class_name": "AutoencoderKL", **VAE_CONFIG, "scaling_factor": factor},
        "text_encoder": {
            "architectures": ["CLIPTextModel"], "model_type": "clip_text_model", "vocab_size": size, "hidden_size": TEXT["width"], "intermediate_size": 4 * TEXT["width"],
            "num_hidden_layers": TEXT["layers"], "num_attention_heads": TEXT["heads"], "max_position_embeddings": TEXT["positions"], "hidden_act": "quick_gelu",
            "layer_norm_eps": 1e-5, "projection_dim": TEXT["width"], "bos_token_id": tokenizer.start, "eos_token_id": tokenizer.end, "pad_token_id": tokenizer.end},
        "scheduler": {
            "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000,
            "prediction_type": "v_prediction", "timestep_spacing": "trailing", "clip_sample": False, "set_alpha_to_one": True, "steps_offset": 0},
    }


def rounded(model: torch.nn.Module) -> torch.nn.Module:
    """The model with the weights that f16 keeps."""
    model.load_state_dict({k: v.half().float() for k, v in model.state_dict().items()})
    return model.eval()


def single_file(unet, vae, text) -> dict[str, torch.Tensor]:
    """All three networks under the original names, f16."""
    state = names.unet_to_original(unet.state_dict()) | names.vae_to_original(vae.state_dict()) | names.clip_to_original(text.state_dict())
    return {k: v.half().contiguous() for k, v in state.items()}


def write_checkpoint(out: Path, unet, vae, text, tokenizer, factor: float) -> None:
    """`weft-demo.safetensors` and `weft-demo/` with configs and tokenizer."""
    parts = configs(tokenizer, factor)
    metadata = {
        "format": "pt", "modelspec.sai_model_spec": "1.0.0", "modelspec.architecture": "stable-diffusion-v1", "modelspec.implementation": "diffusers",
        "modelspec.title": "Weft demonstration model", "modelspec.author": "The Weft project", "modelspec.license": "MIT OR Apache-2.0",
        "modelspec.description": f"A very small text-to-image model of drawn landscapes, 128 x 128 pixels. {STEPS} steps, guidance {GUIDANCE}.",
        "weft.example": base.PROMPTS[1], "weft.cfg": f"{GUIDANCE:g}",
        "modelspec.prediction_type": "v", "modelspec.resolution": "128x128",
        "weft.config": json.dumps(parts, separators=(",", ":")), "weft.tokenizer": json.dumps({"merges": [" ".join(m) for m in tokenizer.merges]}, ensure_ascii=False),
    }
    path = out / f"{NAME}.safetensors"
    write_safetensors(path, single_file(unet, vae, text), metadata)
    assert path.stat().st_size < LIMIT, f"{path} has {path.stat().st_size} bytes, more than {LIMIT}"
    for part, config in parts.items():
        target = out / NAME / part / ("scheduler_config.json" if part == "scheduler" else "config.json")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(config, indent=2) + "\n")
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
             "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"], "scheduler": ["diffusers", "DDIMScheduler"],
             "safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}
    (out / NAME / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    tokenizer.write(out / NAME / "tokenizer")


def pipeline(out: Path):
    """diffusers' own pipeline over nothing but the exported files."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from diffusers.loaders import single_file_utils as theirs
    from safetensors.torch import load_file
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    def config(part: str) -> dict:
        return json.loads((out / NAME / part / ("scheduler_config.json" if part == "scheduler" else "config.json")).read_text())

    state = {k: v.float() for k, v in load_file(out / f"{NAME}.safetensors").items()}
    unet, vae = UNet2DConditionModel.from_config(config("unet")), AutoencoderKL.from_config(config("vae"))
    unet.load_state_dict(theirs.convert_ldm_unet_checkpoint(dict(state), dict(unet.config)))
    vae.load_state_dict(theirs.convert_ldm_vae_checkpoint(dict(state), dict(vae.config)))
    text = CLIPTextModel(CLIPTextConfig(**{k: v for k, v in config("text_encoder").items() if k not in ("architectures", "model_type")}))
    prefix = "cond_stage_model.transformer.text_model."
    text.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    folder = out / NAME / "tokenizer"
    tokenizer = CLIPTokenizer(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=TEXT["positions"])
    pipe = StableDiffusionPipeline(vae=vae.eval(), text_encoder=text.eval(), tokenizer=tokenizer, unet=unet.eval(), scheduler=DDIMScheduler.from_config(config("scheduler")),
                                   safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def read_back(out: Path, unet, vae, text, tokenizer, factor: float) -> float:
    """The largest difference between our sampler's latents and those of diffusers' pipeline over the exported files."""
    prompts = list(base.PROMPTS[:2])
    ours = sample(unet, text, tokenizer, prompts, seed=1)
    noise = torch.cat([torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1 + i)) for i in range(2)])
    pipe = pipeline(out)
    latents = pipe(prompts, negative_prompt=[""] * 2, latents=noise, num_inference_steps=STEPS, guidance_scale=GUIDANCE, output_type="latent", height=128, width=128).images
    worst = float((latents - ours).abs().max())
    decoded = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample
    worst_picture = float((decoded - vae.decode(ours / factor).sample).abs().max())
    assert worst < 2e-3 and worst_picture < 1e-2, (worst, worst_picture)
    return worst


def write_expected(out: Path) -> None:
    """`expected.safetensors` and `.json`: what diffusers makes of the exported files alone, also with two adapters by `load_lora_weights`."""
    pipe, tensors, cases = pipeline(out), {}, []
    found = {a.name: out / "adapters" / f"{a.name}.safetensors" for a in ADAPTERS}
    found = {name: path for name, path in found.items() if path.exists()}
    wanted = [("plain", base.PROMPTS[0], 1, {})]
    chosen = [name for name in ("neon-style", "zibby-fox") if name in found]
    if len(chosen) == 2:
        wanted += [("neon", f"neon style, {base.PROMPTS[2]}", 3, {"neon-style": 1.0}), ("both", f"neon style, zibby fox near {base.PROMPTS[7][2:]}", 5, {"neon-style": 0.6, "zibby-fox": 0.9})]
        for name in chosen:
            pipe.load_lora_weights(str(found[name]), adapter_name=name.replace("-", "_"))
    for tag, prompt, seed, adapters in wanted:
        if chosen:
            pipe.set_adapters([n.replace("-", "_") for n in adapters], list(adapters.values())) if adapters else pipe.disable_lora()
            if adapters:
                pipe.enable_lora()
        noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(seed))
        latents = pipe(prompt, negative_prompt="", latents=noise, num_inference_steps=STEPS, guidance_scale=GUIDANCE, output_type="latent", height=128, width=128).images
        picture = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample.clamp(-1, 1)
        tensors |= {f"{tag}.noise": noise, f"{tag}.latents": latents, f"{tag}.picture": picture.half()}
        cases.append({"name": tag, "prompt": prompt, "negative": "", "seed": seed, "steps": STEPS, "guidance": GUIDANCE, "adapters": adapters,
                      "ids": pipe.tokenizer(prompt, padding="max_length", max_length=TEXT["positions"], truncation=True).input_ids})
    write_safetensors(out / "expected.safetensors", tensors, {"format": "pt"})
    (out / "expected.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")


@torch.no_grad()
def export(work: Work, out: Path) -> None:
    """Writes and checks everything; `out` may exist."""
    unet, text, tokenizer = base.load(work)
    vae, factor = load_vae(work)
    unet, vae, text = rounded(unet), rounded(vae), rounded(text)
    write_checkpoint(out, unet, vae, text, tokenizer, factor)
    worst = read_back(out, unet, vae, text, tokenizer, factor)
    work.log("export", f"read back by diffusers, latents differ by {worst:.1e}")
    prompts = list(base.PROMPTS[:20])
    contact_sheet(decode(vae, sample(unet, text, tokenizer, prompts, seed=1), factor), prompts, out / "samples.png", 5)
    for adapter in ADAPTERS:
        made = work.path(f"adapters/{adapter.name}.safetensors")
        if made.exists():
            target = out / "adapters" / made.name
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(made, target)
            shutil.copyfile(made.with_suffix(".png"), target.with_suffix(".png"))
            assert target.stat().st_size < 1_000_000, target
    if work.has("adapters.json"):
        shutil.copyfile(work.path("adapters.json"), out / "adapters" / "adapters.json")
    write_expected(out)
    total = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    work.log("export", f"{total / 1e6:.2f} MB in {out}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True)
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    quiet_threads()
    export(Work(options.work), options.out)


if __name__ == "__main__":
    main()
