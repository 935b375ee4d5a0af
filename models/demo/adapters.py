"""Stage "adapters": six styles and two subjects, each a small LoRA with kohya's names, trained on pictures the base has never seen."""

import hashlib
import json
import random
from dataclasses import dataclass

import numpy as np
import torch
from peft import LoraConfig, inject_adapter_in_model

from . import unet as base
from .captions import caption
from .contact import contact_sheet
from .draw.paint import picture
from .draw.styles import STYLES
from .draw.subjects import SUBJECT_WORDS
from .files import write_safetensors
from .loop import Loop, Plan
from .networks import alphas
from .parallel import Group
from .pictures import to_tensor
from .sampling import decode, sample
from .vae import load_vae
from .work import Work

PICTURES, CAPTIONS, BATCH = 400, 4, 8
PLAN = Plan(steps=600, rate=2e-3, warmup=30, decay=0.9, floor=0.02, average=0.98, report_every_s=1e9)
UNET_PARTS = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out", "conv1", "conv2"]
TEXT_PARTS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


@dataclass(frozen=True)
class Adapter:
    """What an adapter is, and how it is trained. Subjects train the text encoder too: their name is new to it."""

    name: str
    trigger: str
    about: str
    rank: int = 6
    alpha: float = 6.0
    style: str = ""
    subject: str = ""

    @property
    def text(self) -> bool:
        return bool(self.subject)


ABOUT = {
    "neon": "Glowing outlines in rainbow colours on a dark ground", "blueprint": "White lines on blue paper with a fine grid",
    "mosaic": "Square tiles with pale grout", "infrared": "False-colour film: plants and warm colours turn pink, the sky teal",
    "duotone": "Every picture in violet, red and cream", "noir": "Black and white with hard contrast and a vignette",
    "fox": "A sitting orange fox with green eyes", "robot": "A teal robot with yellow hands and a red lamp on its head",
}
ADAPTERS = [Adapter(f"{n}-style", n, ABOUT[n], alpha=a, style=n) for n, a in zip(STYLES, (6.0, 6.0, 3.0, 6.0, 3.0, 6.0))]
ADAPTERS += [Adapter(words.replace(" ", "-"), words, ABOUT[n], subject=n) for n, words in SUBJECT_WORDS.items()]


class Trainer:
    """One adapter's data, loss and file."""

    def __init__(self, work: Work, adapter: Adapter):
        self.work, self.adapter, self.bars = work, adapter, alphas()
        self.unet, self.text, self.tokenizer = base.load(work)
        self.vae, self.factor = load_vae(work)
        self.captions = []
        pictures = []
        for i in range(PICTURES):
            made, scene = picture(800_000_000 + i, adapter.style, adapter.subject)
            pictures.append(np.asarray(made))
            self.captions.append([caption(scene, random.Random(i * 9 + j)) for j in range(CAPTIONS)])
        with torch.no_grad():
            self.clean = torch.cat([self.vae.encode(x).latent_dist.mean for x in to_tensor(np.stack(pictures)).split(20)]) * self.factor
        self.ids = np.array([[self.tokenizer.encode(c) for c in row] for row in self.captions])

    def inject(self) -> None:
        for model, parts in ((self.unet, UNET_PARTS), (self.text, TEXT_PARTS)):
            model.requires_grad_(False)
            if model is self.unet or self.adapter.text:
                config = LoraConfig(r=self.adapter.rank, lora_alpha=self.adapter.alpha, target_modules=parts, init_lora_weights=True)
                inject_adapter_in_model(config, model)

    def models(self) -> dict[str, torch.nn.Module]:
        return {"unet": self.unet, "text": self.text} if self.adapter.text else {"unet": self.unet}

    def loss(self, _step: int) -> torch.Tensor:
        """Squared error of v with min-SNR weights, as in the base's training."""
        which = self.rng.integers(0, PICTURES, BATCH)
        t = torch.from_numpy(((np.arange(BATCH) + self.rng.random(BATCH)) / BATCH * 1000).astype(np.int64)).clamp(0, 999)
        clean, a = self.clean[which], self.bars[t].view(-1, 1, 1, 1)
        noise = torch.randn_like(clean)
        noisy, v = a.sqrt() * clean + (1 - a).sqrt() * noise, a.sqrt() * noise - (1 - a).sqrt() * clean
        context = self.text(torch.from_numpy(self.ids[which, self.rng.integers(0, CAPTIONS, BATCH)]))
        made = self.unet(noisy.contiguous(memory_format=torch.channels_last), t, context, return_dict=False)[0]
        snr = a / (1 - a)
        return ((made - v).square() * snr.clamp(max=5) / (snr + 1)).mean() / 0.35

    def tensors(self) -> dict[str, torch.Tensor]:
        """The adapter under kohya's names, in f16."""
        out = {}
        for prefix, model in (("lora_unet_", self.unet), ("lora_te_text_model_", self.text)):
            for path, module in model.named_modules():
                if hasattr(module, "lora_A") and "default" in module.lora_A:
                    name = prefix + path.replace(".", "_")
                    out[f"{name}.lora_down.weight"] = module.lora_A["default"].weight.half()
                    out[f"{name}.lora_up.weight"] = module.lora_B["default"].weight.half()
                    out[f"{name}.alpha"] = torch.tensor(self.adapter.alpha).half()
        return out

    def prompts(self) -> list[str]:
        if self.adapter.subject:
            places = ("on green hills at noon", "in the desert at sunset", "in a snowy pine forest", "on a beach at sunrise", "near mountains and a lake at dusk", "in a city at night")
            return [f"{self.adapter.trigger} {place}" for place in places]
        return [f"{self.adapter.trigger} style, {p}" for p in base.PROMPTS[:6]]


def metadata(adapter: Adapter, plan: Plan, tensors: dict[str, torch.Tensor], captions: list[list[str]]) -> dict[str, str]:
    """What kohya's trainer would write, and the model specification's fields."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    tags: dict[str, int] = {}
    for row in captions:
        for tag in row[0].split(", "):
            tags[tag] = tags.get(tag, 0) + 1
    frequent = dict(sorted(tags.items(), key=lambda item: (-item[1], item[0]))[:40])
    folder = f"1_{adapter.trigger}"
    values = {
        "ss_output_name": adapter.name, "ss_sd_model_name": "weft-demo.safetensors", "ss_base_model_version": "sd_v1", "ss_v2": False,
        "ss_network_module": "networks.lora", "ss_network_dim": adapter.rank, "ss_network_alpha": adapter.alpha,
        "ss_network_args": {"conv_dim": str(adapter.rank), "conv_alpha": str(adapter.alpha)}, "ss_learning_rate": plan.rate, "ss_unet_lr": plan.rate,
        "ss_text_encoder_lr": plan.rate * 0.5 if adapter.text else None, "ss_num_train_images": PICTURES, "ss_num_reg_images": 0,
        "ss_num_epochs": plan.steps * BATCH // PICTURES, "ss_epoch": plan.steps * BATCH // PICTURES, "ss_max_train_steps": plan.steps, "ss_steps": plan.steps,
        "ss_total_batch_size": BATCH, "ss_resolution": "(128, 128)", "ss_optimizer": "torch.optim.adamw.AdamW(betas=(0.9, 0.99))", "ss_lr_scheduler": "cosine",
        "ss_lr_warmup_steps": plan.warmup, "ss_min_snr_gamma": 5.0, "ss_mixed_precision": "no", "ss_seed": 0, "ss_clip_skip": None, "ss_max_token_length": None,
        "ss_caption_dropout_rate": 0.0, "ss_zero_terminal_snr": False, "ss_dataset_dirs": {folder: {"n_repeats": 1, "img_count": PICTURES}},
        "ss_tag_frequency": {folder: frequent}, "ss_training_comment": adapter.about, "sshs_model_hash": digest.hexdigest(), "format": "pt",
        "modelspec.sai_model_spec": "1.0.0", "modelspec.architecture": "stable-diffusion-v1/lora", "modelspec.implementation": "diffusers",
        "modelspec.title": adapter.name, "modelspec.description": adapter.about, "modelspec.author": "The Weft project", "modelspec.license": "MIT OR Apache-2.0",
        "modelspec.trigger_phrase": adapter.trigger, "modelspec.resolution": "128x128", "modelspec.prediction_type": "v", "modelspec.usage_hint": f"Begin the prompt with “{adapter.trigger}”.",
    }
    return {k: v if isinstance(v, str) else json.dumps(v) if isinstance(v, dict) else str(v) for k, v in values.items()}


def train_one(work: Work, adapter: Adapter, plan: Plan) -> None:
    """Ends with `adapters/NAME.safetensors`, a preview and a sheet of the same seeds without and with it."""
    torch.manual_seed(0)
    trainer = Trainer(work, adapter)
    prompts = trainer.prompts()
    plain = decode(trainer.vae, sample(trainer.unet, trainer.text, trainer.tokenizer, prompts, seed=11), trainer.factor)
    trainer.inject()
    loop = Loop(f"adapter-{adapter.name}", work, Group(), plan, trainer.models(), {"text": 0.5})
    for group in loop.optimiser.param_groups:
        group["weight_decay"] = 0.0
    trainer.rng = np.random.default_rng(loop.step)
    trainer.unet.train()
    loop.run(trainer.loss, lambda _: None)
    with loop.with_average():
        trainer.unet.eval()
        made = decode(trainer.vae, sample(trainer.unet, trainer.text, trainer.tokenizer, prompts, seed=11), trainer.factor)
        tensors = trainer.tensors()
    folder = work.path("adapters")
    folder.mkdir(exist_ok=True)
    contact_sheet(plain + made, prompts + [f"with {adapter.name}"] * len(prompts), folder / f"{adapter.name}.sheet.png", len(prompts))
    made[0].resize((256, 256), 1).save(folder / f"{adapter.name}.png")
    write_safetensors(folder / f"{adapter.name}.safetensors", tensors, metadata(adapter, plan, tensors, trainer.captions))
    work.path(f"adapter-{adapter.name}.state.pt").unlink(missing_ok=True)


def train(work: Work, group: Group, plan: Plan | None = None) -> None:
    """Every process trains its share; ends with `adapters.json`."""
    plan = work.plan("adapters", plan or PLAN)
    alone = Work(work.folder)
    for adapter in ADAPTERS[group.rank :: group.world]:
        if not work.has(f"adapters/{adapter.name}.safetensors"):
            train_one(alone, adapter, plan)
    group.agree(0.0)
    if group.rank == 0:
        work.save_json("adapters.json", [{"name": a.name, "trigger": a.trigger, "about": a.about, "kind": "subject" if a.subject else "style"} for a in ADAPTERS])
