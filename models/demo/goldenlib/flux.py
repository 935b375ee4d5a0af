"""Flux.1 in tiny: T5 and CLIP, both kinds of blocks, guidance embedding (dev) and none (schnell), pipeline, adapters."""

from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from transformers import T5Config, T5EncoderModel

from .. import names
from . import check, tokens
from .common import Folder, config_of, lora_pair, normal, randomise, table
from .sd import PROMPT, tiny_clip, tiny_vae

POSITIONS = 24


def _transformer(guidance: bool, double: int, single: int) -> FluxTransformer2DModel:
    return FluxTransformer2DModel(patch_size=1, in_channels=16, num_layers=double, num_single_layers=single, attention_head_dim=16, num_attention_heads=2,
                                  joint_attention_dim=24, pooled_projection_dim=16, guidance_embeds=guidance, axes_dims_rope=(4, 6, 6))


class Flux:
    """The parts and the files that hold them. Latents have 4 channels here (16 in the real model): 16 after packing 2 x 2."""

    def __init__(self, path: Path):
        self.folder = Folder(path)
        ours = tokens.clip()
        ours.write(path.parent / "tokens" / "clip")
        self.tokenizer, self.tokenizer_2 = tokens.clip_for_pipelines(path.parent / "tokens" / "clip"), tokens.t5()
        self.text = randomise(tiny_clip(len(ours), width=16), 401)
        self.text_2 = randomise(T5EncoderModel(T5Config(vocab_size=len(self.tokenizer_2), d_model=24, d_kv=8, d_ff=48, num_layers=3, num_heads=3,
                                                        feed_forward_proj="gated-gelu", dropout_rate=0.0, relative_attention_num_buckets=32)), 402)
        self.dev, self.schnell = randomise(_transformer(True, 2, 1), 403), randomise(_transformer(False, 1, 1), 404)
        self.vae = randomise(tiny_vae(4, quant=False, scaling_factor=0.3611, shift_factor=0.1159), 405)

    def files(self) -> None:
        for name, model in (("dev", self.dev), ("schnell", self.schnell)):
            state = names.flux_to_original(model.state_dict(), "")
            check.flux(state, model)
            self.folder.weights(f"{name}.safetensors", state)
        vae = names.vae_to_original(self.vae.state_dict(), "")
        check.vae({f"first_stage_model.{k}": v for k, v in vae.items()}, self.vae)
        self.folder.weights("ae.safetensors", vae)
        self.folder.weights("clip_l.safetensors", names.clip_folder_names(self.text.state_dict()))
        t5 = {k: v for k, v in self.text_2.state_dict().items() if k != "encoder.embed_tokens.weight"}
        self.folder.weights("t5.safetensors", t5)
        self.folder.weights("diffusers/transformer/diffusion_pytorch_model.safetensors", self.dev.state_dict())
        self.folder.json("diffusers/transformer/config.json", config_of(self.dev))
        self.folder.json("diffusers/vae/config.json", config_of(self.vae))
        self.folder.json("diffusers/text_encoder/config.json", self.text.config.to_dict())
        self.folder.json("diffusers/text_encoder_2/config.json", self.text_2.config.to_dict())

    def pipeline(self, transformer, scheduler) -> FluxPipeline:
        pipe = FluxPipeline(scheduler=scheduler, vae=self.vae, text_encoder=self.text, tokenizer=self.tokenizer, text_encoder_2=self.text_2,
                            tokenizer_2=self.tokenizer_2, transformer=transformer)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def texts(self, tag: str = "") -> None:
        f = self.folder
        ids = torch.tensor([self.tokenizer(PROMPT, padding="max_length", max_length=77, truncation=True).input_ids])
        ids_2 = torch.tensor([self.tokenizer_2(PROMPT, padding="max_length", max_length=POSITIONS, truncation=True).input_ids])
        f.case("text", "prompt" + tag, prompt=PROMPT, ids=ids[0].tolist(), ids_2=ids_2[0].tolist(), note="T5 runs over the padding too, without a mask",
               pooled=f.put(f"text{tag}.pooled", self.text(ids).pooler_output), t5=f.put(f"text{tag}.t5", self.text_2(ids_2).last_hidden_state))

    def blocks(self, name: str, model, tag: str = "") -> None:
        """The transformer on 4 x 6 packed positions."""
        f = self.folder
        if "transformer.tokens" not in f.tensors:
            places = torch.zeros(4, 6, 3)
            places[..., 1], places[..., 2] = torch.arange(4)[:, None], torch.arange(6)[None]
            for key, value in (("tokens", normal(411, 1, 24, 16)), ("text", normal(412, 1, POSITIONS, 24)), ("pooled", normal(413, 1, 16)), ("img_ids", places.reshape(24, 3))):
                f.put(f"transformer.{key}", value)
        for t in (1.0, 0.35):
            guidance = torch.tensor([3.5]) if model.config.guidance_embeds else None
            out = model(hidden_states=f.tensors["transformer.tokens"], encoder_hidden_states=f.tensors["transformer.text"], pooled_projections=f.tensors["transformer.pooled"],
                        timestep=torch.tensor([t]), img_ids=f.tensors["transformer.img_ids"], txt_ids=torch.zeros(POSITIONS, 3), guidance=guidance).sample
            f.case("transformer", f"{name}.t{t}{tag}", model=name, timestep=t, guidance=3.5 if guidance is not None else None, tokens="transformer.tokens",
                   text="transformer.text", pooled="transformer.pooled", img_ids="transformer.img_ids", out=f.put(f"transformer.{name}.t{t}{tag}.out", out),
                   note="timestep is sigma (0 to 1); the model multiplies it, and the guidance, by 1000")

    def picture(self, name: str, model: str, scheduler, **more) -> None:
        """Latents unpacked, [1, 4, h, w], before the shift and scale of the autoencoder."""
        f = self.folder
        pipe = self.pipeline(getattr(self, model), scheduler)
        if "noise" not in f.tensors:
            f.put("noise", normal(421, 1, 4, 8, 12))
        packed = pipe._pack_latents(f.tensors["noise"], 1, 4, 8, 12)
        out = pipe(PROMPT, num_inference_steps=4, guidance_scale=3.5, latents=packed, output_type="latent", height=64, width=96, max_sequence_length=POSITIONS, **more).images
        out = pipe._unpack_latents(out, 64, 96, 8)
        f.case("picture", name, model=model, scheduler=type(scheduler).__name__, settings={k: v for k, v in scheduler.config.items() if not k.startswith("_")},
               prompt=PROMPT, steps=4, guidance=3.5, noise="noise", image_tokens=24, **more, **table(pipe.scheduler), latents=f.put(f"picture.{name}.latents", out))

    def adapters(self) -> None:
        """A kohya adapter with the original (fused) module names."""
        f, tensors = self.folder, {}
        state = names.flux_to_original(self.dev.state_dict(), "")
        wanted = [k for k in sorted(state) if k.endswith(".weight") and k.startswith(("double_blocks", "single_blocks")) and ".norm." not in k]
        for i, key in enumerate(wanted):
            name = "lora_unet_" + key.removesuffix(".weight").replace(".", "_")
            tensors |= {f"{name}.{leaf}": v for leaf, v in lora_pair(4500 + i, state[key], 4, 2.0, 0.4).items()}
        f.weights("adapters/blocks.safetensors", tensors, {"ss_network_module": "networks.lora_flux", "ss_base_model_version": "flux1"})
        dynamic = _dynamic()
        pipe = self.pipeline(self.dev, dynamic)
        with check.narrow_flux(32):
            pipe.load_lora_weights({k: v.clone() for k, v in tensors.items()}, adapter_name="blocks")
        pipe.set_adapters(["blocks"], [0.9])
        f.case("adapters", "blocks", weights={"blocks": 0.9})
        self.blocks("dev", self.dev, "+blocks")
        base = {k.replace(".base_layer", ""): v for k, v in self.dev.state_dict().items() if ".lora_" not in k}
        merged = names.flux_to_original(base, "")
        for key in wanted:
            name = "lora_unet_" + key.removesuffix(".weight").replace(".", "_")
            merged[key] = merged[key] + 0.9 * 2.0 / 4 * tensors[f"{name}.lora_up.weight"] @ tensors[f"{name}.lora_down.weight"]
        plain = check.flux_from_original(merged, _transformer(True, 2, 1))
        t = f.tensors
        got = plain(hidden_states=t["transformer.tokens"], encoder_hidden_states=t["transformer.text"], pooled_projections=t["transformer.pooled"], timestep=torch.tensor([0.35]),
                    img_ids=t["transformer.img_ids"], txt_ids=torch.zeros(POSITIONS, 3), guidance=torch.tensor([3.5])).sample
        check.close(got, t["transformer.dev.t0.35+blocks.out"])
        self.picture("dev+blocks", "dev", dynamic)
        pipe.unload_lora_weights()


def _dynamic() -> FlowMatchEulerDiscreteScheduler:
    return FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15, base_image_seq_len=256, max_image_seq_len=4096)


@torch.no_grad()
def make(path: Path) -> None:
    """`flux/`."""
    model = Flux(path)
    model.files()
    model.texts()
    model.blocks("dev", model.dev)
    model.blocks("schnell", model.schnell)
    latents = normal(431, 1, 4, 4, 6)
    f = model.folder
    f.case("vae", "decode", latents=f.put("vae.latents", latents), picture=f.put("vae.decoded", model.vae.decode(latents).sample), note="latents already scaled and shifted")
    picture = normal(432, 1, 3, 32, 48).clamp(-1, 1)
    f.case("vae", "encode", picture=f.put("vae.picture", picture), mean=f.put("vae.mean", model.vae.encode(picture).latent_dist.mean))
    model.picture("dev", "dev", _dynamic())
    model.picture("schnell", "schnell", FlowMatchEulerDiscreteScheduler(shift=1.0))
    model.adapters()
    model.folder.write()
