"""Files by the key rules and formulas of programs that cannot be imported here, in float64. Each case names its source of the rule."""

import torch

from . import formulas as f
from .store import Store, double, normal

M, N, R = 24, 16, 3


class Case:
    """Collects tensors, truths and bases of one file."""

    def __init__(self, name):
        self.name, self.adapter, self.deltas, self.bases, self.metadata = name, {}, {}, {}, None

    def tensor(self, key, shape, scale=0.3, dtype=torch.float32, start=0.0):
        value = (start + normal(shape, scale, self.name, key)).to(dtype)
        self.adapter[key] = value
        return double(value)

    def value(self, key, value):
        self.adapter[key] = value
        return double(value)

    def base(self, target, shape):
        value = normal(shape, 0.3, self.name, "base", target)
        self.bases[f"denoiser:{target}"] = value.reshape(shape[0], -1)
        return double(value)

    def delta(self, target, value):
        value = double(value)
        self.deltas[f"denoiser:{target}"] = value.reshape(value.shape[0], -1)

    def pair(self, down, up, shape=(M, N), rank=R, dtype=torch.float32, kernel=()):
        a = self.tensor(down, (rank, shape[1], *kernel), dtype=dtype)
        b = self.tensor(up, (shape[0], rank, *(1 for _ in kernel)), dtype=dtype)
        return {"down": a, "up": b}

    def kohya(self, path, alpha=2.0, **args):
        k = self.pair(f"lora_unet_{path}.lora_down.weight", f"lora_unet_{path}.lora_up.weight", **args)
        if alpha is not None:
            self.value(f"lora_unet_{path}.alpha", torch.tensor(alpha))
        return k


def storage(s: Store) -> None:
    """The stored numbers are what counts, whatever their type: float64 of the rounded values is the truth."""
    c = Case("rule_storage")
    types = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64, "e4m3": torch.float8_e4m3fn, "e5m2": torch.float8_e5m2}
    for name, dtype in types.items():
        c.delta(name, f.pair(c.kohya(name, dtype=dtype), 2 / R))
    s.case(c.name, c.adapter, c.deltas)

    c = Case("rule_alphas")
    alphas = {
        "scalar": torch.tensor(2.0), "one": torch.tensor([2.0]), "half": torch.tensor(2.0, dtype=torch.float16), "brain": torch.tensor([2.0], dtype=torch.bfloat16),
        "integer": torch.tensor(2), "zero": torch.tensor(0.0), "negative": torch.tensor(-1.5), "none": None,
    }
    for name, alpha in alphas.items():
        k = c.kohya(name, alpha=None)
        if alpha is not None:
            c.value(f"lora_unet_{name}.alpha", alpha)
        c.delta(name, f.pair(k, 1.0 if alpha is None else float(alpha) / R))
    # stable-diffusion.cpp, AUTOMATIC1111: a stored scale stands for itself and is stronger than the alpha.
    c.delta("scaled", f.pair(c.kohya("scaled"), 0.35))
    c.value("lora_unet_scaled.scale", torch.tensor(0.35, dtype=torch.float64))
    s.case(c.name, c.adapter, c.deltas)


def names(s: Store) -> None:
    c = Case("rule_names")
    for path, down, up in [
        ("mochi", ".lora_A", ".lora_B"), ("named", ".lora_A.default.weight", ".lora_B.default.weight"), ("plain", ".lora_A.weight", ".lora_B.weight"),
        ("dotted", ".lora.down.weight", ".lora.up.weight"), ("linear", ".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
    ]:
        c.delta(f"part_{path}", f.pair(c.pair(f"transformer.part.{path}{down}", f"transformer.part.{path}{up}"), 1.0))
    # diffusers before PEFT
    k = c.pair("transformer.part.attn.processor.to_q_lora.down.weight", "transformer.part.attn.processor.to_q_lora.up.weight")
    c.delta("part_attn_to_q", f.pair(k, 1.0))
    # DiffSynth writes two underscores; DyLoRA and LCM-LoRA are plain pairs.
    k = c.pair("lora_unet__part_double.lora_down.weight", "lora_unet__part_double.lora_up.weight")
    c.delta("part_double", f.pair(k, 1.0))
    c.adapter["bundle_emb.token.clip_l"] = normal((2, 8), 0.1, "emb")
    c.adapter["bundle_emb.token.lora_A.weight"] = normal((2, 8), 0.1, "emb", "odd")
    s.case(c.name, c.adapter, c.deltas)

    c = Case("rule_convolutions")
    for path, kernel in (("point", (1, 1)), ("square", (3, 3)), ("tall", (5, 1)), ("line", (3,)), ("cube", (2, 3, 3))):
        c.delta(path, f.pair(c.kohya(path, kernel=kernel), 2 / R))
    core = c.kohya("core", kernel=(1, 1)) | {"mid": c.tensor("lora_unet_core.lora_mid.weight", (R, R, 3, 3))}
    c.delta("core", f.pair(core, 2 / R))
    # kohya, split_qkv: three A on top of each other, B block-diagonal, alpha over the whole rank
    a = c.tensor("lora_unet_qkv.lora_down.weight", (3 * R, N))
    blocks = [normal((8, R), 0.3, c.name, "block", i) for i in range(3)]
    b = c.value("lora_unet_qkv.lora_up.weight", torch.block_diag(*blocks))
    c.value("lora_unet_qkv.alpha", torch.tensor(2.0))
    c.delta("qkv", 2 / (3 * R) * b @ a)
    # ComfyUI: the weight is padded to this shape before the pair is added
    c.delta("padded", f.pair(c.kohya("padded"), 2 / R))
    c.value("lora_unet_padded.reshape_weight", torch.tensor([M, N]))
    s.case(c.name, c.adapter, c.deltas)


def differences(s: Store) -> None:
    c = Case("rule_differences")
    c.delta("ffn", c.tensor("diffusion_model.ffn.diff", (M, N)))
    c.delta("ffn_bias", c.tensor("diffusion_model.ffn.diff_b", (M,)))
    c.delta("norm", c.tensor("diffusion_model.norm.w_norm", (M,)))
    c.delta("norm_bias", c.tensor("diffusion_model.norm.b_norm", (M,)))
    c.delta("conv", c.tensor("diffusion_model.conv.diff", (6, 4, 3, 3)))
    # Wan LoRAs: a difference of the bias beside a pair, not scaled
    k = c.pair("diffusion_model.both.lora_down.weight", "diffusion_model.both.lora_up.weight")
    c.value("diffusion_model.both.alpha", torch.tensor(1.0))
    c.delta("both", f.pair(k, 1 / R))
    c.delta("both_bias", c.tensor("diffusion_model.both.diff_b", (M,)))
    new = c.tensor("diffusion_model.head.set_weight", (M, N))
    c.delta("head", new - c.base("head", (M, N)))
    # BFL control LoRA: norms stand in it whole, under their own name; biases of the up factor
    k = c.pair("double_blocks.0.img_attn.proj.lora_A.weight", "double_blocks.0.img_attn.proj.lora_B.weight")
    c.delta("double_blocks_0_img_attn_proj", f.pair(k, 1.0))
    c.delta("double_blocks_0_img_attn_proj_bias", c.tensor("double_blocks.0.img_attn.proj.lora_B.bias", (M,)))
    new = c.tensor("double_blocks.0.img_attn.norm.query_norm.scale", (8,), start=1.0).reshape(-1, 1)
    c.delta("double_blocks_0_img_attn_norm_query_norm", new - c.base("double_blocks_0_img_attn_norm_query_norm", (8, 1)))
    s.case(c.name, c.adapter, c.deltas, c.bases)


def based(s: Store) -> None:
    c = Case("rule_dora")
    # ai-toolkit: `magnitude`, one per output. OneTrainer: [1, in] per input. PEFT: [1, out, 1, 1] for convolutions, though it looks like inputs.
    for path, key, shape, axis in (
        ("toolkit", "magnitude", (N,), 0), ("trainer", "dora_scale", (1, N), 1), ("output", "dora_scale", (N, 1), 0),
        ("square", "lora_magnitude_vector", (N,), 0),
    ):
        step = f.pair(c.kohya(path, shape=(N, N)), 2 / R)
        m = c.tensor(f"lora_unet_{path}.{key}", shape, 0.2, start=1.2)
        c.delta(path, f.dora(c.base(path, (N, N)), step, m, axis))
    step = f.pair(c.kohya("conv", shape=(8, 8), kernel=(3, 3)), 2 / R)
    m = c.tensor("lora_unet_conv.lora_magnitude_vector.weight", (1, 8, 1, 1), 0.2, start=2.5)
    c.delta("conv", f.dora(c.base("conv", (8, 8, 3, 3)), step, m, 0))
    core = c.kohya("core", shape=(8, 6), kernel=(1, 1)) | {"mid": c.tensor("lora_unet_core.lora_mid.weight", (R, R, 3, 3))}
    m = c.tensor("lora_unet_core.dora_scale", (1, 6, 1, 1), 0.2, start=2.5)
    c.delta("core", f.dora(c.base("core", (8, 6, 3, 3)), f.pair(core, 2 / R), m, 1))
    # Small next to the weight: the difference of two rounded matrices would be off by 1e-4.
    w0 = c.base("subtle", (M, N))
    k = {n: c.value(f"lora_unet_subtle.lora_{n}.weight", normal(sh, 2e-3, c.name, n)) for n, sh in (("down", (R, N)), ("up", (M, R)))}
    m = c.value("lora_unet_subtle.dora_scale", torch.from_numpy(f.np.linalg.norm(w0, axis=1, keepdims=True) * (1 + 1e-4)).float())
    c.delta("subtle", f.dora(w0, f.pair(k, 1.0), m, 0))
    s.case(c.name, c.adapter, c.deltas, c.bases)

    # kohya networks/oft.py: its own prefix, alpha·outputs bounds the norm, and an alpha of 0 is no exception
    c = Case("rule_kohya_oft")
    for path, alpha in (("bound", 0.01), ("free", 10.0), ("still", 0.0)):
        q = c.tensor(f"oft_unet_{path}.oft_blocks", (4, 6, 6), 0.2)
        c.value(f"oft_unet_{path}.alpha", torch.tensor(alpha))
        c.delta(path, f.oft(c.base(path, (M, N)), q, alpha * M))
    s.case(c.name, c.adapter, c.deltas, c.bases)

    # LyCORIS 2: rotations themselves
    c = Case("rule_oft_diag")
    r = f.cayley(f.skew(double(normal((4, 6, 6), 0.2, c.name))))
    r = c.value("lycoris_old.oft_diag", torch.from_numpy(r).float())
    w0 = c.base("old", (M, N))
    c.delta("old", f.block_diagonal(r).T @ w0 - w0)
    s.case(c.name, c.adapter, c.deltas, c.bases)

    # LyCORIS before 2.1: a1 [r, in], a2 [in, r], b1 [r, in], b2 [out, r]; also square, where only the rank's side tells
    c = Case("rule_old_glora")
    for path, out in (("wide", M), ("square", N)):
        a1, a2 = c.tensor(f"lycoris_{path}.a1.weight", (R, N)), c.tensor(f"lycoris_{path}.a2.weight", (N, R))
        b1, b2 = c.tensor(f"lycoris_{path}.b1.weight", (R, N)), c.tensor(f"lycoris_{path}.b2.weight", (out, R))
        c.value(f"lycoris_{path}.alpha", torch.tensor(2.0))
        c.delta(path, f.glora(c.base(path, (out, N)), a2, a1, b2, b1, 2 / R))
    a1, a2 = c.tensor("lycoris_core.a1.weight", (6, R, 1, 1)), c.tensor("lycoris_core.a2.weight", (R, 6, 1, 1))
    b1, b2 = c.tensor("lycoris_core.b1.weight", (8, R, 1, 1)), c.tensor("lycoris_core.b2.weight", (R, 6, 1, 1))
    mid = c.tensor("lycoris_core.bm.weight", (R, R, 3, 3))
    c.delta("core", f.glora(c.base("core", (8, 6, 3, 3)), a1, a2, b1, b2, 1.0, mid))
    s.case(c.name, c.adapter, c.deltas, c.bases)

    c = Case("rule_peft_ia3")
    w0 = c.base("conv", (8, 6, 3, 3))
    c.delta("conv", f.ia3(w0, c.tensor("base_model.model.conv.ia3_l", (1, 6, 1, 1), start=1.0), True, added=False))
    w0 = c.base("named", (M, N))
    c.delta("named", f.ia3(w0, c.tensor("base_model.model.named.ia3_l.default", (M, 1), start=1.0), False, added=False))
    s.case(c.name, c.adapter, c.deltas, c.bases)


def write_all(s: Store) -> None:
    for part in (storage, names, differences, based):
        part(s)
