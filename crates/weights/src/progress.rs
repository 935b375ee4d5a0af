//! How long work reports and how it is stopped. The caller owns both ends: this crate keeps no global state.

use std::sync::atomic::{AtomicBool, Ordering};

/// Receives progress of long work and may ask it to stop. Called from worker threads.
pub trait Progress: Sync {
    /// `done` of `total` steps are finished; `what` names the step in words a user understands.
    fn step(&self, done: u64, total: u64, what: &str);
    /// True when the work should stop between two steps with [`Cancelled`].
    fn cancelled(&self) -> bool {
        false
    }
}

/// Reports nothing and never cancels.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _done: u64, _total: u64, _what: &str) {}
}

/// A flag shared with whoever may cancel; progress goes nowhere.
impl Progress for AtomicBool {
    fn step(&self, _done: u64, _total: u64, _what: &str) {}
    fn cancelled(&self) -> bool {
        self.load(Ordering::Relaxed)
    }
}

/// The caller asked to stop; nothing was left half done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

impl Cancelled {
    /// Errors when `progress` asks to stop: call between two steps.
    pub fn check(progress: &dyn Progress) -> Result<(), Self> {
        if progress.cancelled() { Err(Self) } else { Ok(()) }
    }
}
