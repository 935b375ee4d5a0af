//! What would come out, asked of the server after each pause in the changes.

use crate::api::{ApiError, weave_estimate};
use crate::blocks::format;
use leptos::prelude::*;
use leptos::reactive::actions::ActionAbortHandle;
use std::time::Duration;
use weft_domain::merge::{MergeEstimate, Weave};

/// Pause after the last change before the estimate is asked for.
const PAUSE: Duration = Duration::from_millis(400);

/// What would come out, kept in step with the question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Estimate {
    /// The last answer.
    pub answer: RwSignal<Option<Result<MergeEstimate, ApiError>>>,
    /// It belongs to an earlier question.
    pub stale: RwSignal<bool>,
}

impl Estimate {
    /// Asks after every pause in the changes. A question that the next change makes worthless is taken back, and so is its arithmetic.
    pub(crate) fn follow(request: Memo<Option<Weave>>) -> Self {
        let this = Self { answer: RwSignal::new(None), stale: RwSignal::new(false) };
        let ask = Action::new(move |weave: &Weave| {
            let weave = weave.clone();
            async move {
                let answer = weave_estimate(weave).await;
                // Gone with the page while it was on its way: nobody reads it.
                drop(this.answer.try_set(Some(answer)));
                let _ = this.stale.try_set(false);
            }
        });
        let running = StoredValue::new(None::<ActionAbortHandle>);
        let turn = StoredValue::new(0u64);
        Effect::new(move |_| {
            let request = request.get();
            turn.update_value(|n| *n += 1);
            let now = turn.get_value();
            if let Some(Some(handle)) = running.try_update_value(Option::take) {
                handle.abort();
            }
            let Some(weave) = request else {
                this.answer.set(None);
                return this.stale.set(false);
            };
            this.stale.set(true);
            let later = move || {
                if turn.try_get_value() == Some(now) {
                    running.set_value(Some(ask.dispatch(weave)));
                }
            };
            set_timeout(later, PAUSE);
        });
        this
    }
}

/// Energy with two digits, never rounded up to all of it.
pub(crate) fn kept(energy: f64) -> String {
    match energy {
        e if e >= 1.0 - 1e-9 => "100 %".to_owned(),
        e if e >= 0.9999 => "> 99.99 %".to_owned(),
        e if e >= 0.99 => format!("{:.2} %", (e * 1e4).floor() / 1e2),
        e => format::percent(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_never_rounded_away() {
        assert_eq!([1.0, 0.99995, 0.99789, 0.5].map(kept), ["100 %", "> 99.99 %", "99.78 %", "50.0 %"]);
    }
}
