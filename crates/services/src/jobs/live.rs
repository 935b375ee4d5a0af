//! A job while it runs in this process.

use super::pace::Pace;
use crate::clock::now_ms;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;
use weft_domain::JobView;

/// Longest message that is kept, in characters.
const MESSAGE_MAX: usize = 300;

/// Why a running job should stop. The first reason given stands, but a lost lease outweighs every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Stop {
    /// A person asked.
    Asked = 1,
    /// The program ends; the job goes on after the next start.
    Closing = 2,
    /// Another worker has it.
    Lost = 3,
}

/// How far the job is, in this process's own memory.
#[derive(Debug)]
pub(super) struct Live {
    token: i64,
    stop: AtomicU8,
    stopped: CancellationToken,
    state: Mutex<Reported>,
}

#[derive(Debug, Default)]
struct Reported {
    done: u64,
    total: u64,
    message: String,
    pace: Pace,
    /// Changed since it was last written to the table.
    dirty: bool,
}

impl Live {
    pub(super) fn new(token: i64) -> Self {
        Self { token, stop: AtomicU8::new(0), stopped: CancellationToken::new(), state: Mutex::default() }
    }

    /// The lease that this attempt runs under.
    pub(super) fn token(&self) -> i64 {
        self.token
    }

    pub(super) fn stop(&self, why: Stop) {
        let lost = why == Stop::Lost;
        let first = self.stop.compare_exchange(0, why as u8, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if lost && !first {
            self.stop.store(why as u8, Ordering::Release);
        }
        self.stopped.cancel();
    }

    pub(super) fn why(&self) -> Option<Stop> {
        match self.stop.load(Ordering::Acquire) {
            1 => Some(Stop::Asked),
            2 => Some(Stop::Closing),
            3 => Some(Stop::Lost),
            _ => None,
        }
    }

    pub(super) fn stopping(&self) -> bool {
        self.stopped.is_cancelled()
    }

    pub(super) async fn stopped(&self) {
        self.stopped.cancelled().await;
    }

    pub(super) fn report(&self, done: u64, total: u64, message: &str) {
        let mut state = self.state();
        state.pace.note(now_ms(), done);
        if (state.done, state.total) == (done, total) && state.message == message {
            return;
        }
        state.done = done;
        state.total = total;
        if state.message != message {
            state.message = message.chars().take(MESSAGE_MAX).collect();
        }
        state.dirty = true;
    }

    /// What has not been written yet; it counts as written from here on.
    pub(super) fn take_dirty(&self) -> Option<(u64, u64, String)> {
        let mut state = self.state();
        std::mem::take(&mut state.dirty).then(|| (state.done, state.total, state.message.clone()))
    }

    /// Brings a view up to this moment.
    pub(super) fn overlay(&self, view: &mut JobView) {
        let state = self.state();
        if state.total > 0 || state.done > 0 || !state.message.is_empty() {
            view.done = state.done;
            view.total = state.total;
            view.message.clone_from(&state.message);
        }
        view.eta_ms = state.pace.eta_ms(now_ms(), state.total);
        view.cancelling |= self.why() == Some(Stop::Asked);
    }

    fn state(&self) -> MutexGuard<'_, Reported> {
        // Plain values: a panic elsewhere leaves them as good as they were.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stands_but_a_lost_lease_outweighs() {
        let live = Live::new(1);
        assert!(!live.stopping());
        live.stop(Stop::Asked);
        live.stop(Stop::Closing);
        assert_eq!(live.why(), Some(Stop::Asked));
        live.stop(Stop::Lost);
        assert_eq!(live.why(), Some(Stop::Lost));
    }

    #[test]
    fn only_what_changed_is_written() {
        let live = Live::new(1);
        live.report(1, 10, "a");
        assert_eq!(live.take_dirty(), Some((1, 10, "a".to_owned())));
        live.report(1, 10, "a");
        assert_eq!(live.take_dirty(), None);
    }
}
