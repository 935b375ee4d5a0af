//! Gram matrices against f64. Tolerance: 1e-5·√(G_ii·G_jj) for each entry, as the trait promises.

use weft_weights::dtype::Dtype;
use weft_weights::progress::Silent;
use weft_weights_gpu::{Backend, Joint, LowRank};

use super::{Made, Outcome, Random, within};

const LIMIT: f64 = 1e-5;

/// Column `p` of B within `rows` of the weight.
fn column(made: &Made, p: usize, rows: &std::ops::Range<usize>) -> Vec<f64> {
    rows.clone().map(|row| made.b.values[(row - made.row0) * made.rank + p]).collect()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// Worst error of both matrices of a group, relative to √(G_ii·G_jj).
fn error(group: &[Made], joint: &Joint) -> f64 {
    let size = joint.size();
    let owner: Vec<(usize, usize)> = group.iter().enumerate().flat_map(|(i, made)| (0..made.rank).map(move |p| (i, p))).collect();
    assert_eq!(owner.len(), size, "one row per component");
    let mut worst = 0f64;
    for (row, (i, p)) in owner.iter().enumerate() {
        for (col, (j, q)) in owner.iter().enumerate().skip(row) {
            let (x, y) = (&group[*i], &group[*j]);
            let (ax, ay) = (&x.a.values[p * x.n..][..x.n], &y.a.values[q * y.n..][..y.n]);
            worst = worst.max(off(joint.a[row * size + col], dot(ax, ay), dot(ax, ax), dot(ay, ay)));
            let shared = x.row0.max(y.row0)..(x.row0 + x.m).min(y.row0 + y.m);
            let all = |made: &Made, p| column(made, p, &(made.row0..made.row0 + made.m));
            let want = if shared.is_empty() { 0.0 } else { dot(&column(x, *p, &shared), &column(y, *q, &shared)) };
            let (bx, by) = (all(x, *p), all(y, *q));
            worst = worst.max(off(joint.b[row * size + col], want, dot(&bx, &bx), dot(&by, &by)));
            let mirrored = joint.a[col * size + row] == joint.a[row * size + col] && joint.b[col * size + row] == joint.b[row * size + col];
            worst = if mirrored { worst } else { f64::NAN };
        }
    }
    worst
}

fn off(got: f64, want: f64, left: f64, right: f64) -> f64 {
    // A zero component has only zero products.
    if left * right == 0.0 { if got == want { 0.0 } else { f64::INFINITY } } else { (got - want).abs() / (left * right).sqrt() }
}

async fn check<B: Backend>(backend: &B, groups: &[Vec<Made>]) -> Outcome {
    let views: Vec<Vec<LowRank<'_>>> = groups.iter().map(|group| group.iter().map(Made::view).collect()).collect();
    let joints = backend.gram(&views, &Silent).await.map_err(|e| e.to_string())?;
    let mut worst = 0f64;
    for (group, joint) in groups.iter().zip(&joints) {
        let shape = group.iter().map(|g| format!("{}×{} r{} {}", g.m, g.n, g.rank, g.b.dtype)).collect::<Vec<_>>().join(" with ");
        let found = error(group, joint);
        worst = worst.max(within(&shape, found, LIMIT)?);
    }
    if joints.len() == groups.len() { Ok(format!("worst {worst:.1e}")) } else { Err("one answer per group".into()) }
}

pub(crate) async fn single<B: Backend>(backend: &B) -> Outcome {
    let mut random = Random(1);
    let mut groups = Vec::new();
    for (shape, dtype, positive) in [
        ((1, 1, 1), Dtype::F32, false),
        ((65, 77, 3), Dtype::F16, false),
        ((1000, 3072, 17), Dtype::BF16, true),
        ((21_504, 3072, 16), Dtype::BF16, true),
        ((3072, 21_504, 16), Dtype::F32, true),
        ((1030, 21_504, 40), Dtype::F8E4M3, false),
        ((63, 1025, 33), Dtype::F8E5M2, true),
        ((320, 64, 128), Dtype::F16, true),
        ((77, 1, 2), Dtype::F64, false),
        ((150_001, 5, 1), Dtype::BF16, true),
    ] {
        groups.push(vec![Made::new(shape, [dtype; 2], positive, &mut random)]);
    }
    check(backend, &groups).await
}

/// Ranks, types and windows of rows that differ within a group.
pub(crate) async fn mixed<B: Backend>(backend: &B) -> Outcome {
    let mut random = Random(2);
    let mut made = |shape, dtypes, row0| Made::new(shape, dtypes, true, &mut random).at_row(row0);
    let (f32, f16, bf16, f8) = (Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F8E4M3);
    let groups = vec![
        vec![made((3072, 3072, 16), [bf16; 2], 0), made((3072, 3072, 16), [f16; 2], 0)],
        vec![made((100, 77, 1), [f32, f8], 0), made((100, 77, 17), [bf16, f16], 0), made((100, 77, 33), [f8, f32], 0)],
        // Leaves of a fused weight: together, partly and nowhere over the same rows; starts that are no whole words.
        vec![
            made((300, 50, 5), [bf16; 2], 0),
            made((101, 50, 3), [bf16; 2], 99),
            made((100, 50, 7), [f8; 2], 201),
            made((9, 50, 2), [f16; 2], 400),
        ],
    ];
    check(backend, &groups).await
}

pub(crate) async fn many<B: Backend>(backend: &B) -> Outcome {
    let mut random = Random(3);
    let groups: Vec<Vec<Made>> = (0..14)
        .map(|i| {
            let shape = (12_000 + i, 9000, 32);
            vec![Made::new(shape, [Dtype::F32; 2], false, &mut random)]
        })
        .collect();
    check(backend, &groups).await
}

/// Components whose squares f32 cannot hold, and components of zeros.
pub(crate) async fn extreme<B: Backend>(backend: &B) -> Outcome {
    let mut random = Random(4);
    let mut groups = Vec::new();
    for size in [1e-30f32, 1e-13, 1e25, 0.0] {
        let (m, n, rank) = (40, 60, 3);
        let mut scaled = |count: usize, by: f32| random.many(count).iter().map(|v| v * by).collect::<Vec<f32>>();
        let (b, a) = (scaled(m * rank, size), scaled(rank * n, 1.0));
        let stored = |values: &[f32]| super::numbers::Tensor::new(Dtype::F32, values);
        groups.push(vec![Made { m, n, rank, row0: 0, scale: 1.0, b: stored(&b), a: stored(&a) }]);
    }
    check(backend, &groups).await
}
