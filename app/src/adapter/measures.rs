//! Norms and ranks of ΔW that the library does not keep: asked for once somebody chooses one of them.

use crate::api::{ApiError, adapter_measures};
use crate::blocks::Asked;
use crate::blocks::stats::More;
use crate::shell::Live;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::sync::Arc;
use weft_domain::{AdapterId, JobId, JobState, MeasuresAnswer};

/// Asks for the measures of an adapter; where a job computes them, again when it is done.
pub(super) fn asked(adapter: AdapterId) -> Asked {
    let live = expect_context::<Live>();
    let more = RwSignal::new(None::<Arc<More>>);
    let error = RwSignal::new(None::<ApiError>);
    let job = RwSignal::new(None::<JobId>);
    let ask = Callback::new(move |()| {
        error.set(None);
        spawn_local(async move {
            let answer = adapter_measures(adapter, None).await;
            // The page may be gone by now.
            match answer {
                Ok(MeasuresAnswer { measures: Some(measures), .. }) => drop(more.try_set(Some(Arc::new(More::new(&measures))))),
                Ok(MeasuresAnswer { job: Some(view), .. }) => {
                    let _gone = job.try_set(Some(view.id));
                    live.heard(view);
                }
                Ok(_) => {}
                Err(problem) => drop(error.try_set(Some(problem))),
            }
        });
    });
    let running = Memo::new(move |_| job.get().and_then(|id| live.job(id).get()));
    Effect::new(move |_| match running.get() {
        Some(view) if view.state == JobState::Done && more.with_untracked(Option::is_none) => ask.run(()),
        Some(view) if view.state.finished() && view.state != JobState::Done => {
            let why = view.error.unwrap_or_else(|| "The measuring was stopped.".to_owned());
            error.set(Some(ApiError(weft_domain::Problem::new(weft_domain::ProblemKind::Unavailable, why))));
        }
        _ => {}
    });
    Asked { more: more.into(), job: running.into(), error: error.into(), ask }
}
