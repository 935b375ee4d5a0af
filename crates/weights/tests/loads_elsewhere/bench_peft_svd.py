"""Times PEFT's `add_weighted_adapter(combination_type="svd")` for two full Flux.1 adapters of rank 16.

All 494 modules would take hours, so one module of each measured shape is merged by PEFT itself and the whole is summed up from the
counts below; shapes not measured are scaled from the nearest measured one by their number of elements (said in the output). The base
weights are never read: only the adapters' own arithmetic is timed. Prints wall and processor seconds; with other programs on
the cores the wall time grows, the processor time much less.

    python bench_peft_svd.py [--quick]     --quick: the square shape only
"""

import json
import os
import sys
import time

os.environ["CUDA_VISIBLE_DEVICES"] = ""
import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402

H = 3072
# (rows, columns) -> modules of a Flux.1 transformer in diffusers' split form
COUNTS = {
    (H, H): 8 * 19 + 3 * 38, (4 * H, H): 2 * 19 + 38, (H, 4 * H): 2 * 19, (6 * H, H): 2 * 19, (3 * H, H): 38, (H, 5 * H): 38,
}
MEASURED = [(H, H), (3 * H, H), (4 * H, H)]


class One(torch.nn.Module):
    def __init__(self, rows: int, columns: int):
        super().__init__()
        self.layer = torch.nn.utils.skip_init(torch.nn.Linear, columns, rows, bias=False)


def seconds(rows: int, columns: int, kind: str) -> tuple[float, float]:
    """(wall, processor) seconds of one merge of two r16 adapters on one layer."""
    torch.manual_seed(0)
    config = LoraConfig(r=16, lora_alpha=16, target_modules=["layer"])
    model = get_peft_model(One(rows, columns), config, adapter_name="first")
    model.add_adapter("second", config)
    for name in ("first", "second"):
        torch.nn.init.normal_(model.base_model.model.layer.lora_B[name].weight)
    wall, used = time.perf_counter(), time.process_time()
    model.add_weighted_adapter(["first", "second"], [0.8, 0.6], "merged", combination_type=kind, **({"svd_rank": 16} if kind == "svd" else {}))
    return time.perf_counter() - wall, time.process_time() - used


def main() -> None:
    torch.set_num_threads(2)
    assert sum(COUNTS.values()) == 494
    seconds(256, 256, "svd")  # warm up
    shapes = MEASURED[:1] if "--quick" in sys.argv else MEASURED
    measured = {}
    for shape in shapes:
        measured[shape] = seconds(*shape, "svd")
        print(f"svd {shape[0]}x{shape[1]}: {measured[shape][0]:.1f} s wall, {measured[shape][1]:.1f} s processor", flush=True)
    cat = seconds(H, H, "cat")
    print(f"cat {H}x{H}: {cat[0] * 1000:.1f} ms wall", flush=True)
    wall = used = 0.0
    for (rows, columns), count in COUNTS.items():
        shape = (max(rows, columns), min(rows, columns))
        near = min(measured, key=lambda s: abs(s[0] * s[1] - shape[0] * shape[1]))
        scale = shape[0] * shape[1] / (near[0] * near[1])
        if scale != 1 or (rows, columns) not in measured:
            print(f"  {rows}x{columns}: taken as {scale:.2f} x the time of {near[0]}x{near[1]}")
        wall += count * scale * measured[near][0]
        used += count * scale * measured[near][1]
    print(json.dumps({"modules": 494, "extrapolated_wall_s": round(wall), "extrapolated_processor_s": round(used), "threads": 2, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
