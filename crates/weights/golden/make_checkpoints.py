"""Writes `checkpoints/` anew: tiny models of diffusers and transformers, adapters for them, and what the libraries make of the two.

Every model is written in the names of its library and, by rules written down here a second time, in the names of the original programs.
`*.delta.safetensors` holds W(fused) - W in float64 arithmetic, by the library's own key, for every weight that the library changed:
diffusers' `load_lora_adapter` and `fuse_lora`, PEFT's `merge_and_unload` for text encoders and DoRA. `names.json` says for every library key
which rows of which original tensor it is. Versions: requirements.txt. About 30 seconds.
"""

import json
import os
import shutil
import sys
from pathlib import Path

os.environ.update(CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1", DIFFUSERS_VERBOSITY="error", TRANSFORMERS_VERBOSITY="error")
if os.environ.get("PYTHONHASHSEED") != "0":  # the libraries write sets in hash order
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"PYTHONHASHSEED": "0"})

import torch  # noqa: E402
from diffusers import FluxTransformer2DModel, SD3Transformer2DModel, UNet2DConditionModel, WanTransformer3DModel  # noqa: E402
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import CLIPTextConfig, CLIPTextModel  # noqa: E402

OUT = Path(__file__).parent / "checkpoints"
WEIGHT = 0.75  # at which the adapters are fused
RANK, ALPHA = 3, 2.0


def seeded(model, seed):
    """Values that every width of float holds without drama, none of them zero."""
    generator = torch.Generator().manual_seed(seed)
    for _, p in sorted(model.state_dict().items()):
        if p.is_floating_point():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.3)
    return model.eval()


def lora(model, targets, seed, prefix, **extra):
    """A PEFT adapter over `targets` with random factors: (state dict with the prefix, configuration)."""
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=targets, init_lora_weights=False, **extra)
    model.add_adapter(config)
    generator = torch.Generator().manual_seed(seed)
    for name, p in sorted(model.named_parameters()):
        if "lora_A" in name or "lora_B" in name:
            p.data.copy_(torch.randn(p.shape, generator=generator) * 0.4)
    state = {f"{prefix}.{k}": v.detach().clone().contiguous() for k, v in sorted(get_peft_model_state_dict(model).items())}
    model.delete_adapters("default")
    return state


def fused(make, base, state, prefix):
    """What diffusers' loader and fusing add to every weight, in float64."""
    model = make().double()
    model.load_state_dict(base)
    values = {k: v.double() for k, v in state.items()}
    model.load_lora_adapter(values, prefix=prefix, metadata=settings(state, prefix))
    model.fuse_lora(lora_scale=WEIGHT)
    model.unload_lora()
    after = model.state_dict()
    assert set(after) == set(base), set(after) ^ set(base)
    return {k: (after[k] - base[k].double()).float().contiguous() for k in base if not torch.equal(after[k], base[k].double())}


def settings(state, prefix):
    """What diffusers writes beside an adapter: the configuration with the component before every name."""
    modules = sorted({k.removeprefix(f"{prefix}.").rsplit(".lora_", 1)[0] for k in state})
    return {f"{prefix}.r": RANK, f"{prefix}.lora_alpha": ALPHA, f"{prefix}.target_modules": modules}


def config_metadata(state, prefix):
    return {"lora_adapter_metadata": json.dumps(settings(state, prefix))}


def write(name, state, metadata=None):
    save_file({k: v.contiguous() for k, v in state.items()}, OUT / f"{name}.safetensors", metadata=metadata)


def native(base, rows, swap=()):
    """A checkpoint in original names. rows: original name -> list of library keys, one under the other. swap: originals whose halves stand the
    other way round in the library."""
    out, places = {}, {}
    for name, keys in rows.items():
        at = 0
        for key in keys:
            places[key] = [name, at, int(base[key].shape[0]), name in swap]
            at += base[key].shape[0]
        value = torch.cat([base[k] for k in keys])
        if name in swap:
            value = torch.cat(value.chunk(2)[::-1])
        out[name] = value
    missing = set(base) - {k for keys in rows.values() for k in keys}
    assert not missing, sorted(missing)[:5]
    return out, places


def both(rows):
    """weight and bias of every module."""
    return {f"{n}.{end}": [f"{k}.{end}" for k in keys] for n, keys in rows.items() for end in ("weight", "bias")}


def flux():
    def make():
        torch.manual_seed(0)
        return FluxTransformer2DModel(
            num_layers=2, num_single_layers=2, attention_head_dim=8, num_attention_heads=1, in_channels=4, joint_attention_dim=12,
            pooled_projection_dim=10, guidance_embeds=True, axes_dims_rope=(2, 2, 4),
        )

    rows = {}
    for i in range(2):
        t, d = f"transformer_blocks.{i}", f"double_blocks.{i}"
        for half, q, out, mlp, mod in (
            ("img", "to_{}", "to_out.0", "ff", "norm1"), ("txt", "add_{}_proj", "to_add_out", "ff_context", "norm1_context")
        ):
            rows |= both({
                f"{d}.{half}_attn.qkv": [f"{t}.attn.{q.format(x)}" for x in "qkv"], f"{d}.{half}_attn.proj": [f"{t}.attn.{out}"],
                f"{d}.{half}_mlp.0": [f"{t}.{mlp}.net.0.proj"], f"{d}.{half}_mlp.2": [f"{t}.{mlp}.net.2"],
                f"{d}.{half}_mod.lin": [f"{t}.{mod}.linear"],
            })
            added = "added_" if half == "txt" else ""
            for x, word in (("q", "query"), ("k", "key")):
                rows[f"{d}.{half}_attn.norm.{word}_norm.scale"] = [f"{t}.attn.norm_{added}{x}.weight"]
        t, s = f"single_transformer_blocks.{i}", f"single_blocks.{i}"
        rows |= both({
            f"{s}.linear1": [f"{t}.attn.to_q", f"{t}.attn.to_k", f"{t}.attn.to_v", f"{t}.proj_mlp"],
            f"{s}.linear2": [f"{t}.proj_out"], f"{s}.modulation.lin": [f"{t}.norm.linear"],
        })
        for x, word in (("q", "query"), ("k", "key")):
            rows[f"{s}.norm.{word}_norm.scale"] = [f"{t}.attn.norm_{x}.weight"]
    e = "time_text_embed"
    rows |= both({
        "img_in": ["x_embedder"], "txt_in": ["context_embedder"], "final_layer.linear": ["proj_out"],
        "final_layer.adaLN_modulation.1": ["norm_out.linear"],
        "time_in.in_layer": [f"{e}.timestep_embedder.linear_1"], "time_in.out_layer": [f"{e}.timestep_embedder.linear_2"],
        "vector_in.in_layer": [f"{e}.text_embedder.linear_1"], "vector_in.out_layer": [f"{e}.text_embedder.linear_2"],
        "guidance_in.in_layer": [f"{e}.guidance_embedder.linear_1"], "guidance_in.out_layer": [f"{e}.guidance_embedder.linear_2"],
    })
    targets = ["to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "ff.net.0.proj", "ff.net.2",
               "ff_context.net.0.proj", "proj_mlp", "proj_out", "norm.linear", "norm1.linear", "norm_out.linear"]
    swap = {"final_layer.adaLN_modulation.1.weight", "final_layer.adaLN_modulation.1.bias"}
    return make, rows, targets, swap, "transformer", ""


def wan():
    def make():
        torch.manual_seed(0)
        return WanTransformer3DModel(
            patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=10, freq_dim=16,
            ffn_dim=20, num_layers=2, cross_attn_norm=True, qk_norm="rms_norm_across_heads",
        )

    rows = {"patch_embedding.weight": ["patch_embedding.weight"], "patch_embedding.bias": ["patch_embedding.bias"],
            "head.modulation": ["scale_shift_table"]}
    c = "condition_embedder"
    rows |= both({
        "head.head": ["proj_out"], "time_embedding.0": [f"{c}.time_embedder.linear_1"], "time_embedding.2": [f"{c}.time_embedder.linear_2"],
        "text_embedding.0": [f"{c}.text_embedder.linear_1"], "text_embedding.2": [f"{c}.text_embedder.linear_2"],
        "time_projection.1": [f"{c}.time_proj"],
    })
    for i in range(2):
        b = f"blocks.{i}"
        rows[f"{b}.modulation"] = [f"{b}.scale_shift_table"]
        rows |= both({f"{b}.ffn.0": [f"{b}.ffn.net.0.proj"], f"{b}.ffn.2": [f"{b}.ffn.net.2"], f"{b}.norm3": [f"{b}.norm2"]})
        for n, attn in ((1, "self_attn"), (2, "cross_attn")):
            rows |= both({f"{b}.{attn}.{x}": [f"{b}.attn{n}.to_{x}"] for x in "qkv"} | {f"{b}.{attn}.o": [f"{b}.attn{n}.to_out.0"]})
            rows |= {f"{b}.{attn}.norm_{x}.weight": [f"{b}.attn{n}.norm_{x}.weight"] for x in "qk"}
    targets = ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2", "time_proj"]
    return make, rows, targets, set(), "transformer", "model.diffusion_model."


def sd3():
    def make():
        torch.manual_seed(0)
        return SD3Transformer2DModel(
            sample_size=4, patch_size=2, in_channels=4, num_layers=2, attention_head_dim=8, num_attention_heads=2, joint_attention_dim=12,
            caption_projection_dim=16, pooled_projection_dim=10, out_channels=4, pos_embed_max_size=4,
        )

    rows = {"pos_embed": ["pos_embed.pos_embed"]}
    e = "time_text_embed"
    rows |= both({
        "x_embedder.proj": ["pos_embed.proj"], "context_embedder": ["context_embedder"], "final_layer.linear": ["proj_out"],
        "final_layer.adaLN_modulation.1": ["norm_out.linear"],
        "t_embedder.mlp.0": [f"{e}.timestep_embedder.linear_1"], "t_embedder.mlp.2": [f"{e}.timestep_embedder.linear_2"],
        "y_embedder.mlp.0": [f"{e}.text_embedder.linear_1"], "y_embedder.mlp.2": [f"{e}.text_embedder.linear_2"],
    })
    for i in range(2):
        t, j, last = f"transformer_blocks.{i}", f"joint_blocks.{i}", i == 1
        for half, q, out, mlp, mod in (
            ("x_block", "to_{}", "to_out.0", "ff", "norm1"), ("context_block", "add_{}_proj", "to_add_out", "ff_context", "norm1_context")
        ):
            names = {f"{j}.{half}.attn.qkv": [f"{t}.attn.{q.format(x)}" for x in "qkv"], f"{j}.{half}.adaLN_modulation.1": [f"{t}.{mod}.linear"]}
            if not (last and half == "context_block"):
                names |= {f"{j}.{half}.attn.proj": [f"{t}.attn.{out}"], f"{j}.{half}.mlp.fc1": [f"{t}.{mlp}.net.0.proj"],
                          f"{j}.{half}.mlp.fc2": [f"{t}.{mlp}.net.2"]}
            rows |= both(names)
    targets = ["to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "ff.net.0.proj", "ff.net.2", "norm1.linear",
               "norm1_context.linear", "norm_out.linear"]
    swap = {f"{n}.{e}" for n in ("final_layer.adaLN_modulation.1", "joint_blocks.1.context_block.adaLN_modulation.1") for e in ("weight", "bias")}
    return make, rows, targets, swap, "transformer", "model.diffusion_model."


def unet():
    def make():
        torch.manual_seed(0)
        return UNet2DConditionModel(
            sample_size=8, in_channels=4, out_channels=4, layers_per_block=2, block_out_channels=(4, 8), norm_num_groups=2,
            cross_attention_dim=6, attention_head_dim=2, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        )

    resnet = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
              "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
    fixed = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
             "conv_norm_out": "out.0", "conv_out": "out.2"}

    def part(stem, rest):
        return resnet[rest] if stem == "resnets" else rest

    def ldm(key):
        module, end = key.rsplit(".", 1)
        if module in fixed:
            return f"{fixed[module]}.{end}"
        words = module.split(".")
        if words[0] == "mid_block":
            index = 1 if words[1] == "attentions" else 2 * int(words[2])
            return f"middle_block.{index}.{part(words[1], '.'.join(words[3:]))}.{end}"
        level, stem, j, rest = int(words[1]), words[2], int(words[3]), ".".join(words[4:])
        if words[0] == "down_blocks":
            if stem == "downsamplers":
                return f"input_blocks.{3 * (level + 1)}.0.op.{end}"
            return f"input_blocks.{1 + 3 * level + j}.{0 if stem == 'resnets' else 1}.{part(stem, rest)}.{end}"
        if stem == "upsamplers":  # behind the attention where the level has one
            return f"output_blocks.{3 * level + 2}.{1 if level == 0 else 2}.conv.{end}"
        return f"output_blocks.{3 * level + j}.{0 if stem == 'resnets' else 1}.{part(stem, rest)}.{end}"

    rows = {ldm(key): [key] for key in make().state_dict()}
    targets = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2", "conv_shortcut",
               "conv", "conv_in", "time_emb_proj"]
    return make, rows, targets, set(), "unet", "model.diffusion_model."


def clip():
    """(library state, OpenCLIP state, adapter in kohya names, ΔW)."""
    torch.manual_seed(0)
    config = CLIPTextConfig(vocab_size=24, hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2,
                            max_position_embeddings=8, projection_dim=12)
    model = seeded(CLIPTextModel(config), 11)
    own = {k if k.startswith("text_model.") else f"text_model.{k}": v.clone() for k, v in model.state_dict().items() if v.is_floating_point()}
    tuned = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"],
                                             init_lora_weights=False))
    generator = torch.Generator().manual_seed(12)
    for name, p in sorted(tuned.named_parameters()):
        if "lora_" in name:
            p.data.copy_(torch.randn(p.shape, generator=generator) * 0.4)
    adapter = {}
    for key, value in get_peft_model_state_dict(tuned).items():
        path = key.removeprefix("base_model.model.")
        path = path if path.startswith("text_model.") else f"text_model.{path}"
        module, end = path.rsplit(".lora_", 1)
        stem = "lora_te2_" + module.replace(".", "_")
        adapter[f"{stem}.lora_{'down' if end.startswith('A') else 'up'}.weight"] = value.detach().clone().contiguous()
        adapter[f"{stem}.alpha"] = torch.tensor(ALPHA)
    merged = {k if k.startswith("text_model.") else f"text_model.{k}": v for k, v in tuned.double().merge_and_unload().state_dict().items()}
    delta = {k: (WEIGHT * (merged[k] - v.double())).float() for k, v in own.items() if (merged[k] - v.double()).abs().max() > 0}
    rows = {"token_embedding.weight": ["text_model.embeddings.token_embedding.weight"],
            "positional_embedding": ["text_model.embeddings.position_embedding.weight"]}
    rows |= both({"ln_final": ["text_model.final_layer_norm"]})
    for i in range(2):
        h, o = f"text_model.encoder.layers.{i}", f"transformer.resblocks.{i}"
        rows |= both({f"{o}.ln_1": [f"{h}.layer_norm1"], f"{o}.ln_2": [f"{h}.layer_norm2"], f"{o}.attn.out_proj": [f"{h}.self_attn.out_proj"],
                      f"{o}.mlp.c_fc": [f"{h}.mlp.fc1"], f"{o}.mlp.c_proj": [f"{h}.mlp.fc2"]})
        for end in ("weight", "bias"):
            rows[f"{o}.attn.in_proj_{end}"] = [f"{h}.self_attn.{x}_proj.{end}" for x in "qkv"]
    original, places = native(own, rows)
    return own, original, places, adapter, delta


def dora(make, base):
    """DoRA over a few layers of the tiny Flux, merged by PEFT: (adapter, ΔW at strength 1)."""
    model = make().double()
    model.load_state_dict(base)
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, use_dora=True, init_lora_weights=False, target_modules=["attn.to_q", "ff.net.2"])
    tuned = get_peft_model(model, config)
    generator = torch.Generator().manual_seed(21)
    for name, p in sorted(tuned.named_parameters()):
        if "lora_A" in name or "lora_B" in name:
            p.data.copy_(torch.randn(p.shape, generator=generator) * 0.4)
        if "magnitude" in name:
            p.data.mul_(1 + 0.2 * torch.rand(p.shape, generator=generator))
    state = {f"transformer.{k.removeprefix('base_model.model.')}": v.detach().float().contiguous() for k, v in get_peft_model_state_dict(tuned).items()}
    # The stored factors are float32; the reference is computed from what is stored.
    for name, p in tuned.named_parameters():
        if "lora_" in name:
            p.data.copy_(p.data.float().double())
    merged = tuned.merge_and_unload().state_dict()
    return state, {k: (merged[k] - base[k].double()).float() for k in base if not torch.equal(merged[k], base[k].double())}


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    names = {}
    for seed, family in enumerate((flux, wan, sd3, unet)):
        make, rows, targets, swap, prefix, wrapper = family()
        name = family.__name__
        base = {k: v.clone() for k, v in seeded(make(), seed + 1).state_dict().items()}
        original, places = native(base, rows, swap)
        state = lora(make(), targets, seed + 101, prefix)
        delta = fused(make, base, state, prefix)
        write(f"{name}.library", base)
        write(f"{name}.original", {f"{wrapper}{k}": v for k, v in original.items()})
        write(f"{name}.adapter", state, config_metadata(state, prefix))
        write(f"{name}.delta", delta)
        names[name] = {"wrapper": wrapper, "prefix": prefix, "places": {k: places[k] for k in delta}}
        if name == "flux":
            state, delta = dora(make, base)
            write("dora.adapter", state, config_metadata(state, prefix))
            write("dora.delta", delta)
    own, original, places, adapter, delta = clip()
    wrapper = "conditioner.embedders.1.model."
    write("clip.library", own)
    write("clip.original", {f"{wrapper}{k}": v for k, v in original.items()})
    write("clip.adapter", adapter)
    write("clip.delta", delta)
    names["clip"] = {"wrapper": wrapper, "prefix": "text_encoder_2", "places": {k: places[k] for k in delta}}
    (OUT / "names.json").write_text(json.dumps({"weight": WEIGHT, "models": names}, separators=(",", ":"), sort_keys=True) + "\n")
    size = sum(p.stat().st_size for p in OUT.iterdir())
    print(f"{len(list(OUT.iterdir()))} files, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
