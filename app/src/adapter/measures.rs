//! Norms and ranks of ΔW that the library does not keep: asked for once somebody chooses one of them.

use crate::api::{ApiError, adapter_fits, adapter_measures};
use crate::blocks::Asked;
use crate::blocks::stats::More;
use crate::shell::Live;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::sync::Arc;
use weft_domain::{AdapterId, CheckpointId, FitLevel, JobId, JobState, MeasuresAnswer};

/// Asks for the measures of an adapter; where a job computes them, again when it is done.
pub(super) fn asked(adapter: AdapterId) -> Asked {
    let live = expect_context::<Live>();
    let more = RwSignal::new(None::<Arc<More>>);
    let error = RwSignal::new(None::<ApiError>);
    let job = RwSignal::new(None::<JobId>);
    // A finished job is asked for its answer once.
    let waiting = RwSignal::new(false);
    let checkpoint = RwSignal::new(None::<CheckpointId>);
    let ask = Callback::new(move |()| {
        error.set(None);
        let beside = checkpoint.get_untracked();
        spawn_local(async move {
            let answer = adapter_measures(adapter, beside).await;
            // The page may be gone by now, or another checkpoint chosen.
            if checkpoint.try_get_untracked() != Some(beside) {
                return;
            }
            match answer {
                Ok(MeasuresAnswer { measures: Some(measures), .. }) => {
                    let _gone = waiting.try_set(false);
                    drop(more.try_set(Some(Arc::new(More::new(&measures)))));
                }
                Ok(MeasuresAnswer { job: Some(view), .. }) => {
                    let _gone = (waiting.try_set(true), job.try_set(Some(view.id)));
                    live.heard(view);
                }
                Ok(_) => {}
                Err(problem) => drop(error.try_set(Some(problem))),
            }
        });
    });
    let running = Memo::new(move |_| job.get().and_then(|id| live.job(id).get()));
    Effect::new(move |_| match running.get() {
        Some(view) if view.state == JobState::Done && waiting.get_untracked() => ask.run(()),
        Some(view) if view.state.finished() && view.state != JobState::Done => {
            let why = view.error.unwrap_or_else(|| "The measuring was stopped.".to_owned());
            error.set(Some(ApiError(weft_domain::Problem::new(weft_domain::ProblemKind::Unavailable, why))));
        }
        _ => {}
    });
    let (checkpoints, beside) = beside(adapter, checkpoint, more, error, ask);
    Asked { more: more.into(), job: running.into(), error: error.into(), ask, checkpoints, checkpoint: checkpoint.into(), beside }
}

/// Checkpoints to hold sizes against, asked for once, and the choice of one.
#[expect(clippy::type_complexity, reason = "two halves of one thing, named where they are taken apart")]
fn beside(
    adapter: AdapterId,
    checkpoint: RwSignal<Option<CheckpointId>>,
    more: RwSignal<Option<Arc<More>>>,
    error: RwSignal<Option<ApiError>>,
    ask: Callback<()>,
) -> (Signal<Option<Vec<(CheckpointId, String)>>>, Callback<Option<CheckpointId>>) {
    let all = RwSignal::new(None::<Vec<(CheckpointId, String)>>);
    let take = move |id: CheckpointId| {
        if checkpoint.get_untracked() != Some(id) {
            checkpoint.set(Some(id));
            more.set(None);
            ask.run(());
        }
    };
    let choose = Callback::new(move |wanted: Option<CheckpointId>| {
        if let Some(id) = wanted.or_else(|| all.with_untracked(|all| all.as_ref()?.first().map(|(id, _)| *id))) {
            return take(id);
        }
        spawn_local(async move {
            match adapter_fits(adapter, None).await {
                Ok(answer) => {
                    let usable = answer.fits.into_iter().filter(|fit| fit.level != FitLevel::Wrong);
                    let found: Vec<_> = usable.map(|fit| (fit.checkpoint, fit.name)).collect();
                    let first = found.first().map(|(id, _)| *id);
                    // The page may be gone by now.
                    if all.try_set(Some(found)).is_none()
                        && let Some(id) = first
                    {
                        take(id);
                    }
                }
                Err(problem) => drop(error.try_set(Some(problem))),
            }
        });
    });
    (all.into(), choose)
}
