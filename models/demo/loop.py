"""The loop shared by the stages: step, learning rate, average of weights, saved state, log. Resumes exactly where it was."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from .parallel import Group
from .work import Work


@dataclass
class Plan:
    """How long a stage runs and how its learning rate goes: up, flat, and down over the last share of the steps.

    State is saved every so many seconds of the clock. Reports cost work, so they come by this process's own processor time.
    """

    steps: int
    rate: float
    warmup: int = 100
    decay: float = 0.35
    floor: float = 0.03
    average: float = 0.998
    clip: float = 1.0
    save_every_s: float = 180.0
    report_every_s: float = 150.0

    def rate_at(self, step: int) -> float:
        """Cosine to `floor` over the last `decay` of the steps."""
        begin = self.steps * (1 - self.decay)
        share = 0.0 if step < begin else (step - begin) / max(1, self.steps - begin)
        return self.rate * min(1.0, (step + 1) / self.warmup) * (self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))


@dataclass
class Loop:
    """One stage's training. `models` maps a name to a module; `scales` to its share of the learning rate."""

    name: str
    work: Work
    group: Group
    plan: Plan
    models: dict[str, torch.nn.Module]
    scales: dict[str, float] = field(default_factory=dict)
    extra: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        groups = [{"params": [p for p in m.parameters() if p.requires_grad], "scale": self.scales.get(k, 1.0)} for k, m in self.models.items()]
        self.parameters = [p for g in groups for p in g["params"]]
        self.optimiser = torch.optim.AdamW(groups, lr=self.plan.rate, betas=(0.9, 0.99), weight_decay=1e-3, foreach=True)
        self.average = [p.detach().clone() for p in self.parameters]
        self.step, self.cpu_s, self.mean = 0, 0.0, None
        self._file = f"{self.name}.state.pt"
        if self.work.has(self._file):
            self._resume(self.work.load(self._file))

    def _resume(self, state: dict) -> None:
        for k, m in self.models.items():
            m.load_state_dict(state["models"][k])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average = [t.clone() for t in state["average"]]
        self.step, self.cpu_s, self.mean, self.extra = state["step"], state["cpu_s"], state["mean"], state["extra"]
        self.work.log(self.name, f"goes on at step {self.step} of {self.plan.steps}")

    @property
    def done(self) -> bool:
        return self.step >= self.plan.steps

    def save(self) -> None:
        if self.group.rank == 0:
            self.work.save(self._file, {
                "models": {k: m.state_dict() for k, m in self.models.items()}, "optimiser": self.optimiser.state_dict(),
                "average": self.average, "step": self.step, "cpu_s": self.cpu_s, "mean": self.mean, "extra": self.extra})

    def averaged(self) -> dict[str, dict[str, torch.Tensor]]:
        """State dicts of the models with the averaged weights."""
        with self.with_average():
            return {k: {n: t.clone() for n, t in m.state_dict().items()} for k, m in self.models.items()}

    def with_average(self):
        """A context in which the models hold their averaged weights."""
        return _Swap(self.parameters, self.average)

    def run(self, loss_of: Callable[[int], torch.Tensor], report: Callable[["Loop"], None], until: int | None = None) -> None:
        """Steps until the plan (or `until`) is fulfilled. `loss_of(step)` is this process's loss; `report` speaks now and then."""
        end = min(self.plan.steps, until or self.plan.steps)
        saved, cpu = time.monotonic(), time.process_time()
        reported = cpu
        while self.step < end:
            for g in self.optimiser.param_groups:
                g["lr"] = self.plan.rate_at(self.step) * g["scale"]
            loss = loss_of(self.step)
            self.optimiser.zero_grad()
            loss.backward()
            self.group.average_gradients(self.parameters)
            torch.nn.utils.clip_grad_norm_(self.parameters, self.plan.clip)
            self.optimiser.step()
            self.step += 1
            keep = min(self.plan.average, (1 + self.step) / (20 + self.step))
            torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - keep)
            value = float(loss.detach())
            self.mean = value if self.mean is None else self.mean * 0.98 + value * 0.02
            now = time.monotonic()
            if self.group.rank == 0 and (now - saved > self.plan.save_every_s or self.step == end):
                self.cpu_s += time.process_time() - cpu
                cpu, saved = time.process_time(), now
                self.save()
                self.work.log(self.name, f"step {self.step}/{self.plan.steps} loss {self.mean:.4f} rate {self.plan.rate_at(self.step):.1e} cpu {self.cpu_s:.0f} s")
            if self.group.rank == 0 and (time.process_time() - reported > self.plan.report_every_s or self.step == end):
                report(self)
                reported = time.process_time()


class _Swap:
    def __init__(self, parameters, values):
        self.parameters, self.values = parameters, values

    def _exchange(self) -> None:
        with torch.no_grad():
            for p, v in zip(self.parameters, self.values):
                kept = p.detach().clone()
                p.copy_(v)
                v.copy_(kept)

    def __enter__(self):
        self._exchange()

    def __exit__(self, *_):
        self._exchange()
