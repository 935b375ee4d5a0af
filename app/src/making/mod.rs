//! Making a new file: what it would be like, where it goes, the job that makes it, and the way to it. For every page that makes one.

pub(crate) mod curve;
pub(crate) mod estimate;
mod form;
mod outcome;
mod place;

pub(crate) use curve::Curve;
pub(crate) use estimate::{Estimate, kept};
pub(crate) use form::{Ending, MakeForm, Target};
pub(crate) use outcome::{Outcome, Progressing, new_adapter};
pub(crate) use place::{Place, PlaceFields};

use crate::api::ApiError;
use crate::shell::Live;
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::{JobId, JobView};

/// A job that a form starts: on its way, refused, or running.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Making {
    pub sending: RwSignal<bool>,
    pub error: RwSignal<Option<ApiError>>,
    /// The last one that was started.
    pub job: RwSignal<Option<JobId>>,
    live: Live,
}

impl Making {
    pub(crate) fn new() -> Self {
        Self { sending: RwSignal::new(false), error: RwSignal::new(None), job: RwSignal::new(None), live: expect_context::<Live>() }
    }

    /// Sent, or not finished.
    pub(crate) fn busy(self) -> bool {
        let running = |id: JobId| self.live.job(id).with(|job| job.as_ref().is_none_or(|job| !job.state.finished()));
        self.sending.get() || self.job.get().is_some_and(running)
    }

    /// Asks for a job; `accepted` runs once it is queued. The page may be gone by then.
    pub(crate) fn start(self, ask: impl Future<Output = Result<JobView, ApiError>> + 'static, accepted: impl FnOnce() + 'static) {
        self.sending.set(true);
        self.error.set(None);
        spawn_local(async move {
            let answer = ask.await;
            let _gone = self.sending.try_set(false);
            match answer {
                Ok(job) => {
                    let _gone = self.job.try_set(Some(job.id));
                    self.live.heard(job);
                    accepted();
                }
                Err(problem) => drop(self.error.try_set(Some(problem))),
            }
        });
    }

    /// What is wrong with one field.
    pub(crate) fn field(self, key: &'static str) -> Signal<Option<String>> {
        Signal::derive(move || self.error.with(|e| e.as_ref().filter(|e| e.0.field.as_deref() == Some(key)).map(ApiError::line)))
    }

    /// What is wrong with none of these fields.
    pub(crate) fn stray(self, fields: &'static [&'static str]) -> Option<ApiError> {
        self.error.with(|e| e.clone().filter(|e| !e.0.field.as_deref().is_some_and(|field| fields.contains(&field))))
    }
}
