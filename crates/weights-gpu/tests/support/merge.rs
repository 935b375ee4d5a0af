//! Merging into tiles against f64. Tolerance: the exact sum rounded, or its neighbour where f32 and f64 fall on two sides of a tie: at
//! most one in a hundred values. In f32 1e-6 of the row's largest value.

use std::ops::Range;

use weft_weights::dtype::{Dtype, decode_f64, encode_f32};
use weft_weights_gpu::{Backend, GpuError, LowRank, Stored, Tile};

use super::numbers::Tensor;
use super::{Made, Outcome, Random, within};

const IN: [Dtype; 6] = [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F8E4M3, Dtype::F8E5M2, Dtype::F64];
const OUT: [Dtype; 4] = [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F8E4M3];

/// One unit in the last place of `value`, relative to it.
fn unit(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F16 => 2f64.powi(-10),
        Dtype::BF16 => 2f64.powi(-7),
        Dtype::F8E4M3 => 2f64.powi(-3),
        _ => 1e-6,
    }
}

/// Merges and compares; the share of values that are not the exact sum rounded.
async fn check<B: Backend>(backend: &B, rows: Range<usize>, weight: &Tensor, changes: &[Made], to: Dtype) -> Result<f64, String> {
    let n = changes[0].n;
    let views: Vec<LowRank<'_>> = changes.iter().map(Made::view).collect();
    let tile = Tile { rows: rows.clone(), n, weight: weight.stored() };
    let mut out = vec![7u8; 3];
    backend.merge_tile(&tile, &views, to, &mut out).await.map_err(|e| e.to_string())?;
    if out.len() != 3 + rows.len() * n * to.size() || out[..3] != [7; 3] {
        return Err(format!("{} bytes for {}×{n} of {to}", out.len(), rows.len()));
    }
    let mut got = vec![0.0; rows.len() * n];
    decode_f64(to, &out[3..], &mut got).map_err(|e| e.to_string())?;
    let mut differ = 0;
    for (i, row) in rows.enumerate() {
        let mut want = weight.values[i * n..][..n].to_vec();
        for change in changes {
            want.iter_mut().zip(change.row(row)).for_each(|(w, d)| *w += d);
        }
        let largest = want.iter().fold(0f64, |most, v| most.max(v.abs()));
        for (got, want) in got[i * n..][..n].iter().zip(&want) {
            let rounded = round(to, *want);
            differ += usize::from(rounded != *got);
            // A sum near zero is as exact as its summands: below 1e-5 of the row it may be any neighbour.
            let near = want.abs().max(largest * 1e-5);
            let limit =
                if to == Dtype::F32 { 1e-6 * largest } else { unit(to) * near.max(largest * 1e-6) + 2e-3 * f64::from(to == Dtype::F8E4M3) };
            within(&format!("{to}, row {row}: {got} for {want}"), (got - rounded).abs(), limit)?;
        }
    }
    Ok(differ as f64 / got.len() as f64)
}

fn round(dtype: Dtype, value: f64) -> f64 {
    let (mut bytes, mut out) = (Vec::new(), [0.0]);
    encode_f32(dtype, &[value as f32], &mut bytes).unwrap();
    decode_f64(dtype, &bytes, &mut out).unwrap();
    out[0]
}

/// Small whole numbers: every sum is exact in f32, so every bit of the result is known.
pub(crate) async fn exact<B: Backend>(backend: &B) -> Outcome {
    let mut random = Random(6);
    for (m, n, rank) in [(1, 1, 1), (67, 77, 3), (130, 64, 17), (64, 1, 128)] {
        let mut whole = |count: usize| random.many(count).iter().map(|v| (v * 3.0).round()).collect::<Vec<f32>>();
        let (b, a, w) = (whole(m * rank), whole(rank * n), whole(m * n));
        let made = Made { m, n, rank, row0: 0, scale: 0.5, b: Tensor::new(Dtype::BF16, &b), a: Tensor::new(Dtype::F16, &a) };
        for to in OUT {
            let differ = check(backend, 0..m, &Tensor::new(Dtype::F32, &w), std::slice::from_ref(&made), to).await?;
            within(&format!("{m}×{n} r{rank} to {to}"), differ, 0.0)?;
        }
    }
    Ok("every bit".into())
}

pub(crate) async fn types<B: Backend>(backend: &B) -> Outcome {
    let mut random = Random(7);
    let (m, n) = (70, 93);
    let mut worst = 0f64;
    for from in IN {
        let weight = Tensor::new(from, &random.many(m * n));
        for to in OUT {
            let changes =
                [Made::new((m, n, 17), [from, Dtype::BF16], false, &mut random), Made::new((m, n, 4), [Dtype::F16; 2], false, &mut random)];
            let differ = check(backend, 0..m, &weight, &changes, to).await?;
            // In f32 the last bit differs with the order of the sum; that is what its own limit is for.
            let share = if to == Dtype::F32 { 0.0 } else { differ };
            worst = worst.max(within(&format!("share of neighbours, {from} to {to}"), share, 0.01)?);
        }
    }
    Ok(format!("at most {:.2} % of the values are the neighbour", worst * 100.0))
}

/// Tiles of a fused weight whose leaves are changed apart.
pub(crate) async fn windows<B: Backend>(backend: &B) -> Outcome {
    let mut random = Random(8);
    let n = 50;
    let leaf = |rows: usize, row0: usize, random: &mut Random| Made::new((rows, n, 5), [Dtype::BF16; 2], false, random).at_row(row0);
    let changes = [leaf(101, 0, &mut random), leaf(99, 101, &mut random), leaf(100, 200, &mut random), leaf(300, 0, &mut random)];
    for rows in [0..300, 90..210, 199..201, 250..251] {
        let weight = Tensor::new(Dtype::BF16, &random.many(rows.len() * n));
        let differ = check(backend, rows, &weight, &changes, Dtype::BF16).await?;
        within("share of neighbours", differ, 0.01)?;
    }
    Ok("four tiles".into())
}

pub(crate) async fn long<B: Backend>(backend: &B) -> Outcome {
    let mut random = Random(9);
    let (m, n) = (3001, 3072);
    let weight = Tensor::new(Dtype::BF16, &random.many(m * n));
    let made = Made::new((m, n, 16), [Dtype::BF16; 2], false, &mut random);
    let differ = check(backend, 0..m, &weight, std::slice::from_ref(&made), Dtype::BF16).await?;
    within("share of neighbours", differ, 0.01)?;
    Ok(format!("{:.3} % of the values are the neighbour", differ * 100.0))
}

/// NaN, infinity, sizes and types that do not fit: an error that the CPU would not cure, and nothing appended.
pub(crate) async fn refused<B: Backend>(backend: &B) -> Outcome {
    let (good, nan, endless) = ([1f32; 4], [1.0, f32::NAN, 1.0, 1.0], [1.0, 1.0, f32::INFINITY, 1.0]);
    let change = |b, a| LowRank { m: 2, n: 2, rank: 2, row0: 0, b: Stored::of(b), a: Stored::of(a), scale: 1.0 };
    for (weight, b, a, to) in [
        (&nan[..], &good[..], &good[..], Dtype::F32),
        (&good, &endless, &good, Dtype::F32),
        (&good, &good, &nan, Dtype::BF16),
        (&good[..3], &good, &good, Dtype::F32),
        (&good, &good[..3], &good, Dtype::F32),
        (&good, &good, &good, Dtype::I32),
    ] {
        let mut out = vec![1u8];
        let answer = backend.merge_tile(&Tile { rows: 0..2, n: 2, weight: Stored::of(weight) }, &[change(b, a)], to, &mut out).await;
        let expected = matches!(answer, Err(GpuError::NotFinite(_) | GpuError::Shape(_) | GpuError::Dtype(_)));
        if !expected || out != [1] || answer.is_err_and(|e| e.try_cpu()) {
            return Err(format!("weight {weight:?}, B {b:?}, A {a:?}, {to} was taken"));
        }
    }
    let groups = [vec![change(&good, &nan)]];
    let gram = backend.gram(&groups, &weft_weights::progress::Silent).await;
    let outside = backend.product_rows(&change(&good, &good), 1..3, &mut [0.0; 4]).await;
    match (gram, outside) {
        (Err(GpuError::NotFinite(_)), Err(GpuError::Shape(_))) => Ok("8 of 8".into()),
        other => Err(format!("{other:?}")),
    }
}
