"""Stable Diffusion 1.x and 2.x in tiny: every part alone, whole pipelines with every scheduler, picture to picture, adapters."""

from pathlib import Path

import torch
from diffusers import (AutoencoderKL, DDIMScheduler, EulerDiscreteScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline,
                       StableDiffusionPipeline, UNet2DConditionModel)
from transformers import CLIPTextConfig, CLIPTextModel

from .. import names
from . import check, tokens
from .common import Folder, config_of, kohya, normal, randomise, table
from .schedulers import BETAS, sd_schedulers

PROMPT, NEGATIVE = "a red house on a green hill, with a cat", "night, snow"
STEPS, GUIDANCE = 5, 3.0


def tiny_vae(latent_channels: int = 4, quant: bool = True, **settings) -> AutoencoderKL:
    """Four levels of 4 to 8 channels: a picture is eight times as large as its latents."""
    return AutoencoderKL(in_channels=3, out_channels=3, down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
                         block_out_channels=[4, 8, 8, 8], layers_per_block=2, latent_channels=latent_channels, norm_num_groups=2, sample_size=128,
                         use_quant_conv=quant, use_post_quant_conv=quant, **settings)


def tiny_clip(vocabulary: int, act: str = "quick_gelu", width: int = 16, layers: int = 3, end: int | None = None, cls=CLIPTextModel, projection: int = 16):
    """A CLIP text model; the end token has the highest id, as in CLIP."""
    return cls(CLIPTextConfig(vocab_size=vocabulary, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers, num_attention_heads=2,
                              max_position_embeddings=77, hidden_act=act, bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1 if end is None else end,
                              pad_token_id=vocabulary - 1, projection_dim=projection))


def _unet(linear: bool) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16, in_channels=4, out_channels=4, down_block_types=["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        up_block_types=["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3, block_out_channels=[4, 8, 8, 8] if linear else [8, 8, 16, 16], layers_per_block=2,
        cross_attention_dim=16, attention_head_dim=[1, 2, 2, 2] if linear else 2, norm_num_groups=2 if linear else 4, use_linear_projection=linear)


def names_of_base(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights below PEFT's wrappers, under their plain names."""
    return {k.replace(".base_layer", ""): v for k, v in model.state_dict().items() if ".lora_" not in k}


class Sd:
    """The parts of one tiny model and the files that hold them."""

    def __init__(self, path: Path, second: bool):
        self.second, self.folder = second, Folder(path)
        ours = tokens.clip()
        ours.write(path.parent / "tokens" / "clip")
        self.tokenizer = tokens.clip_for_pipelines(path.parent / "tokens" / "clip")
        self.seed = 200 if second else 100
        self.text = randomise(tiny_clip(len(ours), "gelu" if second else "quick_gelu"), self.seed + 1)
        self.unet = randomise(_unet(second), self.seed + 2)
        self.vae = randomise(tiny_vae(scaling_factor=0.18215), self.seed + 3)
        self.prediction = "v_prediction" if second else "epsilon"

    def files(self) -> None:
        """Single file with the original names, and the same model as a diffusers folder."""
        text = names.openclip_to_original(self.text.state_dict(), "cond_stage_model.model.") if self.second else names.clip_to_original(self.text.state_dict())
        unet, vae = names.unet_to_original(self.unet.state_dict()), names.vae_to_original(self.vae.state_dict())
        check.unet(unet, self.unet)
        check.vae(vae, self.vae)
        self.folder.weights("model.safetensors", unet | vae | text)
        if not self.second:
            self.folder.weights("diffusers/unet/diffusion_pytorch_model.safetensors", self.unet.state_dict())
            self.folder.weights("diffusers/vae/diffusion_pytorch_model.safetensors", self.vae.state_dict())
            self.folder.weights("diffusers/text_encoder/model.safetensors", names.clip_folder_names(self.text.state_dict()))
        self.folder.json("diffusers/unet/config.json", config_of(self.unet))
        self.folder.json("diffusers/vae/config.json", config_of(self.vae))
        self.folder.json("diffusers/text_encoder/config.json", self.text.config.to_dict())
        self.folder.json("diffusers/scheduler/scheduler_config.json", {"_class_name": "DDIMScheduler", **BETAS, "prediction_type": self.prediction,
                                                                      "steps_offset": 1, "set_alpha_to_one": False, "clip_sample": False})
        self.folder.json("diffusers/model_index.json", {"_class_name": "StableDiffusionPipeline", "scheduler": ["diffusers", "DDIMScheduler"],
                         "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
                         "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"], "safety_checker": [None, None]})

    def ids(self, text: str) -> torch.Tensor:
        return torch.tensor([self.tokenizer(text, padding="max_length", max_length=77, truncation=True).input_ids])

    def embeds(self, text: str, skip: int) -> torch.Tensor:
        """The text encoder's output, `skip` layers earlier than the last, through the final norm, [1, 77, 16]."""
        hidden = self.text(self.ids(text), output_hidden_states=True).hidden_states
        return self.text.final_layer_norm(hidden[-1 - skip])

    def parts(self, tag: str = "") -> None:
        """Text encoder (all hidden states), UNet at three timesteps, autoencoder both ways."""
        f = self.folder
        for name, prompt in (("prompt", PROMPT), ("negative", NEGATIVE), ("empty", "")):
            out = self.text(self.ids(prompt), output_hidden_states=True)
            f.case("text", name + tag, prompt=prompt, ids=self.ids(prompt)[0].tolist(), last=f.put(f"text.{name}{tag}.last", out.last_hidden_state),
                   pooled=f.put(f"text.{name}{tag}.pooled", out.pooler_output),
                   hidden=[f.put(f"text.{name}.hidden.{i}", h) for i, h in enumerate(out.hidden_states)] if name == "prompt" and not tag else [])
            if tag:
                break
        sample, context = normal(11, 2, 4, 8, 16), normal(12, 2, 77, 16)
        if "unet.sample" not in f.tensors:
            f.put("unet.sample", sample)
            f.put("unet.context", context)
        for t in (999.0, 500.5, 1.0) if not tag else (500.0,):
            f.case("unet", f"t{t}{tag}", timestep=t, sample="unet.sample", context="unet.context",
                   out=f.put(f"unet.t{t}{tag}.out", self.unet(sample, t, context).sample))
        if not tag:
            # Sizes that halve with a remainder at every level: diffusers then takes the skip's size on the way up.
            odd = f.put("unet.odd", normal(15, 2, 4, 9, 13))
            f.case("unet", "odd", timestep=300.0, sample=odd, context="unet.context", out=f.put("unet.odd.out", self.unet(f.tensors[odd], 300.0, context).sample))
        if not tag and not self.second:
            picture, latents = normal(13, 1, 3, 32, 48).clamp(-1, 1), normal(14, 1, 4, 4, 6)
            code = self.vae.encode(picture).latent_dist
            f.case("vae", "encode", picture=f.put("vae.picture", picture), mean=f.put("vae.mean", code.mean), logvar=f.put("vae.logvar", code.logvar))
            f.case("vae", "decode", latents=f.put("vae.latents", latents), picture=f.put("vae.decoded", self.vae.decode(latents).sample),
                   note="latents as the decoder takes them: already divided by the scaling factor")

    def pipeline(self, cls, scheduler):
        parts = {"vae": self.vae, "text_encoder": self.text, "tokenizer": self.tokenizer, "unet": self.unet, "scheduler": scheduler,
                 "safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        pipe = cls(**parts)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def pictures(self) -> None:
        """Whole pipelines: latents after the last step."""
        f, noise = self.folder, normal(21, 1, 4, 8, 16)
        f.put("noise", noise)
        chosen = sd_schedulers()
        if self.second:
            chosen = {k: chosen[k] for k in ("euler", "dpmpp_2m", "ddim_trailing", "unipc", "euler_a~")}
        for name, make in chosen.items():
            self.picture(name.rstrip("~"), make(self.prediction), step_noise_seed=31 if name.endswith("~") else None)
        euler = chosen["euler"]
        self.picture("euler_clip_skip_1", euler(self.prediction), skip=1)
        self.picture("euler_rescaled", euler(self.prediction), guidance_rescale=0.7)
        self.picture("euler_no_guidance", euler(self.prediction), guidance_scale=1.0)
        self.picture("euler_tall_pair", euler(self.prediction), shape=(2, 4, 24, 8), noise="noise_tall", noise_seed=22)
        self.picture("euler_odd", euler(self.prediction), shape=(1, 4, 11, 7), noise="noise_odd", noise_seed=23)
        if self.second:
            return
        decoded = self.vae.decode(f.tensors["picture.euler.latents"] / self.vae.config.scaling_factor).sample
        f.case("decoded", "euler", latents="picture.euler.latents", picture=f.put("picture.euler.decoded", decoded))

    def picture(self, name: str, scheduler, shape=None, noise: str = "noise", noise_seed: int | None = None, step_noise_seed=None, guidance_scale=GUIDANCE, skip=0, **more) -> None:
        """One text-to-image run. Step noise, where there is any, is drawn in order from a CPU generator of the given seed."""
        f = self.folder
        if noise_seed is not None:
            f.put(noise, normal(noise_seed, *shape))
        start = f.tensors[noise]
        pipe = self.pipeline(StableDiffusionPipeline, scheduler)
        generator = None if step_noise_seed is None else torch.Generator().manual_seed(step_noise_seed)
        count = start.shape[0]
        embeds = {"prompt_embeds": self.embeds(PROMPT, skip).repeat(count, 1, 1), "negative_prompt_embeds": self.embeds(NEGATIVE, skip).repeat(count, 1, 1)}
        out = pipe(**embeds, num_inference_steps=STEPS, guidance_scale=guidance_scale, latents=start.clone(), output_type="latent",
                   height=start.shape[2] * 8, width=start.shape[3] * 8, generator=generator, **more).images
        f.case("picture", name, scheduler=type(scheduler).__name__, settings={k: v for k, v in scheduler.config.items() if not k.startswith("_")} | {"trained_betas": None},
               prompt=PROMPT, negative=NEGATIVE, skip=skip, steps=STEPS, guidance=guidance_scale, noise=noise, step_noise_seed=step_noise_seed, **more, **table(pipe.scheduler),
               init_noise_sigma=float(pipe.scheduler.init_noise_sigma), latents=f.put(f"picture.{name}.latents", out))

    def from_pictures(self) -> None:
        """Picture to picture and inpainting, from latents, with given noise."""
        f = self.folder
        start = f.put("start.latents", normal(41, 1, 4, 8, 8))
        for name, scheduler in (("ddim", DDIMScheduler(**BETAS, steps_offset=1, clip_sample=False, set_alpha_to_one=False)), ("euler", EulerDiscreteScheduler(**BETAS, timestep_spacing="linspace"))):
            pipe = self.pipeline(StableDiffusionImg2ImgPipeline, scheduler)
            out = pipe(PROMPT, negative_prompt=NEGATIVE, image=f.tensors[start].clone(), strength=0.6, num_inference_steps=10, guidance_scale=GUIDANCE,
                       generator=torch.Generator().manual_seed(43), output_type="latent").images
            f.case("image_to_image", name, start=start, strength=0.6, steps=10, guidance=GUIDANCE, noise_seed=43, prompt=PROMPT, negative=NEGATIVE,
                   **table(pipe.scheduler), latents=f.put(f"image_to_image.{name}.latents", out))
        mask = torch.zeros(1, 1, 64, 64)
        mask[..., 16:40, 24:64] = 1
        picture = normal(44, 1, 3, 64, 64).clamp(-1, 1)
        pipe = self.pipeline(StableDiffusionInpaintPipeline, DDIMScheduler(**BETAS, steps_offset=1, clip_sample=False, set_alpha_to_one=False))
        noise = normal(45, 1, 4, 8, 8)
        out = pipe(PROMPT, negative_prompt=NEGATIVE, image=picture, mask_image=mask, strength=1.0, num_inference_steps=STEPS, guidance_scale=GUIDANCE, height=64, width=64,
                   latents=noise, generator=torch.Generator().manual_seed(46), output_type="latent").images
        posterior = self.vae.encode(picture).latent_dist
        f.case("inpaint", "ddim", picture=f.put("inpaint.picture", picture), mask=f.put("inpaint.mask", mask), steps=STEPS, guidance=GUIDANCE, strength=1.0,
               noise=f.put("inpaint.noise", noise), prompt=PROMPT, negative=NEGATIVE, mean=f.put("inpaint.mean", posterior.mean), logvar=f.put("inpaint.logvar", posterior.logvar),
               encode_noise_seed=46, **table(pipe.scheduler), note="the picture's latents are sampled: (mean + std * first draw of encode_noise_seed) * scaling_factor; mask 1 is painted anew",
               latents=f.put("inpaint.ddim.latents", out))

    def adapters(self) -> None:
        """Kohya adapters through `load_lora_weights`: attention, convolutions, text encoder, two at once."""
        f = self.folder
        attention = kohya(self.unet, "lora_unet_", lambda p: ".attentions." in p and "norm" not in p, 500, 4, 2.0, 0.4)
        text = kohya(self.text, "lora_te_", lambda p: ".self_attn." in p or ".mlp." in p, 700, 4, 4.0, 0.5, text=True)
        convolutions = kohya(self.unet, "lora_unet_", lambda p: p.endswith(("conv1", "conv2", "conv_shortcut", "samplers.0.conv", "to_k", "proj_in")), 900, 2, 1.0, 0.4)
        files = {"attention": attention | text, "convolutions": convolutions}
        for name, tensors in files.items():
            f.weights(f"adapters/{name}.safetensors", tensors, {"ss_network_module": "networks.lora", "ss_base_model_version": "sd_v1"})
        pipe = self.pipeline(StableDiffusionPipeline, EulerDiscreteScheduler(**BETAS, timestep_spacing="linspace"))
        for name, tensors in files.items():
            pipe.load_lora_weights({k: v.clone() for k, v in tensors.items()}, adapter_name=name)
        for tag, weights in (("attention", {"attention": 1.0}), ("both", {"attention": 0.7, "convolutions": -0.6})):
            pipe.set_adapters(list(weights), list(weights.values()))
            baked = check.baked(_unet(self.second), names_of_base(self.unet), [(files[k], w) for k, w in weights.items()], "lora_unet_")
            sample = normal(11, 2, 4, 8, 16)
            check.close(baked(sample, 7.0, normal(12, 2, 77, 16)).sample, self.unet(sample, 7.0, normal(12, 2, 77, 16)).sample)
            text = check.baked(tiny_clip(self.text.config.vocab_size), names_of_base(self.text), [(files[k], w) for k, w in weights.items()], "lora_te_text_model_")
            check.close(text(self.ids(PROMPT)).last_hidden_state, self.text(self.ids(PROMPT)).last_hidden_state)
            f.case("adapters", tag, weights=weights)
            self.parts("+" + tag)
            self.picture("euler+" + tag, pipe.scheduler)
        pipe.unload_lora_weights()


@torch.no_grad()
def make_sd1(path: Path) -> None:
    """`sd1/`."""
    model = Sd(path, second=False)
    model.files()
    model.parts()
    model.pictures()
    model.from_pictures()
    model.adapters()
    model.folder.write()


@torch.no_grad()
def make_sd2(path: Path) -> None:
    """`sd2/`: OpenCLIP's names, linear projections, v-prediction."""
    model = Sd(path, second=True)
    model.files()
    model.parts()
    model.pictures()
    model.folder.write()
