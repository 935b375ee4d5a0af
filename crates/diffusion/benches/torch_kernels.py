"""PyTorch on the shapes of kernels.rs: `python torch_kernels.py [THREADS]` (torch 2.15.0). Best of several runs, in milliseconds and GFLOP/s."""

import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
torch.set_grad_enabled(False)


def best(name: str, flops: float, f) -> None:
    f()
    times = []
    while len(times) < 8 and (len(times) < 3 or sum(times) < 4):
        start = time.process_time()
        f()
        times.append(time.process_time() - start)
    t = min(times)
    print(f"{name:44s} {1000 * t:9.3f} ms {flops / t / 1e9:8.1f} GFLOP/s", flush=True)


for batch, side, a, b in [(1, 64, 320, 320), (1, 32, 640, 640), (1, 16, 1280, 1280), (1, 8, 1280, 1280), (1, 128, 512, 512), (2, 16, 48, 48), (2, 8, 64, 64)]:
    x, w = torch.randn(batch, a, side, side), torch.randn(b, a, 3, 3)
    best(f"conv3x3 {batch}x{a}x{side}x{side}->{b}", 2 * batch * side * side * a * b * 9, lambda: F.conv2d(x, w, padding=1))
for rows, a, b in [(4096, 320, 320), (4096, 320, 2560), (1024, 640, 5120), (256, 1280, 1280), (77, 768, 3072), (512, 48, 48)]:
    x, w = torch.randn(rows, a), torch.randn(b, a)
    best(f"linear {rows}x{a}->{b}", 2 * rows * a * b, lambda: F.linear(x, w))
for h, d, q, k in [(8, 40, 4096, 4096), (8, 80, 1024, 1024), (8, 40, 4096, 77), (1, 512, 4096, 4096), (2, 24, 256, 256)]:
    qq, kk, vv = torch.randn(1, h, q, d), torch.randn(1, h, k, d), torch.randn(1, h, k, d)
    best(f"attention {h}x{q}x{k}x{d}", 4 * h * q * k * d, lambda: F.scaled_dot_product_attention(qq, kk, vv))
for side, c in [(64, 320), (512, 128), (16, 48)]:
    x, w = torch.randn(1, c, side, side), torch.ones(c)
    best(f"group_norm_silu {c}x{side}x{side}", side * side * c, lambda: F.silu(F.group_norm(x, 16, w, w)))
