"""Files written by PEFT, diffusers and LyCORIS themselves; each library's own ΔW is compared with the float64 reading of its file."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict

from . import delta, expected, tensors, tiny_models
from .expected import File

SD1_TARGETS = ["attn1.to_q", "attn2.to_v", "conv1"]
SD1_ONLY = r"(down_blocks\.[02]\.(attentions|resnets)\.1|mid_block\.(attentions|resnets)\.0|up_blocks\.[13]\.(attentions|resnets)\.2)\..*"


def fill(module: torch.nn.Module, *words, size=0.05) -> None:
    """Seeded values for every adapter parameter; those on the meta device get memory."""
    for name, parameter in list(module.named_parameters()):
        if "lora_" not in name or "magnitude" in name:
            continue
        value = tensors.normal(tuple(parameter.shape), size, *words, name).to(torch.float32)
        owner, leaf = module.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2]
        setattr(owner, leaf, torch.nn.Parameter(value, requires_grad=False))


def lora_layers(model):
    """(module path, layer) of every LoRA layer of a model that PEFT has wrapped."""
    return [(n, m) for n, m in model.named_modules() if hasattr(m, "lora_A") and len(getattr(m, "lora_A", {}))]


def agree(path: Path, info: File, theirs: dict[str, np.ndarray], limit=2e-6) -> None:
    """Stops unless the float64 reading of the file gives the library's own ΔW (which is f32), module by module."""
    found = {}
    for stem, module in expected.modules(path, info).items():
        found[stem] = delta.dense(module["roles"], module["kind"], module["scale"])
    assert len(found) == len(theirs), (path.name, len(found), len(theirs))
    for stem, mine in found.items():
        other = theirs[stem]
        gap = np.linalg.norm(mine - other.reshape(mine.shape)) / np.linalg.norm(mine)
        assert gap < limit, (path.name, stem, gap)


class Writer:
    def __init__(self, out: Path):
        self.out, self.files = out, []

    @contextlib.contextmanager
    def folder(self):
        with tempfile.TemporaryDirectory() as name:
            yield Path(name)

    def keep(self, made: Path, name: str, **args) -> File:
        (self.out / f"{name}.safetensors").write_bytes(tensors.sorted_metadata(made.read_bytes()))
        info = File(f"{name}.safetensors", **args)
        self.files.append(info)
        return info


def peft_files(w: Writer) -> None:
    cases = {
        "peft_plain": LoraConfig(r=4, lora_alpha=6, target_modules=SD1_ONLY + "(attn1.to_q|attn2.to_k|conv1)"),
        "peft_rslora": LoraConfig(r=4, lora_alpha=6, target_modules=SD1_ONLY + "(attn1.to_v|attn2.to_k)", use_rslora=True),
        "peft_patterns": LoraConfig(
            r=4, lora_alpha=6, target_modules=SD1_ONLY + "(attn1.to_q|attn2.to_k)",
            rank_pattern={"attn2.to_k": 2, "up_blocks.3.attentions.2.transformer_blocks.0.attn1.to_q": 7},
            alpha_pattern={"attn2.to_k": 5, "^mid_block.attentions.0.transformer_blocks.0.attn1.to_q": 1},
        ),
        "peft_rslora_patterns": LoraConfig(
            r=3, lora_alpha=4, target_modules=SD1_ONLY + "(attn1.to_q|attn2.to_k)", use_rslora=True,
            rank_pattern={"attn2.to_k": 5}, alpha_pattern={"attn1.to_q": 2},
        ),
        "peft_dora": LoraConfig(r=2, lora_alpha=2, target_modules=SD1_ONLY + "(attn1.to_q|attn2.to_k)", use_dora=True),
    }
    for name, config in cases.items():
        torch.manual_seed(0)
        model = get_peft_model(tiny_models.unet_sd1(), config)
        fill(model, name)
        with w.folder() as folder:
            model.save_pretrained(folder)
            shutil.copyfile(folder / "adapter_config.json", w.out / f"{name}.adapter_config.json")
            layers = {n: m for n, m in lora_layers(model)}
            info = w.keep(
                folder / "adapter_model.safetensors", name, written_by="peft 0.21.2", naming="peft", family="sd1", layout="sd_unet_25",
                config=f"{name}.adapter_config.json", scales={n: m.scaling["default"] for n, m in layers.items()},
            )
        if not config.use_dora:
            agree(w.out / info.name, info, {n: m.get_delta_weight("default").detach().double().numpy() for n, m in layers.items()})


def diffusers_files(w: Writer) -> None:
    by = "diffusers 0.42.1 save_lora_adapter"
    flux_targets = r"(transformer_blocks\.0\.(attn\.(to_q|add_v_proj|to_add_out)|ff\.net\.2|norm1\.linear)|single_transformer_blocks\.0\.(attn\.to_v|proj_mlp|proj_out))"
    sd3_targets = r"transformer_blocks\.\d\.(attn\.(to_k|add_q_proj|to_out\.0)|attn2\.to_v|ff\.net\.0\.proj|ff_context\.net\.2)"
    cases = [
        ("diffusers_sd1", tiny_models.unet_sd1, "sd1", "sd_unet_25",
         LoraConfig(r=2, lora_alpha=4, target_modules=SD1_TARGETS + ["conv_in", "downsamplers.0.conv", "upsamplers.0.conv"], rank_pattern={"conv1": 3}, alpha_pattern={"attn2.to_v": 1})),
        ("diffusers_sdxl", tiny_models.unet_sdxl, "sdxl", "sdxl_unet_19",
         LoraConfig(r=2, lora_alpha=1, target_modules=r"(down_blocks\.[12]|mid_block|up_blocks\.[01])\..*(attn1\.to_out\.0|attentions\.0\..*1\.attn2\.to_k|conv2|proj_in)")),
        ("diffusers_flux", tiny_models.flux, "flux1", "flux_unet_57", LoraConfig(r=1, lora_alpha=2, target_modules=flux_targets)),
        ("diffusers_sd3", tiny_models.sd3, "sd3", "sd3_mmdit_24", LoraConfig(r=1, lora_alpha=2, target_modules=sd3_targets)),
        ("diffusers_wan", tiny_models.wan, "wan", "wan_unet_30",
         LoraConfig(r=1, lora_alpha=2, use_rslora=True, target_modules=r"blocks\.\d\.(attn1\.to_q|attn2\.to_out\.0|ffn\.net\.(0\.proj|2))", rank_pattern={"attn1.to_q": 3})),
    ]
    for name, build, family, layout, config in cases:
        torch.manual_seed(0)
        model = build()
        model.add_adapter(config, adapter_name="default")
        fill(model, name)
        layers = {n: m for n, m in lora_layers(model)}
        for layer in layers.values():  # half precision for the wide ones, as trainers store them
            if family not in ("sd1", "sdxl"):
                for pair in (layer.lora_A, layer.lora_B):
                    pair["default"].to(torch.bfloat16)
        with w.folder() as folder:
            model.save_lora_adapter(folder, adapter_name="default", weight_name="a.safetensors")
            info = w.keep(folder / "a.safetensors", name, written_by=by, naming="peft", family=family, layout=layout,
                          scales={n: m.scaling["default"] for n, m in layers.items()})
        theirs = {n: delta_in_double(m) for n, m in layers.items()}
        agree(w.out / info.name, info, theirs)


def delta_in_double(layer) -> np.ndarray:
    """PEFT's own ΔW of a layer, computed by it in float64."""
    for pair in (layer.lora_A, layer.lora_B):
        pair["default"].to(torch.float64)
    return layer.get_delta_weight("default").detach().double().numpy()


def pipeline_files(w: Writer) -> None:
    """`save_lora_weights` of the pipelines: prefixes `unet.`, `text_encoder.`, `text_encoder_2.` and one metadata block for all."""
    from diffusers.loaders.lora_pipeline import FluxLoraLoaderMixin, StableDiffusionXLLoraLoaderMixin

    torch.manual_seed(0)
    unet, te1, te2 = tiny_models.unet_sdxl(), tiny_models.clip(768), tiny_models.clip(1280)
    configs = {
        "unet": LoraConfig(r=2, lora_alpha=3, target_modules=r"(down_blocks\.1|up_blocks\.1)\..*attn2\.to_k"),
        "text_encoder": LoraConfig(r=2, lora_alpha=1, target_modules=["q_proj"]),
        "text_encoder_2": LoraConfig(r=1, lora_alpha=4, target_modules=["q_proj", "fc1"]),
    }
    parts = {"unet": unet, "text_encoder": te1, "text_encoder_2": te2}
    states, scales = {}, {}
    for part, model in parts.items():
        model.add_adapter(configs[part], adapter_name="default")
        fill(model, "pipeline", part)
        states[part] = get_peft_model_state_dict(model, adapter_name="default")
        scales |= {f"{part}.{n}": m.scaling["default"] for n, m in lora_layers(model)}
    states = {part: {k: v.to(torch.float16) for k, v in state.items()} for part, state in states.items()}
    for model in parts.values():
        for _, layer in lora_layers(model):
            layer.lora_A.half(), layer.lora_B.half()
    theirs = {f"{part}.{n}": delta_in_double(m) for part, model in parts.items() for n, m in lora_layers(model)}
    with w.folder() as folder:
        StableDiffusionXLLoraLoaderMixin.save_lora_weights(
            folder, unet_lora_layers=states["unet"], text_encoder_lora_layers=states["text_encoder"], text_encoder_2_lora_layers=states["text_encoder_2"],
            weight_name="a.safetensors", unet_lora_adapter_metadata=configs["unet"].to_dict(),
            text_encoder_lora_adapter_metadata=configs["text_encoder"].to_dict(), text_encoder_2_lora_adapter_metadata=configs["text_encoder_2"].to_dict(),
        )
        info = w.keep(folder / "a.safetensors", "diffusers_sdxl_pipeline", written_by="diffusers 0.42.1 save_lora_weights", naming="peft",
                      family="sdxl", layout="sdxl_unet_19", scales=scales)
    agree(w.out / info.name, info, theirs)

    model = tiny_models.flux()
    model.add_adapter(LoraConfig(r=1, lora_alpha=1, target_modules=r"(transformer_blocks|single_transformer_blocks)\.0\.attn\.(to_q|to_k|to_v)"))
    fill(model, "pipeline flux")
    state = {k: v.to(torch.bfloat16) for k, v in get_peft_model_state_dict(model).items()}
    with w.folder() as folder:  # no metadata given: the scale is 1
        FluxLoraLoaderMixin.save_lora_weights(folder, transformer_lora_layers=state, weight_name="a.safetensors")
        w.keep(folder / "a.safetensors", "diffusers_flux_pipeline", written_by="diffusers 0.42.1 save_lora_weights", naming="peft", family="flux1", layout="flux_unet_57")


def lycoris_files(w: Writer) -> None:
    """LyCORIS on the tiny UNet. Its ΔW is forward(basis) − base(basis): `get_diff_weight` of 4.1.3 applies the scale twice."""
    import logging

    from lycoris import LycorisNetwork

    logging.getLogger("LyCORIS").setLevel(logging.ERROR)
    linear = [r"down_blocks.0.attentions.0.*attn1.to_q", r"mid_block.attentions.0.*attn2.to_k", r"up_blocks.2.attentions.1.*attn1.to_v"]
    more = [r"down_blocks.3.resnets.1.conv1"]
    conv = [r"down_blocks.1.resnets.0.conv1", r"mid_block.resnets.0.conv2"]
    cases = {
        "lycoris_locon": ("locon", "lycoris", "locon", linear[:2] + conv + more, {}),
        "lycoris_locon_tucker": ("locon", "lora_unet", "locon", linear[:2] + conv + more, {"use_tucker": True}),
        "lycoris_loha": ("loha", "lycoris", "loha", linear + conv, {}),
        "lycoris_loha_tucker": ("loha", "lora_unet", "loha", linear + conv, {"use_tucker": True}),
        "lycoris_lokr": ("lokr", "lycoris", "lokr", linear + conv, {"factor": 4}),
        "lycoris_lokr_both": ("lokr", "lora_unet", "lokr", linear + conv, {"factor": 8, "decompose_both": True, "use_tucker": True, "lora_dim": 1}),
        "lycoris_lokr_full": ("lokr", "lora_unet", "lokr", linear, {"factor": 4, "full_matrix": True}),
        "lycoris_rslora": ("locon", "lora_unet", "lora", linear, {"rs_lora": True}),
        "lycoris_full": ("full", "lora_unet", "full", linear, {}),
        "lycoris_dora": ("locon", "lora_unet", "dora", linear, {"weight_decompose": True}),
        "lycoris_oft": ("diag-oft", "lora_unet", "oft", linear, {}),
        "lycoris_boft": ("boft", "lora_unet", "boft", linear[:1], {"lora_dim": 4}),
        "lycoris_ia3": ("ia3", "lora_unet", "ia3", linear, {}),
        "lycoris_glora": ("glora", "lora_unet", "glora", linear, {}),
    }
    for name, (algo, prefix, kind, targets, options) in cases.items():
        torch.manual_seed(0)
        base = tiny_models.unet_sd1().double()
        LycorisNetwork.apply_preset({"enable_conv": True, "target_module": [], "target_name": targets, "lora_prefix": prefix})
        rank = options.pop("lora_dim", 2)
        net = LycorisNetwork(base, lora_dim=rank, conv_lora_dim=rank, alpha=1, conv_alpha=1, network_module=algo, **options)
        weights = {lora.lora_name: (lora.org_module[0].weight.detach().clone(), lora.org_module[0].bias) for lora in net.loras}
        net.apply_to()  # registers the modules
        for full, parameter in net.double().named_parameters():
            # float32 values: the file then holds exactly what the library computed with
            parameter.data = tensors.normal(tuple(parameter.shape), 0.3, name, full).float().double()
        with w.folder() as folder:
            net.save_weights(str(folder / "a.safetensors"), torch.float32, {"format": "pt"})
            info = w.keep(folder / "a.safetensors", name, written_by="lycoris-lora 4.1.3", naming="kohya", kind=kind,
                          family=None if kind in ("oft", "boft", "ia3", "glora") else "sd1", layout="sd_unet_25")
        if kind in ("lora", "locon", "loha", "lokr", "full"):
            agree(w.out / info.name, info, {lora.lora_name: forward_difference(lora, *weights[lora.lora_name]) for lora in net.loras})


@torch.no_grad()
def forward_difference(lora, weight, bias) -> np.ndarray:
    """ΔW of a LyCORIS module, read from what its forward adds to a basis of inputs."""
    org = lora.org_module[0]
    if weight.dim() == 2:
        eye = torch.eye(weight.shape[1], dtype=torch.float64)
        return (lora(eye) - torch.nn.functional.linear(eye, weight, bias)).T.numpy()
    rows, columns, kh, kw = weight.shape
    assert org.stride == (1, 1) and org.padding == (kh // 2, kw // 2)
    impulse = torch.zeros(columns, columns, kh, kw, dtype=torch.float64)
    impulse[range(columns), range(columns), kh // 2, kw // 2] = 1.0
    out = lora(impulse) - torch.nn.functional.conv2d(impulse, weight, bias, padding=org.padding)
    return out.flip(2, 3).permute(1, 0, 2, 3).reshape(rows, -1).numpy()


def write_all(out: Path) -> list[File]:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    w = Writer(out)
    peft_files(w)
    diffusers_files(w)
    pipeline_files(w)
    lycoris_files(w)
    return w.files
