"""SDXL in tiny: two text encoders, size conditioning, UNet with its real depths, pipeline, adapters."""

from pathlib import Path

import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextModelWithProjection

from .. import names
from . import check, tokens
from .common import Folder, config_of, kohya, normal, randomise, table
from .schedulers import BETAS, sd_schedulers
from .sd import GUIDANCE, NEGATIVE, PROMPT, STEPS, tiny_clip, tiny_vae

# Height, width of the original, crop from the top and the left, height and width wanted.
SIZES = {"original_size": (1024, 768), "crops_coords_top_left": (16, 32), "target_size": (512, 640)}


class Sdxl:
    """The parts and the files that hold them."""

    def __init__(self, path: Path):
        self.folder = Folder(path)
        ours = tokens.clip()
        ours.write(path.parent / "tokens" / "clip")
        self.tokenizer = tokens.clip_for_pipelines(path.parent / "tokens" / "clip")
        self.tokenizer_2 = tokens.clip_for_pipelines(path.parent / "tokens" / "clip")
        self.tokenizer_2.pad_token = "!"  # OpenCLIP fills with id 0, CLIP with the end token
        assert self.tokenizer_2.pad_token_id == 0
        self.text = randomise(tiny_clip(len(ours), width=8), 301)
        self.text_2 = randomise(tiny_clip(len(ours), "gelu", width=16, cls=CLIPTextModelWithProjection, projection=16), 302)
        self.unet = randomise(UNet2DConditionModel(
            sample_size=16, in_channels=4, out_channels=4, down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], block_out_channels=[4, 8, 8], layers_per_block=2,
            transformer_layers_per_block=[1, 2, 10], cross_attention_dim=24, attention_head_dim=[1, 2, 2], norm_num_groups=2, use_linear_projection=True,
            addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=6 * 8 + 16), 303)
        self.vae = randomise(tiny_vae(scaling_factor=0.13025), 304)

    def files(self) -> None:
        unet, vae = names.unet_to_original(self.unet.state_dict()), names.vae_to_original(self.vae.state_dict())
        check.unet(unet, self.unet)
        check.vae(vae, self.vae)
        text = names.clip_to_original(self.text.state_dict(), "conditioner.embedders.0.transformer.")
        self.folder.weights("model.safetensors", unet | vae | text | names.openclip_to_original(self.text_2.state_dict()))
        for part in ("unet", "vae"):
            self.folder.json(f"diffusers/{part}/config.json", config_of(getattr(self, part)))
        self.folder.json("diffusers/text_encoder/config.json", self.text.config.to_dict())
        self.folder.json("diffusers/text_encoder_2/config.json", self.text_2.config.to_dict())

    def pipeline(self, scheduler) -> StableDiffusionXLPipeline:
        pipe = StableDiffusionXLPipeline(vae=self.vae, text_encoder=self.text, text_encoder_2=self.text_2, tokenizer=self.tokenizer,
                                         tokenizer_2=self.tokenizer_2, unet=self.unet, scheduler=scheduler, add_watermarker=False)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def parts(self, tag: str = "") -> None:
        """Prompt embeddings (both encoders' last but one layer, side by side), pooled embedding, UNet with added conditioning."""
        f = self.folder
        pipe = self.pipeline(EulerDiscreteScheduler(**BETAS))
        embeds, _, pooled, _ = pipe.encode_prompt(PROMPT, device="cpu", do_classifier_free_guidance=False)
        ids = [t(PROMPT, padding="max_length", max_length=77, truncation=True).input_ids for t in (self.tokenizer, self.tokenizer_2)]
        f.case("text", "prompt" + tag, prompt=PROMPT, ids=ids[0], ids_2=ids[1], embeds=f.put(f"text{tag}.embeds", embeds), pooled=f.put(f"text{tag}.pooled", pooled))
        sample, context = normal(311, 1, 4, 8, 12), normal(312, 1, 77, 24)
        time_ids = torch.tensor([[*SIZES["original_size"], *SIZES["crops_coords_top_left"], *SIZES["target_size"]]], dtype=torch.float32)
        if not tag:
            for name, value in (("sample", sample), ("context", context), ("pooled", normal(313, 1, 16)), ("time_ids", time_ids)):
                f.put(f"unet.{name}", value)
        for t in (999.0, 20.0):
            out = self.unet(sample, t, context, added_cond_kwargs={"text_embeds": f.tensors["unet.pooled"], "time_ids": time_ids}).sample
            f.case("unet", f"t{t}{tag}", timestep=t, sample="unet.sample", context="unet.context", pooled="unet.pooled", time_ids="unet.time_ids",
                   out=f.put(f"unet.t{t}{tag}.out", out))

    def picture(self, name: str, scheduler, prompt_2: str | None = None, **more) -> None:
        f = self.folder
        pipe = self.pipeline(scheduler)
        out = pipe(PROMPT, prompt_2=prompt_2, negative_prompt=NEGATIVE, num_inference_steps=STEPS, guidance_scale=GUIDANCE, latents=f.tensors["noise"].clone(), output_type="latent",
                   height=64, width=96, **SIZES, **more).images
        f.case("picture", name, scheduler=type(scheduler).__name__, settings={k: v for k, v in scheduler.config.items() if not k.startswith("_")},
               prompt=PROMPT, prompt_2=prompt_2, negative=NEGATIVE, steps=STEPS, guidance=GUIDANCE, noise="noise", **SIZES, **more, **table(pipe.scheduler),
               init_noise_sigma=float(pipe.scheduler.init_noise_sigma), latents=f.put(f"picture.{name}.latents", out))

    def with_original_names(self, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`lora_unet_down_blocks_1_attentions_0_…` becomes `lora_unet_input_blocks_4_1_…`."""
        paths = [path for path, module in self.unet.named_modules() if hasattr(module, "weight")]
        original = names.unet_to_original({f"{path}.weight": path for path in paths})
        table_of = {"lora_unet_" + path.replace(".", "_"): "lora_unet_" + k.removeprefix("model.diffusion_model.").removesuffix(".weight").replace(".", "_") for k, path in original.items()}
        return {table_of[k.split(".")[0]] + "." + k.split(".", 1)[1]: v for k, v in tensors.items()}

    def adapters(self) -> None:
        f = self.folder
        tensors = self.with_original_names(kohya(self.unet, "lora_unet_", lambda p: p.endswith(("to_q", "to_out.0")), 3500, 2, 1.0, 0.4))
        tensors |= kohya(self.text, "lora_te1_", lambda p: ".self_attn." in p, 3700, 2, 2.0, 0.5, text=True)
        tensors |= kohya(self.text_2, "lora_te2_", lambda p: ".self_attn." in p or ".mlp." in p, 3900, 2, 2.0, 0.5, text=True)
        f.weights("adapters/attention.safetensors", tensors, {"ss_network_module": "networks.lora", "ss_base_model_version": "sdxl_base_v1-0"})
        pipe = self.pipeline(EulerDiscreteScheduler(**BETAS, timestep_spacing="linspace"))
        pipe.load_lora_weights({k: v.clone() for k, v in tensors.items()}, adapter_name="attention")
        pipe.set_adapters(["attention"], [0.8])
        f.case("adapters", "attention", weights={"attention": 0.8}, note="lora_unet_ keys are the original module paths, as trainers write them for SDXL")
        paths = {k: m for k, m in self.unet.named_modules() if hasattr(m, "lora_A")}
        assert len(paths) == sum(k.startswith("lora_unet_") and k.endswith("alpha") for k in tensors), "diffusers applied some modules only"
        self.parts("+attention")
        self.picture("euler+attention", pipe.scheduler)
        pipe.unload_lora_weights()


@torch.no_grad()
def make(path: Path) -> None:
    """`sdxl/`."""
    model = Sdxl(path)
    model.files()
    model.parts()
    model.folder.put("noise", normal(321, 1, 4, 8, 12))
    for name in ("euler", "euler_trailing", "dpmpp_2m_karras", "ddim", "unipc"):
        model.picture(name, sd_schedulers()[name]("epsilon"))
    model.picture("euler_second_prompt", sd_schedulers()["euler"]("epsilon"), prompt_2="a blue boat on the sea")
    model.adapters()
    model.folder.write()
