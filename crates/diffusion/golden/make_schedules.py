"""Writes `noise.json`, `schedules.json` and `samplers.json` anew: what torch, k-diffusion, diffusers and SciPy make of the same input.

Noise is torch's own. Levels and walks are k-diffusion's (float64) and diffusers' schedulers; where neither knows a rule (ComfyUI's way to pick
levels, ancestral steps of flow models) it is written down here a second time, in numpy. Versions: requirements_schedules.txt; k-diffusion and
torchdiffeq may be installed with --no-deps. A few seconds; the bytes come out the same each time.
"""

import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np
import torch
from scipy import stats

HERE = Path(__file__).parent


def k_diffusion():
    """Its sampling and external modules alone: the package as a whole wants training libraries."""
    package = types.ModuleType("k_diffusion")
    package.__path__ = list(importlib.util.find_spec("k_diffusion").submodule_search_locations)
    sys.modules["k_diffusion"] = package
    for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]
    sys.modules["torchvision.transforms"].functional = sys.modules["torchvision.transforms.functional"]
    from k_diffusion import external, sampling

    return sampling, external


sampling, external = k_diffusion()
for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
    sys.modules.pop(name, None)
from diffusers import (  # noqa: E402
    DDIMScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    UniPCMultistepScheduler,
)
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg  # noqa: E402
from diffusers.pipelines.flux.pipeline_flux import calculate_shift  # noqa: E402


def rounded(values, digits=10):
    return [float(f"{float(v):.{digits}g}") for v in np.asarray(values, dtype=np.float64).ravel()]


def write(name, value):
    rows = [f" {json.dumps(key)}: {json.dumps(part, separators=(',', ':'))}" for key, part in value.items()]
    (HERE / name).write_text("{\n" + ",\n".join(rows) + "\n}\n")


def noise():
    """Draws of one generator after another; of large draws every 97th number."""
    streams = []
    for seed, sizes in [
        (0, [4]), (0, [16384]), (42, [16384]), (7, [15, 16, 17, 1, 37, 3, 100]), (2**32 + 7, [15, 16]), (2**64 - 1, [5, 33, 5]), (1234, [7, 1, 1, 31]),
    ]:
        generator = torch.Generator().manual_seed(seed if seed < 2**63 else seed - 2**64)
        draws = [torch.randn(n, generator=generator) for n in sizes]
        streams.append({"seed": str(seed), "draws": [{"n": len(d), "every": 97 if len(d) > 200 else 1, "values": rounded(d[:: 97 if len(d) > 200 else 1])} for d in draws]})
    generator = torch.Generator().manual_seed(3)
    low, high = torch.randn(2, 3, 4, generator=generator), torch.randn(2, 3, 4, generator=generator)
    slerps = []
    for share in (0.1, 0.5, 0.9):
        for end in (high, low * 1.5):
            slerps.append({"share": share, "start": rounded(low), "end": rounded(end), "want": rounded(slerp(share, low.double(), end.double()))})
    write("noise.json", {"torch": torch.__version__, "streams": streams, "slerp": slerps})


def slerp(share, low, high):
    """A1111's rule: columns (dim 1 of channel, row, column) are the vectors."""
    cosine = (low / low.norm(dim=1, keepdim=True) * (high / high.norm(dim=1, keepdim=True))).sum(1)
    if cosine.mean() > 0.9995:
        return low * (1 - share) + high * share
    angle = cosine.acos()
    return (((1 - share) * angle).sin() / angle.sin()).unsqueeze(1) * low + ((share * angle).sin() / angle.sin()).unsqueeze(1) * high


def tables():
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    alphas = np.cumprod(1 - betas)
    sd = ((1 - alphas) / alphas) ** 0.5
    root = np.sqrt(alphas)
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    zero = root**2
    zero[-1] = 4.8973451890853435e-08
    return sd, ((1 - zero) / zero) ** 0.5


def comfy(table, to_t, to_sigma, steps):
    """ComfyUI's ways to pick levels, from its documented rules."""
    stride = len(table) / steps
    simple = [table[-(1 + int(i * stride))] for i in range(steps)]
    ddim = list(table[1 :: max(len(table) // steps, 1)][::-1])
    start, end = to_t(table[-1]), to_t(table[0])
    sgm = [to_sigma(t) for t in np.linspace(start, end, steps + 1)[:-1]]
    normal = [to_sigma(t) for t in np.linspace(start, end, steps)]
    at = np.rint(stats.beta.ppf(1 - np.linspace(0, 1, steps, endpoint=False), 0.6, 0.6) * (len(table) - 1)).astype(int)
    beta = [table[t] for i, t in enumerate(at) if i == 0 or t != at[i - 1]]
    return {k: rounded([*v, 0]) for k, v in dict(simple=simple, ddim_uniform=ddim, sgm_uniform=sgm, normal=normal, beta=beta).items()}


def levels():
    torch.set_default_dtype(torch.float64)  # k-diffusion's ramps
    sd, zero = tables()
    out = {}
    for name, table in {"sd": sd, "zero": zero}.items():
        schedule = external.DiscreteSchedule(torch.tensor(table), quantize=False)
        quantized = external.DiscreteSchedule(torch.tensor(table), quantize=True)
        some = np.geomspace(table[0] * 0.9, table[-1] * 1.1, 23)
        entry = {"table": rounded(table[::111]), "sigmas": rounded(some)}
        entry["between"] = rounded(schedule.sigma_to_t(torch.tensor(some)))
        entry["nearest"] = rounded(quantized.sigma_to_t(torch.tensor(some)))
        for n in (1, 2, 5, 13, 20, 30):
            rules = comfy(table, lambda s: float(quantized.sigma_to_t(torch.tensor([s]))), lambda t: float(schedule.t_to_sigma(torch.tensor(t))), n)
            if n > 1:
                rules["normal"] = rounded(schedule.get_sigmas(n))
                rules["karras"] = rounded(sampling.get_sigmas_karras(n, torch.tensor(table[0]), torch.tensor(table[-1])))
                rules["exponential"] = rounded([*torch.linspace(np.log(table[-1]), np.log(table[0]), n, dtype=torch.float64).exp(), 0])
            entry[str(n)] = rules
        out[name] = entry
    for name, shift, entries in [("sd3", 3.0, 1000), ("flux", float(np.exp(calculate_shift(1024))), 10000), ("schnell", 1.0, 10000)]:
        bend = lambda t: shift * t / (1 + (shift - 1) * t)  # noqa: E731
        table = bend(np.arange(1, entries + 1) / entries)
        entry = {"table": rounded(table[:: entries // 9]), "shift": shift, "entries": entries}
        for n in (2, 4, 13, 20):
            entry[str(n)] = comfy(table, lambda s: s, bend, n)
        out[name] = entry
    # diffusers' own schedule of flow models, where it is the same as `simple`.
    flow = []
    for tokens, n in [(1024, 4), (4096, 4), (4096, 20), (256, 8)]:
        scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
        mu = calculate_shift(tokens, 256, 4096, 0.5, 1.15)
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / n, n), mu=mu)
        flow.append({"tokens": tokens, "steps": n, "sigmas": rounded(scheduler.sigmas)})
    out["diffusers_flow"] = flow
    out["beta_ppf"] = [[p, float(stats.beta.ppf(p, 0.6, 0.6))] for p in (0.001, 0.013, 0.1, 0.25, 0.4999, 0.5, 0.62, 0.9, 0.999)]
    g = torch.Generator().manual_seed(5)
    with_, guided = torch.randn(1, 12, generator=g, dtype=torch.float64), 3 * torch.randn(1, 12, generator=g, dtype=torch.float64)
    out["rescale"] = {"with": rounded(with_), "guided": rounded(guided), "share": 0.7, "want": rounded(rescale_noise_cfg(guided, with_, 0.7))}
    torch.set_default_dtype(torch.float32)
    write("schedules.json", out)


def model(x, sigma):
    """A smooth guess of the clean latent that depends on the level in more than one way."""
    return 0.7 * x / (1 + sigma**2) + 0.3 * torch.tanh(x / (sigma**2 + 0.5)) + 0.05 * torch.cos(x + sigma)


class Tape:
    """Noise that is handed out and written down."""

    def __init__(self, seed, shape):
        self.generator, self.shape, self.drawn = torch.Generator().manual_seed(seed), shape, []

    def __call__(self, *_):
        self.drawn.append(torch.randn(self.shape, generator=self.generator, dtype=torch.float64).float().double())
        return self.drawn[-1]


def walk(sampler, function, sigmas, path="exploding", **settings):
    """One walk of eight numbers: start, the latent before each step, the end."""
    start = torch.linspace(-2, 2, 8, dtype=torch.float64) * sigmas[0] + 0.1
    start = start.float().double()
    tape, seen = Tape(11, start.shape), []
    end = function(start, torch.tensor(sigmas, dtype=torch.float64), tape, lambda x: seen.append(rounded(x, 9)), settings)
    return {
        "sampler": sampler, "path": path, "sigmas": rounded(sigmas, 16), "settings": settings, "noise": [rounded(n) for n in tape.drawn],
        "seen": seen, "end": rounded(end, 9),
    }


def from_k(name, random=False, churn=False):
    function = getattr(sampling, f"sample_{name}")

    def go(x, sigmas, tape, see, settings):
        extra = dict(settings)
        if random:
            extra["noise_sampler"] = tape
        before = torch.randn_like
        torch.randn_like = lambda _, **__: tape()
        try:
            return function(lambda x, s, **_: model(x, s), x, sigmas, disable=True, callback=lambda d: see(d["x"]), **extra)
        finally:
            torch.randn_like = before

    return go


def from_diffusers(scheduler):
    """UniPC in the variance-preserving latents x/sqrt(1 + sigma^2) that diffusers keeps, with the levels it is told."""

    def go(x, sigmas, tape, see, settings):
        n = len(sigmas) - 1
        scheduler.set_timesteps(n)
        scheduler.sigmas = sigmas
        scheduler.timesteps = torch.arange(n)
        scheduler.num_inference_steps = n
        x = x[None] / (1 + sigmas[0] ** 2) ** 0.5
        for i in range(n):
            s = sigmas[i]
            raw = x * (1 + s**2) ** 0.5
            guess = model(raw, s)
            x = scheduler.step((raw - guess) / s, scheduler.timesteps[i], x).prev_sample
            # diffusers corrects its latent when the next guess comes, so only the end is compared.
        return x * (1 + sigmas[-1] ** 2) ** 0.5

    return go


def ddim(x, sigmas, tape, see, settings):
    """DDIMScheduler told which of its training steps to visit, in its own latents; sigmas must be those of the table."""
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=True)
    scheduler.alphas_cumprod = 1 / (1 + torch.tensor(tables()[0]) ** 2)
    scheduler.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float64)
    n = len(sigmas) - 1
    scheduler.set_timesteps(n)
    x = x / (1 + sigmas[0] ** 2) ** 0.5
    for i, t in enumerate(scheduler.timesteps):
        raw = x * (1 + sigmas[i] ** 2) ** 0.5
        see(raw)
        noise = tape() if sigmas[i + 1] > 0 else torch.zeros_like(x)
        x = scheduler.step((raw - model(raw, sigmas[i])) / sigmas[i], t, x, eta=settings["eta"], variance_noise=noise).prev_sample
    return x


def flow_diffusers(scheduler):
    def go(x, sigmas, tape, see, settings):
        scheduler.set_timesteps(len(sigmas) - 1)
        heun = isinstance(scheduler, FlowMatchHeunDiscreteScheduler)
        scheduler.sigmas = torch.cat([sigmas[:1], sigmas[1:-1].repeat_interleave(2), sigmas[-1:]]) if heun else sigmas
        scheduler.timesteps = torch.arange(len(scheduler.sigmas) - 1, dtype=torch.float64) + 1
        for i, t in enumerate(scheduler.timesteps):
            s = scheduler.sigmas[i]
            if not heun or i % 2 == 0:
                see(x)
            scheduler._step_index = i
            x = scheduler.step((x - model(x, s)) / s, t, x).prev_sample.double()
        return x

    return go


def flow_ancestral(kind):
    """ComfyUI's ancestral steps for flow models, from its documented rule."""

    def go(x, sigmas, tape, see, settings):
        for s, n in zip(sigmas[:-1], sigmas[1:]):
            see(x)
            guess = model(x, s)
            if n == 0:
                x = guess
                continue
            down = n * (1 + (n / s - 1) * settings["eta"])
            if kind == "dpm_2":
                middle = (s.log() * 0.5 + down.log() * 0.5).exp()
                ahead = x + (x - guess) / s * (middle - s)
                x = x + (ahead - model(ahead, middle)) / middle * (down - s)
            elif kind == "2s":
                of = lambda v: ((1 - v) / v).log()  # noqa: E731
                middle = torch.tensor(0.9999, dtype=torch.float64) if s == 1 else 1 / (1 + (of(s) + 0.5 * (of(down) - of(s))).exp())
                ahead = middle / s * x + (1 - middle / s) * guess
                x = down / s * x + (1 - down / s) * model(ahead, middle)
            else:
                x = down / s * x + (1 - down / s) * guess
            scale = (1 - n) / (1 - down)
            x = scale * x + (n**2 - down**2 * scale**2) ** 0.5 * tape()
        return x

    return go


def flow_2m_sde(x, sigmas, tape, see, settings):
    """DPM-Solver++(2M) SDE for the path a x0 + s n, from the paper's formulas in lambda = ln(a/s)."""
    old, last = None, None
    of = lambda s: ((1 - s) / s).log()  # noqa: E731
    eta = settings["eta"]
    for s, n in zip(sigmas[:-1], sigmas[1:]):
        see(x)
        guess = model(x, s)
        if n == 0:
            return guess
        h = of(n) - of(torch.clamp(s, max=0.9999))
        a = 1 - n
        new = n / s * (-h * eta).exp() * x - a * torch.expm1(-h * (1 + eta)) * guess
        if old is not None:
            new = new - 0.5 * a * torch.expm1(-h * (1 + eta)) * h / last * (guess - old)
        x = new + n * (-torch.expm1(-2 * h * eta)) ** 0.5 * tape()
        old, last = guess, h
    return x


def samplers():
    sd = tables()[0]
    karras = [float(s) for s in sampling.get_sigmas_karras(9, torch.tensor(sd[0]), torch.tensor(sd[-1]))]
    part = karras[3:]
    open_end = karras[:-1]
    walks = []
    for name, ours in [("euler", "euler"), ("heun", "heun"), ("dpm_2", "dpm2")]:
        walks += [walk(ours, from_k(name), s) for s in (karras, part, open_end)]
        walks.append(walk(ours, from_k(name), karras, s_churn=3.0, s_noise=1.003))
    walks += [walk("dpmpp_2m", from_k("dpmpp_2m"), s) for s in (karras, part, open_end)]
    walks += [walk("lms", from_k("lms"), s) for s in (open_end, part[:-1])]  # to level 0 ours, as ComfyUI's, goes straight
    for name, ours in [
        ("euler_ancestral", "euler_a"), ("dpm_2_ancestral", "dpm2_a"), ("dpmpp_2s_ancestral", "dpmpp_2s_a"), ("dpmpp_sde", "dpmpp_sde"),
        ("dpmpp_2m_sde", "dpmpp_2m_sde"), ("dpmpp_3m_sde", "dpmpp_3m_sde"),
    ]:  # fmt: skip
        walks += [walk(ours, from_k(name, random=True), s, eta=e, s_noise=n) for s, e, n in [(karras, 1.0, 1.0), (part, 0.6, 1.01), (open_end, 1.0, 1.0), (karras, 0.0, 1.0)]]
    short = [karras[:2] + karras[-1:], karras[:3] + karras[-1:]]
    opened = [open_end, part[:-1], karras[:3], karras[:4]]  # with bh1 diffusers gives NaN at level 0
    for form, ours in [("bh1", "uni_pc"), ("bh2", "uni_pc_bh2")]:
        for s in opened if form == "bh1" else [*opened, karras, part, *short]:
            scheduler = UniPCMultistepScheduler(solver_order=min(3, max(len(s) - 2, 1)), solver_type=form, predict_x0=True, lower_order_final=True)
            walks.append(walk(ours, from_diffusers(scheduler), s))
    visited = [sd[t] for t in range(900, -1, -100)] + [0.0]
    walks += [walk("ddim", ddim, visited, eta=e) for e in (0.0, 0.5, 1.0)]
    bent = [3 * t / (1 + 2 * t) for t in np.linspace(1, 0, 9)]
    late = bent[2:]
    walks += [walk("euler", flow_diffusers(FlowMatchEulerDiscreteScheduler()), s, "flow") for s in (bent, late)]
    walks += [walk("heun", flow_diffusers(FlowMatchHeunDiscreteScheduler()), s, "flow") for s in (bent, late)]
    for kind, ours in [("euler", "euler_a"), ("dpm_2", "dpm2_a"), ("2s", "dpmpp_2s_a")]:
        walks += [walk(ours, flow_ancestral(kind), s, "flow", eta=e) for s, e in [(bent, 1.0), (late, 0.5)]]
    walks += [walk("dpmpp_2m_sde", flow_2m_sde, s, "flow", eta=e) for s, e in [(bent, 1.0), (late, 0.5)]]
    for name, ours in [("dpmpp_2m", "dpmpp_2m"), ("dpm_2", "dpm2")]:
        walks.append(walk(ours, from_k(name), bent, "flow"))
    write("samplers.json", {"walks": walks, "totals": totals()})


def totals():
    """diffusers' own scheduler tests, run here: sums and means of absolute values after ten steps."""
    out = {}
    for name, kind in [("euler", EulerDiscreteScheduler), ("euler_a", EulerAncestralDiscreteScheduler)]:
        scheduler = kind(num_train_timesteps=1100, beta_start=0.0001, beta_end=0.02, beta_schedule="linear")
        scheduler.set_timesteps(10)
        count = 4 * 3 * 8 * 8
        sample = (torch.arange(count).reshape(3, 8, 8, 4) / count).permute(3, 0, 1, 2) * scheduler.init_noise_sigma
        generator = torch.manual_seed(0)
        for t in scheduler.timesteps:
            sample = scheduler.scale_model_input(sample, t)  # those tests go on with the scaled latent
            sample = scheduler.step(sample * t / (t + 1), t, sample, generator=generator).prev_sample
        out[name] = {
            "sigmas": rounded(scheduler.sigmas), "timesteps": rounded(scheduler.timesteps), "sum": float(sample.abs().sum()), "mean": float(sample.abs().mean()),
        }  # fmt: skip
    return out


if __name__ == "__main__":
    noise()
    levels()
    samplers()
