//! How fast a job goes, and so how long it will take.

use std::collections::VecDeque;

/// Looks back this far, in milliseconds: long enough to be calm, short enough to notice that files got larger.
const WINDOW_MS: i64 = 20_000;
/// Says nothing before it has seen this much.
const MINIMUM_MS: i64 = 1_500;

/// Steps done at points in time, oldest first.
#[derive(Debug, Default)]
pub(super) struct Pace {
    seen: VecDeque<(i64, u64)>,
}

impl Pace {
    /// Notes that `done` steps were finished at `at_ms`. Work that starts over starts the measurement over.
    pub(super) fn note(&mut self, at_ms: i64, done: u64) {
        if self.seen.back().is_some_and(|&(_, before)| done < before) {
            self.seen.clear();
        }
        // One point per quarter of a second is plenty, however often a handler reports.
        if self.seen.len() > 1 && self.seen.back().is_some_and(|&(at, _)| at_ms - at < 250) {
            self.seen.pop_back();
        }
        self.seen.push_back((at_ms, done));
        while self.seen.len() > 2 && self.seen.front().is_some_and(|&(at, _)| at_ms - at > WINDOW_MS) {
            self.seen.pop_front();
        }
    }

    /// Milliseconds left at `at_ms`, once it can be told.
    pub(super) fn eta_ms(&self, at_ms: i64, total: u64) -> Option<i64> {
        let (&(from, start), &(last, done)) = (self.seen.front()?, self.seen.back()?);
        let (span, steps) = (last - from, done.saturating_sub(start));
        if span < MINIMUM_MS || steps == 0 || done >= total {
            return None;
        }
        let left = (total - done) as f64 * span as f64 / steps as f64;
        // Time since the last report has been spent already.
        Some((left as i64 - (at_ms - last)).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_job_is_told_exactly() {
        let mut pace = Pace::default();
        for second in 0..=10 {
            pace.note(second * 1000, second as u64 * 5);
        }
        assert_eq!(pace.eta_ms(10_000, 100), Some(10_000));
        assert_eq!(pace.eta_ms(13_000, 100), Some(7_000), "waiting counts");
        assert_eq!(pace.eta_ms(90_000, 100), Some(0), "late, but never negative");
    }

    #[test]
    fn it_follows_a_change_of_speed() {
        let mut pace = Pace::default();
        for second in 0..=100 {
            pace.note(second * 1000, second as u64 * 100);
        }
        for second in 1..=30 {
            pace.note((100 + second) * 1000, 10_000 + second as u64);
        }
        assert_eq!(pace.eta_ms(130_000, 10_040), Some(10_000));
    }

    #[test]
    fn it_says_nothing_too_early_or_without_a_total() {
        let mut pace = Pace::default();
        pace.note(0, 0);
        pace.note(500, 3);
        assert_eq!(pace.eta_ms(500, 10), None);
        pace.note(5_000, 3);
        assert!(pace.eta_ms(5_000, 10).is_some());
        assert_eq!(pace.eta_ms(5_000, 0), None);
        pace.note(6_000, 0);
        assert_eq!(pace.eta_ms(6_000, 10), None, "started over");
    }
}
