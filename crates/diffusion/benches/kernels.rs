//! Kernels at the sizes of SD 1.5 at 512² and of the demonstration model, against candle's own operations. `torch_kernels.py` beside this
//! file times PyTorch on the same shapes.

use candle_core::{Device, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use weft_diffusion::kernel::{Attention, Conv, GroupNorm, Mask, Packed, attention, conv, group_norm, linear};

fn values(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * 0.618).sin()).collect()
}

fn convolutions(c: &mut Criterion) {
    let mut group = c.benchmark_group("conv3x3");
    group.sample_size(10);
    for (batch, side, from, to) in
        [(1, 64, 320, 320), (1, 32, 640, 640), (1, 16, 1280, 1280), (1, 8, 1280, 1280), (1, 128, 512, 512), (2, 16, 48, 48), (2, 8, 64, 64)]
    {
        let (x, w) = (values(batch * side * side * from), values(to * from * 9));
        group.throughput(Throughput::Elements((2 * batch * side * side * from * to * 9) as u64));
        let packed = Packed::convolution(&w, to, from, 9);
        let name = format!("{batch}x{from}x{side}x{side}->{to}");
        group.bench_function(BenchmarkId::new("ours", &name), |b| {
            b.iter(|| {
                let mut out = vec![0.0; batch * side * side * to];
                conv(&x, (batch, side, side), &packed, Conv::same(3), &mut out);
                black_box(out)
            });
        });
        let (Ok(x), Ok(w)) =
            (Tensor::from_vec(x, (batch, from, side, side), &Device::Cpu), Tensor::from_vec(w, (to, from, 3, 3), &Device::Cpu))
        else {
            continue;
        };
        group.bench_function(BenchmarkId::new("candle", &name), |b| b.iter(|| black_box(x.conv2d(&w, 1, 1, 1, 1))));
    }
    group.finish();
}

fn linears(c: &mut Criterion) {
    let mut group = c.benchmark_group("linear");
    group.sample_size(10);
    for (rows, from, to) in [(4096, 320, 320), (4096, 320, 2560), (1024, 640, 5120), (256, 1280, 1280), (77, 768, 3072), (512, 48, 48)] {
        let (x, w) = (values(rows * from), values(to * from));
        group.throughput(Throughput::Elements((2 * rows * from * to) as u64));
        let packed = Packed::new(&w, to, from);
        let name = format!("{rows}x{from}->{to}");
        group.bench_function(BenchmarkId::new("ours", &name), |b| {
            b.iter(|| {
                let mut out = vec![0.0; rows * to];
                linear(&x, &packed, &mut out);
                black_box(out)
            });
        });
        let (Ok(x), Ok(w)) = (Tensor::from_vec(x, (rows, from), &Device::Cpu), Tensor::from_vec(w, (to, from), &Device::Cpu)) else {
            continue;
        };
        group.bench_function(BenchmarkId::new("candle", &name), |b| b.iter(|| black_box(w.t().and_then(|w| x.matmul(&w)))));
    }
    group.finish();
}

fn attentions(c: &mut Criterion) {
    let mut group = c.benchmark_group("attention");
    group.sample_size(10);
    for (heads, width, queries, keys) in
        [(8, 40, 4096, 4096), (8, 80, 1024, 1024), (8, 40, 4096, 77), (1, 512, 4096, 4096), (2, 24, 256, 256)]
    {
        let shape = Attention { batch: 1, heads, width, queries, keys, scale: 1.0 / (width as f32).sqrt() };
        let (q, k, v) = (values(queries * heads * width), values(keys * heads * width), values(keys * heads * width));
        group.throughput(Throughput::Elements((4 * heads * queries * keys * width) as u64));
        group.bench_function(BenchmarkId::new("ours", format!("{heads}x{queries}x{keys}x{width}")), |b| {
            b.iter(|| black_box(attention(&q, &k, &v, shape, Mask::All)));
        });
    }
    group.finish();
}

fn norms(c: &mut Criterion) {
    let mut group = c.benchmark_group("group_norm_silu");
    for (side, channels) in [(64, 320), (512, 128), (16, 48)] {
        let (x, ones) = (values(side * side * channels), vec![1.0; channels]);
        group.throughput(Throughput::Elements((side * side * channels) as u64));
        let norm = GroupNorm { groups: 16, epsilon: 1e-5, scale: &ones, shift: &ones, silu: true };
        group.bench_function(format!("{channels}x{side}x{side}"), |b| b.iter(|| black_box(group_norm(&x, 1, norm))));
    }
    group.finish();
}

criterion_group!(benches, convolutions, linears, attentions, norms);
criterion_main!(benches);
