//! Dense rows against f64. Tolerance: 1e-5 relative in the Frobenius norm, and in each value relative to its row's largest.

use weft_weights::dtype::Dtype;
use weft_weights_gpu::Backend;

use super::{Made, Outcome, Random, within};

const LIMIT: f64 = 1e-5;

pub(crate) async fn shapes<B: Backend>(backend: &B) -> Outcome {
    let mut random = Random(5);
    let mut worst = 0f64;
    for (shape, dtypes, rows, row0) in [
        ((1, 1, 1), [Dtype::F32; 2], 0..1, 0),
        ((5, 77, 3), [Dtype::F16, Dtype::BF16], 0..5, 0),
        ((130, 3072, 17), [Dtype::BF16; 2], 3..129, 0),
        ((70, 1, 16), [Dtype::F8E5M2, Dtype::F8E4M3], 20..90, 20),
        ((65, 66, 128), [Dtype::F64, Dtype::F32], 0..65, 0),
        ((21_504, 320, 4), [Dtype::BF16; 2], 21_000..21_504, 0),
        ((33, 21_503, 9), [Dtype::BF16; 2], 0..33, 0),
        ((20, 30, 1500), [Dtype::F32; 2], 0..20, 0),
        // More than one piece of 16 MiB.
        ((2000, 3071, 2), [Dtype::F16; 2], 0..2000, 0),
    ] {
        let made = Made::new(shape, dtypes, true, &mut random).at_row(row0);
        let mut out = vec![f32::NAN; rows.len() * made.n];
        backend.product_rows(&made.view(), rows.clone(), &mut out).await.map_err(|e| e.to_string())?;
        let (mut square, mut total, mut peak) = (0.0, 0.0, 0f64);
        for (row, got) in rows.zip(out.chunks(made.n)) {
            let want = made.row(row);
            let largest = want.iter().fold(0f64, |most, v| most.max(v.abs()));
            for (got, want) in got.iter().zip(&want) {
                let off = f64::from(*got) - want;
                square += off * off;
                total += want * want;
                peak = if off.is_nan() { off } else { peak.max(off.abs() / largest) };
            }
        }
        let what = format!("{shape:?} {dtypes:?}");
        worst = worst.max(within(&what, (square / total).sqrt(), LIMIT)?).max(within(&what, peak, LIMIT)?);
    }
    Ok(format!("worst {worst:.1e}"))
}
