//! The one event stream, shared by everything on the page.

use crate::api::{self, ApiError};
use crate::dom;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::collections::VecDeque;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use weft_domain::status::Overview;
use weft_domain::{Event, JobView};

/// Where the stream is, and the name of its events.
const ADDRESS: &str = "/api/v1/events";
const EVENT: &str = "weft";
/// How long the stream may be down before the page says so: a restart of the program is shorter.
const PATIENCE: Duration = Duration::from_millis(2500);

/// Most events that are kept for parts of the page that come late.
const RECENT: usize = 128;

type Listener = (u64, Callback<Event>);

/// A moment in what the page heard. From [`Live::mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

/// The last events, numbered from one.
#[derive(Debug, Default)]
struct Recent {
    count: u64,
    events: VecDeque<Event>,
}

impl Recent {
    /// Steps of a picture are told only to those who listen at that moment.
    fn push(&mut self, event: &Event) {
        if matches!(event, Event::Painting { .. }) {
            return;
        }
        self.count += 1;
        self.events.push_back(event.clone());
        if self.events.len() > RECENT {
            self.events.pop_front();
        }
    }

    /// What was heard after this moment; a reset where not all of it is known any more.
    fn since(&self, mark: Mark) -> Vec<Event> {
        let missed = usize::try_from(self.count.saturating_sub(mark.0)).unwrap_or(usize::MAX);
        match self.events.len().checked_sub(missed) {
            Some(known) => self.events.iter().skip(known).cloned().collect(),
            None => vec![Event::Reset],
        }
    }
}

/// What the page knows of the running program, kept fresh by its events. From context: `expect_context::<Live>()`.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    /// Jobs, active first. Empty until the browser has taken over.
    pub jobs: RwSignal<Vec<JobView>>,
    /// The stream is down.
    pub lost: RwSignal<bool>,
    /// Numbers for the navigation.
    pub overview: Resource<Result<Overview, ApiError>>,
    connected: StoredValue<bool>,
    up: StoredValue<bool>,
    counting: StoredValue<bool>,
    listeners: StoredValue<Vec<Listener>>,
    next: StoredValue<u64>,
    recent: StoredValue<Recent>,
}

impl Live {
    pub(super) fn new() -> Self {
        Self {
            jobs: RwSignal::new(Vec::new()),
            lost: RwSignal::new(false),
            overview: Resource::new(|| (), |()| api::library_overview()),
            connected: StoredValue::new(false),
            up: StoredValue::new(true),
            counting: StoredValue::new(false),
            listeners: StoredValue::new(Vec::new()),
            next: StoredValue::new(0),
            recent: StoredValue::new(Recent::default()),
        }
    }

    /// Runs the callback at every event for as long as the caller's component lives.
    pub fn on_event(self, run: impl Fn(Event) + Send + Sync + 'static) {
        let id = self.next.try_update_value(|n| {
            *n += 1;
            *n
        });
        let Some(id) = id else { return };
        let callback = Callback::new(run);
        self.listeners.update_value(|list| list.push((id, callback)));
        on_cleanup(move || {
            let _gone = self.listeners.try_update_value(|list| list.retain(|(other, _)| *other != id));
        });
    }

    /// This moment, to be taken before something is fetched. While the browser takes the page over, the moment at which the server made it.
    #[must_use]
    pub fn mark(self) -> Mark {
        if Owner::current_shared_context().is_some_and(|context| context.during_hydration()) {
            return Mark(0);
        }
        Mark(self.recent.try_with_value(|recent| recent.count).unwrap_or_default())
    }

    /// As [`Live::on_event`], and what was heard since the mark comes first: for a component that is drawn only when its data has come,
    /// as something may have changed between the answer and the drawing.
    pub fn on_event_since(self, mark: Mark, run: impl Fn(Event) + Send + Sync + 'static) {
        let callback = Callback::new(run);
        self.on_event(move |event| callback.run(event));
        // What comes until the component stands is heard by both; to refresh twice does no harm.
        Effect::new(move |_| {
            untrack(|| {
                for event in self.recent.try_with_value(|recent| recent.since(mark)).unwrap_or_default() {
                    callback.run(event);
                }
            });
        });
    }

    /// The job with this number, as last heard of.
    #[must_use]
    pub fn job(self, id: weft_domain::JobId) -> Signal<Option<JobView>> {
        Signal::derive(move || self.jobs.with(|jobs| jobs.iter().find(|job| job.id == id).cloned()))
    }

    /// Takes a job that a server function just answered, without waiting for its event.
    pub fn heard(self, job: JobView) {
        self.jobs.update(|jobs| merge(jobs, job));
    }

    /// Opens the stream, once.
    pub(super) fn connect(self) {
        if self.connected.get_value() {
            return;
        }
        self.connected.set_value(true);
        self.fetch_jobs();
        // What happened between the page and this moment comes first.
        let after = dom::meta("weft-heard").filter(|id| !id.is_empty()).map(|id| format!("?after={id}")).unwrap_or_default();
        let Ok(source) = web_sys::EventSource::new(&format!("{ADDRESS}{after}")) else { return };
        let message = Closure::<dyn Fn(web_sys::MessageEvent)>::new(move |event: web_sys::MessageEvent| {
            let parsed = event.data().as_string().and_then(|text| serde_json::from_str::<Event>(&text).ok());
            // An event of a newer program that this page does not know is passed over.
            if let Some(event) = parsed {
                self.take(event);
            }
        });
        let opened = Closure::<dyn Fn()>::new(move || {
            self.up.set_value(true);
            if self.lost.get_untracked() {
                self.lost.set(false);
                self.take(Event::Reset);
            }
        });
        let failed = Closure::<dyn Fn()>::new(move || {
            self.up.set_value(false);
            let check = move || {
                if !self.up.get_value() {
                    self.lost.set(true);
                }
            };
            set_timeout(check, PATIENCE);
        });
        // Adding a listener fails only for a name that is no string.
        drop(source.add_event_listener_with_callback(EVENT, message.as_ref().unchecked_ref()));
        source.set_onopen(Some(opened.as_ref().unchecked_ref()));
        source.set_onerror(Some(failed.as_ref().unchecked_ref()));
        // The stream lives as long as the page.
        message.forget();
        opened.forget();
        failed.forget();
    }

    fn take(self, event: Event) {
        match &event {
            Event::Job { job } => self.jobs.update(|jobs| merge(jobs, job.clone())),
            Event::Reset => {
                self.fetch_jobs();
                self.count();
            }
            Event::LibraryChanged | Event::RootsChanged | Event::CheckpointsChanged | Event::Adapters { .. } => self.count(),
            Event::Painting { .. } | Event::Pictures { .. } | Event::PicturesChanged | Event::QueueChanged => {}
        }
        self.recent.update_value(|recent| recent.push(&event));
        for (_, callback) in self.listeners.get_value() {
            callback.run(event.clone());
        }
    }

    /// Counts anew, at most once in 800 ms.
    fn count(self) {
        if self.counting.get_value() {
            return;
        }
        self.counting.set_value(true);
        let run = move || {
            self.counting.set_value(false);
            self.overview.refetch();
        };
        set_timeout(run, Duration::from_millis(800));
    }

    fn fetch_jobs(self) {
        spawn_local(async move {
            // Without an answer the list stays as it is; the stream says that the connection is lost.
            if let Ok(list) = api::job_list().await {
                self.jobs.set(list);
            }
        });
    }

    /// Fetches the list of jobs again.
    pub fn refresh_jobs(self) {
        self.fetch_jobs();
    }
}

/// Replaces the job, or adds it: active ones first, then the newest.
fn merge(jobs: &mut Vec<JobView>, job: JobView) {
    match jobs.iter_mut().find(|old| old.id == job.id) {
        // Events may come late: a finished job never changes again.
        Some(old) if old.state.finished() && !job.state.finished() && job.attempt <= old.attempt => return,
        Some(old) => *old = job,
        None => jobs.push(job),
    }
    jobs.sort_by_key(|job| (job.state.finished(), std::cmp::Reverse(job.finished_ms.unwrap_or(job.created_ms)), job.id));
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_domain::{JobId, JobKind, JobState, Lane};

    fn job(id: i64, state: JobState, finished_ms: Option<i64>) -> JobView {
        JobView {
            id: JobId(id),
            kind: JobKind::Scan,
            title: String::new(),
            lane: Lane::Io,
            state,
            done: 0,
            total: 0,
            message: String::new(),
            eta_ms: None,
            cancelling: false,
            attempt: 1,
            error: None,
            result: None,
            created_ms: id,
            started_ms: None,
            finished_ms,
        }
    }

    #[test]
    fn active_jobs_come_first_and_then_the_newest() {
        let mut jobs = Vec::new();
        for new in [job(1, JobState::Done, Some(10)), job(2, JobState::Done, Some(20)), job(3, JobState::Running, None)] {
            merge(&mut jobs, new);
        }
        assert_eq!(jobs.iter().map(|job| job.id.0).collect::<Vec<_>>(), [3, 2, 1]);
    }

    #[test]
    fn who_comes_late_hears_what_was_missed_or_is_told_to_start_anew() {
        let mut recent = Recent::default();
        recent.push(&Event::RootsChanged);
        let mark = Mark(recent.count);
        assert!(recent.since(mark).is_empty());
        recent.push(&Event::LibraryChanged);
        recent.push(&Event::QueueChanged);
        assert_eq!(recent.since(mark), [Event::LibraryChanged, Event::QueueChanged]);
        assert_eq!(recent.since(Mark(0)).len(), 3);
        for _ in 0..RECENT {
            recent.push(&Event::PicturesChanged);
        }
        assert_eq!(recent.since(mark), [Event::Reset]);
        assert_eq!(recent.since(Mark(recent.count - RECENT as u64)).len(), RECENT);
    }

    #[test]
    fn a_late_event_does_not_wake_a_finished_job() {
        let mut jobs = vec![job(1, JobState::Done, Some(10))];
        merge(&mut jobs, job(1, JobState::Running, None));
        assert_eq!(jobs[0].state, JobState::Done);
        let again = JobView { attempt: 2, ..job(1, JobState::Running, None) };
        merge(&mut jobs, again);
        assert_eq!(jobs[0].state, JobState::Running);
    }
}
