"""Two processes that average their gradients.

One thread each: the operators are too small to be split, and spinning threads starve on a busy machine.
"""

import datetime
import os
import threading
import time

import torch
import torch.distributed as dist


class Group:
    """This process's place in the group; with one process every method is a no-op."""

    def __init__(self, rank: int = 0, world: int = 1, port: int = 29617):
        self.rank, self.world = rank, world
        self._flat: torch.Tensor | None = None
        if world > 1:
            dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world,
                                    timeout=datetime.timedelta(hours=24))

    def average_gradients(self, parameters: list[torch.nn.Parameter]) -> None:
        """Every process ends with the mean of all processes' gradients."""
        if self.world == 1:
            return
        flat = torch.cat([p.grad.reshape(-1) for p in parameters])
        dist.all_reduce(flat)
        flat /= self.world
        at = 0
        for p in parameters:
            p.grad.copy_(flat[at : at + p.numel()].view_as(p))
            at += p.numel()

    def agree(self, value: float) -> float:
        """The first process's value, in all of them."""
        if self.world == 1:
            return value
        box = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(box, 0)
        return float(box)

    def close(self) -> None:
        if self.world > 1:
            dist.destroy_process_group()


def leave_with_parent() -> None:
    """Ends this process when the one that started it is gone, however it went."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def quiet_threads() -> None:
    """One thread, no denormals. Call before any tensor work."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
