//! Time of repeated work.

use anyhow::Result;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Median time of `rounds` runs, after one that warms caches.
pub(super) fn median<T>(rounds: u32, mut work: impl FnMut() -> Result<T>) -> Result<Duration> {
    black_box(work()?);
    let mut times = Vec::with_capacity(rounds as usize);
    for _ in 0..rounds.max(1) {
        let began = Instant::now();
        black_box(work()?);
        times.push(began.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

/// Time of one run.
pub(super) fn once<T>(work: impl FnOnce() -> Result<T>) -> Result<Duration> {
    let began = Instant::now();
    black_box(work()?);
    Ok(began.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_one_counts_and_the_first_does_not() {
        let mut pauses = [20, 0, 4, 0].into_iter();
        let time = median(3, || {
            std::thread::sleep(Duration::from_millis(pauses.next().unwrap_or(50)));
            Ok(())
        });
        assert!(time.unwrap() < Duration::from_millis(4));
        assert!(median(1, || anyhow::Result::<()>::Err(anyhow::anyhow!("no"))).is_err());
    }
}
