//! Convolutions of pictures in batch × height × width × channels.

use super::gemm::{Packed, ZERO, product};

/// How a convolution walks over its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    /// Height and width of the kernel.
    pub kernel: (usize, usize),
    pub stride: usize,
    /// Zeros above and left of the picture.
    pub before: usize,
    /// Zeros below and right of it.
    pub after: usize,
    /// The picture is doubled first: each pixel becomes four.
    pub doubled: bool,
    /// Rows and columns that the doubled picture lacks at its end, 0 or 1: its like on the way down had an odd size.
    pub cut: (usize, usize),
}

impl Conv {
    /// A kernel × kernel convolution that keeps the size.
    #[must_use]
    pub fn same(kernel: usize) -> Self {
        Self { kernel: (kernel, kernel), stride: 1, before: kernel / 2, after: kernel / 2, doubled: false, cut: (0, 0) }
    }

    /// A 3 × 3 convolution of every second pixel, with `before` zeros above and left.
    #[must_use]
    pub fn halving(before: usize) -> Self {
        Self { stride: 2, before, ..Self::same(3) }
    }

    /// A 3 × 3 convolution of the doubled picture.
    #[must_use]
    pub fn doubling() -> Self {
        Self { doubled: true, ..Self::same(3) }
    }

    /// Height and width that are walked over, of a picture of `h` × `w`.
    #[must_use]
    pub fn walked(&self, h: usize, w: usize) -> (usize, usize) {
        let doubled = |size: usize, cut: usize| (2 * size).saturating_sub(cut);
        if self.doubled { (doubled(h, self.cut.0), doubled(w, self.cut.1)) } else { (h, w) }
    }

    /// Size of the result for `size` pixels along one side, with a kernel of `kernel`.
    fn length(&self, size: usize, kernel: usize) -> usize {
        (size + self.before + self.after + 1).saturating_sub(kernel).div_ceil(self.stride)
    }

    /// Height and width of the result for a picture of `h` × `w`.
    #[must_use]
    pub fn size(&self, h: usize, w: usize) -> (usize, usize) {
        let (h, w) = self.walked(h, w);
        (self.length(h, self.kernel.0), self.length(w, self.kernel.1))
    }

    /// The pixel that tap `tap` sees at `to` along one side of `walked` pixels, or None outside of the picture.
    fn source(&self, to: usize, tap: usize, walked: usize) -> Option<usize> {
        let at = (to * self.stride + tap).checked_sub(self.before).filter(|at| *at < walked)?;
        Some(if self.doubled { at / 2 } else { at })
    }
}

/// `out` += the convolution of `x` (`batch` pictures of h × w × channels), `weights` from [`Packed::convolution`].
///
/// # Panics
/// When lengths do not agree.
pub fn conv(x: &[f32], shape: (usize, usize, usize), weights: &Packed, how: Conv, out: &mut [f32]) {
    let (batch, h, w) = shape;
    let taps = how.kernel.0 * how.kernel.1;
    let channels = weights.k() / taps;
    let (to_h, to_w) = how.size(h, w);
    assert!(weights.k() == channels * taps && x.len() == batch * h * w * channels, "a picture of {h}×{w}×{channels}");
    assert_eq!(out.len(), batch * to_h * to_w * weights.n(), "a result of {to_h}×{to_w}×{}", weights.n());
    let walked = how.walked(h, w);
    let at = |row: usize, tap: usize| {
        let (image, y, x) = (row / (to_h * to_w), row / to_w % to_h, row % to_w);
        match (how.source(y, tap / how.kernel.1, walked.0), how.source(x, tap % how.kernel.1, walked.1)) {
            (Some(y), Some(x)) => ((image * h + y) * w + x) * channels,
            _ => ZERO,
        }
    };
    product(batch * to_h * to_w, taps, channels, x, weights, at, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pixel below a tap: the padded picture is laid out and looked at.
    fn seen(how: Conv, to: usize, tap: usize, size: usize, cut: usize) -> Option<usize> {
        let mut row: Vec<Option<usize>> = (0..size).flat_map(|i| std::iter::repeat_n(Some(i), if how.doubled { 2 } else { 1 })).collect();
        row.truncate(row.len() - cut);
        let padded = [vec![None; how.before], row, vec![None; how.after]].concat();
        padded[to * how.stride + tap]
    }

    /// Straight from the definition.
    fn reference(x: &[f32], (b, h, w): (usize, usize, usize), c: usize, weights: &[f32], n: usize, how: Conv) -> Vec<f32> {
        let (to_h, to_w) = how.size(h, w);
        let (kh, kw) = how.kernel;
        let mut out = Vec::new();
        for i in 0..b * to_h * to_w * n {
            let (image, y, xx, o) = (i / (to_h * to_w * n), i / (to_w * n) % to_h, i / n % to_w, i % n);
            let mut sum = 0.0f64;
            for t in 0..kh * kw * c {
                let (ch, ky, kx) = (t / (kh * kw), t / kw % kh, t % kw);
                if let (Some(sy), Some(sx)) = (seen(how, y, ky, h, how.cut.0), seen(how, xx, kx, w, how.cut.1)) {
                    sum += f64::from(x[((image * h + sy) * w + sx) * c + ch]) * f64::from(weights[(o * c + ch) * kh * kw + ky * kw + kx]);
                }
            }
            out.push(sum as f32);
        }
        out
    }

    #[test]
    fn every_geometry_agrees_with_the_definition() {
        let waves = |n: usize, f: f32| (0..n).map(|i| (i as f32 * f).sin()).collect::<Vec<_>>();
        let (down, encoder, up) = (Conv::halving(1), Conv::halving(0), Conv::doubling());
        for (how, shape, c, n) in [
            (Conv::same(3), (2, 5, 7), 4, 20),
            (Conv::same(1), (1, 4, 4), 9, 33),
            (down, (2, 6, 5), 8, 16),
            (encoder, (1, 8, 8), 3, 5),
            (up, (1, 3, 4), 6, 70),
            (Conv { cut: (1, 0), ..up }, (2, 3, 4), 6, 18),
            (Conv { cut: (1, 1), ..up }, (1, 1, 4), 3, 8),
            (Conv::same(3), (1, 1, 1), 1, 1),
        ] {
            let (x, w) = (waves(shape.0 * shape.1 * shape.2 * c, 0.37), waves(n * c * how.kernel.0 * how.kernel.1, 0.71));
            let want = reference(&x, shape, c, &w, n, how);
            let mut got = vec![0.0; want.len()];
            conv(&x, shape, &Packed::convolution(&w, n, c, how.kernel.0 * how.kernel.1), how, &mut got);
            let worst = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "{how:?}: {worst}");
        }
    }

    #[test]
    fn sizes_are_those_of_the_networks() {
        assert_eq!(Conv::halving(1).size(64, 63), (32, 32));
        assert_eq!(Conv::halving(0).size(64, 64), (32, 32));
        assert_eq!(Conv::doubling().size(8, 9), (16, 18));
        assert_eq!(Conv { cut: (1, 0), ..Conv::doubling() }.size(8, 9), (15, 18));
    }
}
