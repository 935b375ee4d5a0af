"""Pairs and triples to merge, with the dense float64 sum and its best approximations. PEFT's own `cat` and `svd` beside them."""

import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model

from . import delta, expected, names, tensors, tiny_models
from .expected import File
from .from_libraries import delta_in_double, fill, lora_layers
from .from_rules import Pair, pair_tensors

DENSE_LIMIT = 4_096  # elements of ΔW stored whole; larger ones: a seeded choice of rows and columns
PICK = (48, 24)


@dataclass
class Input:
    file: str
    weight: float
    profile: dict[str, float] | None = None  # slot -> factor; slots not named: 1
    te_weight: float | None = None  # None: `weight`
    adapter_config: str | None = None
    scales: dict[str, float] = field(default_factory=dict)


@dataclass
class Case:
    name: str
    family: str
    inputs: list[Input]
    ranks: list[int] = field(default_factory=list)
    theirs: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)  # "peft_cat" -> target -> ΔW


def contributions(out: Path, case: Case):
    """(target, first row, w·profile·ΔW factors) of every module of every input."""
    for given in case.inputs:
        info = File(given.file, "", "", case.family, scales=given.scales)
        for stem, module in expected.modules(out / given.file, info).items():
            roles = module["roles"]
            b, a = delta.factors(roles, delta.scale_of(roles, module["kind"], module["scale"]))
            spot = names.place(stem, case.family, b.shape[0])
            if spot.component == "denoiser":
                factor = given.weight * (given.profile or {}).get(spot.slot, 1.0)
            else:
                factor = given.weight if given.te_weight is None else given.te_weight
            yield f"{spot.component}:{spot.path}", spot.rows, factor * b, a


def part_norms(out: Path, case: Case) -> dict[str, float]:
    """Target -> Σ ‖wᵢ·ΔWᵢ‖: what the rounding of the stored factors is relative to, also where the parts cancel."""
    made: dict[str, float] = {}
    for target, _, b, a in contributions(out, case):
        size = float(np.linalg.norm(np.linalg.qr(b, mode="r") @ np.linalg.qr(a.T, mode="r").T))
        made[target] = made.get(target, 0.0) + size
    return made


def stacked(out: Path, case: Case) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Target -> (B, A) whose product is the wanted sum, row windows of fused weights filled with zeros."""
    parts: dict[str, list] = {}
    for target, rows, b, a in contributions(out, case):
        parts.setdefault(target, []).append((rows, b, a))
    made = {}
    for target, found in sorted(parts.items()):
        height = max((rows[0] + rows[1] if rows else b.shape[0]) for rows, b, _ in found)
        lifted = []
        for rows, b, _ in found:
            full = np.zeros((height, b.shape[1]))
            start = rows[0] if rows else 0
            full[start:start + b.shape[0]] = b
            lifted.append(full)
        made[target] = np.hstack(lifted), np.vstack([a for _, _, a in found])
    return made


def spectrum(b: np.ndarray, a: np.ndarray):
    """Thin SVD of B·A through QR of both factors, float64."""
    qb, rb = np.linalg.qr(b)
    qa, ra = np.linalg.qr(a.T)
    u, sigma, vt = np.linalg.svd(rb @ ra.T)
    return qb @ u[:, : len(sigma)], sigma, vt[: len(sigma)] @ qa.T


def describe(out: Path, case: Case) -> None:
    targets, stored = {}, {}
    norms = part_norms(out, case)
    for target, (b, a) in stacked(out, case).items():
        u, sigma, vt = spectrum(b, a)
        m, n = b.shape[0], a.shape[1]
        row: dict = {"shape": [m, n], "frobenius": float(np.linalg.norm(sigma)), "parts": norms[target], "singular": sigma.tolist()}
        if m * n <= DENSE_LIMIT:
            whole = b @ a
            check = np.linalg.svd(whole, compute_uv=False)[: len(sigma)]
            assert np.allclose(check, sigma[: len(check)], rtol=1e-9, atol=1e-12 * max(check[0], 1e-300)), target
            stored[f"sum/{target}"] = torch.from_numpy(whole)
        else:
            pick = tensors.rng(case.name, target)
            rows = np.sort(pick.choice(m, min(m, PICK[0]), replace=False))
            columns = np.sort(pick.choice(n, min(n, PICK[1]), replace=False))
            row["picked_rows"], row["picked_columns"] = rows.tolist(), columns.tolist()
            stored[f"sum/{target}"] = torch.from_numpy(b[rows] @ a[:, columns])
        row["optimum"] = {}
        for k in case.ranks:
            error = float(np.linalg.norm(sigma[k:]))
            gap = float(sigma[k - 1] / sigma[k]) if k < len(sigma) and sigma[k] > 1e-12 * sigma[0] else None
            row["optimum"][str(k)] = {"error": error, "gap": gap}
            if m * n <= DENSE_LIMIT:
                stored[f"rank{k}/{target}"] = torch.from_numpy((u[:, :k] * sigma[:k]) @ vt[:k])
        targets[target] = row
    for label, results in case.theirs.items():
        for target, theirs in results.items():
            mine = stored.get(f"{'rank' + str(case.ranks[0]) if 'svd' in label else 'sum'}/{target}")
            if mine is not None and mine.shape == theirs.shape:
                gap = np.linalg.norm(mine.numpy() - theirs) / np.linalg.norm(theirs)
                assert gap < 1e-5, (label, target, gap)
                stored[f"{label}/{target}"] = torch.from_numpy(theirs.astype(np.float32))
    tensors.write(out / f"{case.name}.expected.safetensors", stored)
    plan = {
        "family": case.family, "ranks": case.ranks,
        "inputs": [{k: v for k, v in vars(given).items() if k != "scales"} for given in case.inputs], "targets": targets,
    }
    (out / f"{case.name}.json").write_text(json.dumps(plan, indent=1) + "\n")


def adapter(out: Path, name: str, pairs: list[Pair], style="kohya", dtype="F32") -> str:
    made = {}
    for pair in pairs:
        made |= pair_tensors(name, pair, style, dtype)
    tensors.write(out / f"{name}.safetensors", made)
    return f"{name}.safetensors"


SPOTS = [
    ("down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q", 16, 16), ("down_blocks_2_attentions_1_transformer_blocks_0_attn1_to_v", 24, 24),
    ("mid_block_attentions_0_transformer_blocks_0_ff_net_2", 16, 48), ("up_blocks_1_attentions_0_transformer_blocks_0_attn2_to_q", 20, 20),
]
CROSS = "up_blocks_3_attentions_2_transformer_blocks_0_attn2_to_k"
DOTTED = {
    SPOTS[0][0]: "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", SPOTS[1][0]: "down_blocks.2.attentions.1.transformer_blocks.0.attn1.to_v",
    SPOTS[2][0]: "mid_block.attentions.0.transformer_blocks.0.ff.net.2", SPOTS[3][0]: "up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_q",
    CROSS: "up_blocks.3.attentions.2.transformer_blocks.0.attn2.to_k",
}


def sd1(rank, alpha, prefix="lora_unet_", dotted=False, leave=(), cross=768) -> list[Pair]:
    spots = [s for i, s in enumerate(SPOTS) if i not in leave] + [(CROSS, 16, cross)]
    return [Pair(prefix + (DOTTED[n] if dotted else n), m, k, rank, alpha, size=0.3) for n, m, k in spots]


def by_rules(out: Path) -> list[Case]:
    te = [Pair(f"lora_te_text_model_encoder_layers_3_self_attn_{x}_proj", 24, 24, 2, 1.0, size=0.3) for x in ("q", "out")]
    a = adapter(out, "a_kohya_r4", sd1(4, 2.0) + te)
    b = adapter(out, "b_kohya_r4", sd1(4, 4.0) + te)
    c = adapter(out, "c_diffusers_r5", sd1(5, None, "unet.", True, leave=(1,)), "peft")
    d = adapter(out, "d_kohya_r3_f16", sd1(3, 1.0, leave=(0,)), dtype="F16")
    profile = {"IN01": 0.5, "IN08": 0.0, "M00": -1.0, "OUT03": 1.5, "OUT11": 0.25}
    cases = [
        Case("same_rank", "sd1", [Input(a, 0.8, profile, te_weight=0.25), Input(b, -0.5)], [2, 4]),
        Case("mixed_names", "sd1", [Input(a, 0.7), Input(c, 1.1, {"M00": 0.3, "IN01": -2.0}), Input(d, -1.5)], [3]),
        Case("one_scaled", "sd1", [Input(d, 0.5, profile)], [2]),
    ]
    # Nearly dependent: e = a + 1e-4 noise, so the stacked factors have condition 1e4 and the sum keeps rank ~4.
    stored = load(out / a)
    near = {k: v if k.endswith("alpha") else v + tensors.normal(tuple(v.shape), 3e-5, "e", k).float() for k, v in stored.items()}
    tensors.write(out / "e_near_copy_of_a.safetensors", near)
    cases.append(Case("nearly_dependent", "sd1", [Input(a, 1.0), Input("e_near_copy_of_a.safetensors", 1.0)], [4]))
    cases.append(Case("nearly_cancelling", "sd1", [Input(a, 1.0), Input("e_near_copy_of_a.safetensors", -1.0)], [4]))

    conv = ["down_blocks_1_resnets_0_conv1", "mid_block_resnets_1_conv2"]
    tall = [Pair("lora_unet_down_blocks_0_attentions_0_proj_in", 16, 16, 3, 1.0, kernel=1, size=0.3), Pair("lora_unet_" + CROSS, 16, 768, 2, 1.0, size=0.3)]
    f = adapter(out, "f_locon", [Pair("lora_unet_" + n, 16, 12, 3, 2.0, kernel=3, size=0.3) for n in conv] + tall)
    g = adapter(out, "g_locon_tucker", [Pair("lora_unet_" + n, 16, 12, 4, 1.0, kernel=3, tucker=True, size=0.3) for n in conv] + tall[:1])
    cases.append(Case("convolutions", "sd1", [Input(f, 0.9), Input(g, 0.6, {"M00": 2.0})], [3]))

    ldm = [Pair("lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q", 16, 16, 3, 2.0, size=0.3),
           Pair("lora_unet_output_blocks_5_1_transformer_blocks_1_ff_net_2", 16, 40, 3, 2.0, size=0.3),
           Pair("lora_unet_input_blocks_4_0_in_layers_2", 12, 8, 2, 1.0, kernel=3, size=0.3),
           Pair("lora_unet_input_blocks_8_1_transformer_blocks_9_attn2_to_k", 6, 2048, 2, 1.0, size=0.3)]
    sx = [Pair("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q", 16, 16, 4, size=0.3),
          Pair("unet.up_blocks.1.attentions.2.transformer_blocks.1.ff.net.2", 16, 40, 4, size=0.3),
          Pair("unet.down_blocks.2.attentions.1.transformer_blocks.9.attn2.to_k", 6, 2048, 1, size=0.3)]
    res = [Pair("unet.down_blocks.1.resnets.0.conv1", 12, 8, 2, kernel=3, size=0.3)]
    h, i = adapter(out, "h_sdxl_ldm", ldm), adapter(out, "i_sdxl_diffusers", sx + res, "peft")
    cases.append(Case("sdxl_ldm_and_diffusers", "sdxl", [Input(h, 0.8, {"IN04": 0.5, "OUT05": 2.0}), Input(i, 0.4, {"IN08": -1.0})], [2]))
    return cases + transformers(out)


def transformers(out: Path) -> list[Case]:
    """Fused and split forms of the same weight at real widths; rank 1 keeps them small."""
    h = 3072
    j = adapter(out, "j_flux_kohya", [Pair("lora_unet_double_blocks_0_img_attn_qkv", 3 * h, h, 1, 0.5), Pair("lora_unet_single_blocks_3_linear1", 7 * h, h, 1, 1.0)], dtype="F16")
    k = adapter(out, "k_flux_diffusers", [
        Pair("transformer.transformer_blocks.0.attn.to_q", h, h, 1), Pair("transformer.transformer_blocks.0.attn.to_v", h, h, 1),
        Pair("transformer.single_transformer_blocks.3.proj_mlp", 4 * h, h, 1), Pair("transformer.single_transformer_blocks.3.attn.to_k", h, h, 1),
    ], "peft", "BF16")
    x = adapter(out, "l_flux_xlabs", [Pair("double_blocks.0.processor.qkv_lora1", 3 * h, h, 1), Pair("single_blocks.3.processor.qkv_lora", 3 * h, h, 1)], "xlabs", "F16")
    w = 1536
    m = adapter(out, "m_wan_musubi", [Pair("lora_unet_blocks_0_self_attn_q", w, w, 2, 1.0), Pair("lora_unet_blocks_7_cross_attn_o", w, w, 1, 1.0)], dtype="F16")
    n = adapter(out, "n_wan_diffusers", [Pair("transformer.blocks.0.attn1.to_q", w, w, 1), Pair("transformer.blocks.7.attn2.to_out.0", w, w, 2)], "peft", "F16")
    o = adapter(out, "o_sd3_kohya", [Pair("lora_unet_joint_blocks_2_x_block_attn_qkv", 3 * w, w, 1, 1.0), Pair("lora_unet_joint_blocks_2_context_block_mlp_fc1", 4 * w, w, 1, 1.0)], dtype="F16")
    p = adapter(out, "p_sd3_diffusers", [
        Pair("transformer.transformer_blocks.2.attn.to_k", w, w, 1), Pair("transformer.transformer_blocks.2.attn.add_q_proj", w, w, 1),
        Pair("transformer.transformer_blocks.2.ff_context.net.0.proj", 4 * w, w, 1),
    ], "peft", "F16")
    return [
        Case("flux_fused_and_split", "flux1", [Input(j, 0.8, {"D00": 0.5}), Input(k, -0.6, {"S03": 2.0}), Input(x, 1.0)], [2]),
        Case("wan_native_and_diffusers", "wan", [Input(m, 1.2, {"B07": 0.5}), Input(n, 0.5)], [2]),
        Case("sd3_fused_and_split", "sd3", [Input(o, 0.5), Input(p, 1.0, {"B02": 0.7})], [1]),
    ]


def load(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return dict(sorted(load_file(str(path)).items()))


def by_peft(out: Path) -> Case:
    """Two adapters of one model, saved by PEFT, merged by PEFT with `cat` and `svd`."""
    torch.manual_seed(0)
    only = r"(down_blocks\.0\.attentions\.0|mid_block\.attentions\.0)\..*"
    configs = {
        "first": LoraConfig(r=4, lora_alpha=6, target_modules=only + "attn1.to_(q|v)", rank_pattern={"attn1.to_v": 3}),
        "second": LoraConfig(r=6, lora_alpha=3, target_modules=only + r"(attn1.to_q|ff.net.2|attn2.to_k)"),
    }
    model = get_peft_model(tiny_models.unet_sd1(), configs["first"], adapter_name="first")
    model.add_adapter("second", configs["second"])
    fill(model, "peft merges", size=0.3)
    inputs, weights = [], {"first": 0.8, "second": -0.6}
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        for name, weight in weights.items():
            for made, kept in (("adapter_model.safetensors", f"q_peft_{name}.safetensors"), ("adapter_config.json", f"q_peft_{name}.adapter_config.json")):
                shutil.copyfile(Path(folder) / name / made, out / kept)
            scales = {n: m.scaling[name] for n, m in lora_layers(model) if name in m.lora_A}
            inputs.append(Input(f"q_peft_{name}.safetensors", weight, adapter_config=f"q_peft_{name}.adapter_config.json", scales=scales))
    theirs: dict = {}
    for label, args in {"peft_cat": {"combination_type": "cat"}, "peft_svd": {"combination_type": "svd", "svd_rank": 4}}.items():
        model.add_weighted_adapter(list(weights), list(weights.values()), label, **args)
        theirs[label] = {}
        for stem, layer in lora_layers(model):
            layer.lora_A["default"], layer.lora_B["default"], layer.scaling["default"] = layer.lora_A[label], layer.lora_B[label], layer.scaling[label]
            target = names.place(stem, "sd1", 0)
            theirs[label][f"{target.component}:{target.path}"] = delta_in_double(layer)
    return Case("peft_cat_and_svd", "sd1", inputs, [4], theirs)


def write_all(out: Path) -> None:
    out.mkdir(parents=True)
    for case in [*by_rules(out), by_peft(out)]:
        describe(out, case)
