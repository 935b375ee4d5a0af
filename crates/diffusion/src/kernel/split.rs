//! How work is spread over the cores.

use pulp::{Arch, Simd, WithSimd};
use std::cell::Cell;
use std::ops::Range;

thread_local! {
    /// Set while this thread is to work without help.
    static ALONE: Cell<bool> = const { Cell::new(false) };
}

/// Multiply-adds below which waking other threads costs more than they give.
const WORTH: usize = 1 << 20;

/// Threads of the pool that kernels run on: that of the caller, else rayon's global one; 1 within [`alone`].
#[must_use]
pub fn threads() -> usize {
    if ALONE.get() { 1 } else { rayon::current_num_threads() }
}

/// Runs `f` with kernels that stay on this thread: for work that is shared out in larger pieces than one kernel.
pub fn alone<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            ALONE.set(self.0);
        }
    }
    let _restore = Restore(ALONE.replace(true));
    f()
}

/// True when work of so many multiply-adds is shared out over the threads.
pub(super) fn shared(work: usize) -> bool {
    work >= WORTH && threads() > 1
}

/// Rows that are worked on together, a multiple of `unit` and `most` at the most, when each row costs `work` multiply-adds.
pub(super) fn chunk(rows: usize, work: usize, unit: usize, most: usize) -> usize {
    if !shared(rows.saturating_mul(work)) {
        return rows.clamp(1, most);
    }
    // A few tasks per thread even out what other programs take.
    rows.div_ceil(threads() * 4).next_multiple_of(unit).clamp(unit, most)
}

/// `n` items in about `parts` runs of multiples of `unit`.
pub(super) fn runs(n: usize, parts: usize, unit: usize) -> Vec<Range<usize>> {
    let step = n.div_ceil(parts.max(1)).next_multiple_of(unit).max(unit);
    (0..n).step_by(step).map(|start| start..(start + step).min(n)).collect()
}

/// Runs `f` on every chunk of `len` values of `out`, on all cores when `work` multiply-adds in all are worth it.
pub(super) fn each_chunk(out: &mut [f32], len: usize, work: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    use rayon::prelude::*;
    if shared(work) {
        out.par_chunks_mut(len).enumerate().for_each(|(i, chunk)| f(i, chunk));
    } else {
        out.chunks_mut(len).enumerate().for_each(|(i, chunk)| f(i, chunk));
    }
}

/// Runs `f`, a closure marked `#[inline(always)]`, compiled for the widest vectors of this processor.
pub(super) fn widest<R>(f: impl FnMut() -> R) -> R {
    struct Widest<F>(F);
    impl<R, F: FnMut() -> R> WithSimd for Widest<F> {
        type Output = R;
        #[inline(always)]
        fn with_simd<S: Simd>(mut self, _: S) -> R {
            // As FnMut: `call_once` of a closure that only borrows is a function of its own, which stays outside and gets the narrowest vectors.
            (self.0)()
        }
    }
    Arch::new().dispatch(Widest(f))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_everything_once() {
        for (n, parts, unit) in [(7, 3, 4), (16, 4, 4), (1, 8, 4), (0, 2, 4)] {
            let covered: Vec<usize> = runs(n, parts, unit).into_iter().flatten().collect();
            assert_eq!(covered, (0..n).collect::<Vec<_>>());
        }
    }
}
