//! The page's working state: the form, what is painted now, what was painted last. Copied freely; lives as long as the page.

use super::address::Address;
use super::form::{self, Form};
use super::gallery::Gallery;
use super::kept;
use crate::api::{self, ApiError};
use crate::dom;
use crate::kit::Toasts;
use crate::shell::{Live, Mark};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::collections::BTreeMap;
use std::time::Duration;
use weft_domain::generation::{Defaults, GenerationRequest, GenerationView, Painting, PictureCard, Styles};
use weft_domain::{
    AdapterCard, AdapterDetails, AdapterId, CheckpointCard, CheckpointId, Event, GenerationId, JobKind, JobState, PictureId,
};

/// What the viewer shows, and what Left and Right lead to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Viewing {
    pub id: PictureId,
    /// The pictures around it, in their order.
    pub among: Vec<PictureCard>,
    /// A second one to compare with.
    pub against: Option<PictureCard>,
}

/// When a step of a picture was heard of.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Heard {
    generation: GenerationId,
    shot: u32,
    step: u32,
    at_ms: f64,
}

/// The working state.
#[derive(Debug, Clone, Copy)]
pub struct Desk {
    pub form: RwSignal<Form>,
    /// Cards of the strands, and of adapters that an axis names.
    pub cards: RwSignal<Vec<AdapterCard>>,
    /// What is known of the strands' blocks and triggers.
    pub details: RwSignal<BTreeMap<AdapterId, AdapterDetails>>,
    /// Those that might paint.
    pub checkpoints: RwSignal<Vec<CheckpointCard>>,
    pub defaults: RwSignal<Defaults>,
    /// None until somebody asks for them.
    pub styles: RwSignal<Option<Styles>>,
    /// Asked for last here, or opened by its address.
    pub current: RwSignal<Option<GenerationView>>,
    pub painting: RwSignal<Option<Painting>>,
    pub sending: RwSignal<bool>,
    pub error: RwSignal<Option<ApiError>>,
    pub viewing: RwSignal<Option<Viewing>>,
    pub queue: RwSignal<bool>,
    /// The form as a sheet from below, on a phone.
    pub sheet: RwSignal<bool>,
    /// Milliseconds for a million pixels and one call of the model.
    pub pace: RwSignal<Option<f64>>,
    pub gallery: Gallery,
    /// The viewer has an entry of its own in the browser's history.
    pushed: StoredValue<bool>,
    heard: StoredValue<Option<Heard>>,
    /// Something was shown here; until then the page shows what others paint.
    adopted: StoredValue<bool>,
    fetching: StoredValue<bool>,
    live: Live,
    toasts: Toasts,
}

impl Desk {
    /// A desk with what the server said at the opening.
    pub fn new(
        form: Form,
        defaults: Defaults,
        checkpoints: Vec<CheckpointCard>,
        cards: Vec<AdapterCard>,
        gallery: Gallery,
        current: Option<GenerationView>,
    ) -> Self {
        Self {
            form: RwSignal::new(form),
            cards: RwSignal::new(cards),
            details: RwSignal::new(BTreeMap::new()),
            checkpoints: RwSignal::new(checkpoints),
            defaults: RwSignal::new(defaults),
            styles: RwSignal::new(None),
            current: RwSignal::new(current),
            painting: RwSignal::new(None),
            sending: RwSignal::new(false),
            error: RwSignal::new(None),
            viewing: RwSignal::new(None),
            queue: RwSignal::new(false),
            sheet: RwSignal::new(false),
            pace: RwSignal::new(None),
            gallery,
            pushed: StoredValue::new(false),
            heard: StoredValue::new(None),
            adopted: StoredValue::new(false),
            fetching: StoredValue::new(false),
            live: expect_context::<Live>(),
            toasts: expect_context::<Toasts>(),
        }
    }

    /// Changes the form. A page that is gone has none.
    pub fn edit(self, change: impl FnOnce(&mut Form)) {
        let Some(before) = self.form.try_get_untracked() else { return };
        let mut after = before.clone();
        change(&mut after);
        if after != before {
            self.form.set(after);
        }
    }

    /// A part of the form, tracked.
    pub fn read<T: PartialEq + Send + Sync + 'static>(self, part: fn(&Form) -> T) -> Memo<T> {
        Memo::new(move |_| self.form.with(part))
    }

    /// The checkpoint that paints.
    pub fn checkpoint(self) -> Option<CheckpointId> {
        self.form.with(|f| f.checkpoint).or_else(|| self.defaults.with(|d| d.checkpoint))
    }

    /// Name of an adapter.
    pub fn name(self, id: AdapterId) -> String {
        self.cards.with(|cards| cards.iter().find(|c| c.id == id).map_or_else(|| format!("Adapter {id}"), |c| c.name.clone()))
    }

    /// Remembers a card.
    pub fn know(self, card: AdapterCard) {
        self.cards.update(|cards| match cards.iter_mut().find(|c| c.id == card.id) {
            Some(old) => *old = card,
            None => cards.push(card),
        });
    }

    /// Paints what the form says.
    pub fn paint(self) {
        let refused = self.form.with_untracked(Form::refused);
        if let Some(why) = refused {
            self.toasts.say(why);
            return;
        }
        self.start(self.form.with_untracked(Form::request), true);
    }

    /// Paints a request. `mine`: it came from the form, whose seed follows it.
    pub fn start(self, request: GenerationRequest, mine: bool) {
        if self.sending.get_untracked() {
            return;
        }
        self.sending.set(true);
        self.adopted.set_value(true);
        self.error.set(None);
        spawn_local(async move {
            let answer = api::generation_start(request).await;
            if self.sending.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(view) => {
                    if let Some(job) = view.job.clone() {
                        self.live.heard(job);
                    }
                    if mine {
                        let seed = view.request.seed;
                        self.edit(|f| {
                            f.seed = seed.or(f.seed);
                            f.parent = None;
                        });
                    }
                    self.current.set(Some(view));
                    self.sheet.set(false);
                    self.remember();
                    // It may be over already: events that came before this answer told of a stranger.
                    self.fetch_soon();
                }
                Err(error) => self.error.set(Some(error)),
            }
        });
    }

    /// Opens what was asked for once.
    pub fn open(self, id: GenerationId) {
        spawn_local(async move {
            match api::generation_get(id).await {
                Ok(view) => {
                    if self.current.try_set(Some(view)).is_none() {
                        self.remember();
                    }
                }
                Err(error) => self.toasts.problem(&error),
            }
        });
    }

    /// Writes what is shown into the address.
    pub fn remember(self) {
        dom::replace_url(&self.address().url());
    }

    /// What is shown, as an address.
    pub fn address(self) -> Address {
        Address {
            query: self.gallery.query.get_untracked(),
            generation: self.current.with_untracked(|c| c.as_ref().map(|c| c.id)),
            picture: self.viewing.with_untracked(|v| v.as_ref().map(|v| v.id)),
        }
    }

    /// Looks at a picture among others.
    pub fn view(self, id: PictureId, among: Vec<PictureCard>) {
        let open = self.viewing.with_untracked(Option::is_some);
        self.viewing.set(Some(Viewing { id, among, against: None }));
        if open {
            self.remember();
        } else {
            // Back closes it again, as a phone's users expect.
            dom::push_url(&self.address().url());
            self.pushed.set_value(true);
        }
    }

    /// Closes the viewer.
    pub fn close_view(self) {
        if self.viewing.with_untracked(Option::is_none) {
            return;
        }
        self.viewing.set(None);
        if self.pushed.get_value() {
            self.pushed.set_value(false);
            dom::go_back();
        } else {
            self.remember();
        }
    }

    /// Follows Back and Forward, which open and close the viewer.
    pub fn follow_history(self) {
        Effect::new(move |_| {
            let handle = window_event_listener(leptos::ev::popstate, move |_| {
                let Some(open) = self.viewing.try_with_untracked(|v| v.as_ref().map(|v| v.id)) else { return };
                let named = Address::read(dom::parameter).picture;
                if named != open {
                    self.pushed.set_value(named.is_some());
                    self.viewing.set(named.map(|id| Viewing { id, among: self.gallery.here(), against: None }));
                }
            });
            on_cleanup(move || handle.remove());
        });
    }

    /// Asks for the defaults of a checkpoint, and what becomes of the prompt there.
    pub fn ask_defaults(self, checkpoint: Option<CheckpointId>) {
        spawn_local(async move {
            match api::generation_defaults(checkpoint).await {
                Ok(defaults) => drop(self.defaults.try_set(defaults)),
                Err(error) => self.toasts.problem(&error),
            }
        });
    }

    /// What belongs to the strands is asked for as they come.
    pub fn follow_strands(self) {
        let ids = Memo::new(move |_| self.form.with(|f| f.strands.iter().map(|s| s.adapter).collect::<Vec<_>>()));
        Effect::new(move |_| {
            let lacking: Vec<AdapterId> = ids.get().into_iter().filter(|id| self.details.with_untracked(|d| !d.contains_key(id))).collect();
            for id in lacking {
                spawn_local(async move {
                    match api::library_details(id).await {
                        Ok(details) => {
                            if self.details.try_update(|d| d.insert(id, details.clone())).is_some() {
                                self.know(details.card);
                            }
                        }
                        // A file that has left the library leaves the composition.
                        Err(error) if error.is_not_found() => self.edit(|f| f.strands.retain(|s| s.adapter != id)),
                        Err(error) => self.toasts.problem(&error),
                    }
                });
            }
        });
    }

    /// Keeps all of this in step with the program, from the moment its data was asked for.
    pub fn listen(self, asking: Mark) {
        self.live.on_event_since(asking, move |event| match event {
            Event::Painting { painting } => self.step(painting),
            Event::Job { job } if job.kind == JobKind::Generate => {
                let mine = self.current.with_untracked(|c| c.as_ref().and_then(|c| c.job.as_ref()).is_some_and(|j| j.id == job.id));
                // What formed here stays in sight until the finished picture is at hand.
                if !mine && job.state.finished() && self.painting.with_untracked(|p| p.as_ref().is_some_and(|p| p.job == job.id)) {
                    self.painting.set(None);
                }
                if mine {
                    let finished = job.state.finished();
                    self.current.update(|c| {
                        if let Some(c) = c {
                            c.job = Some(job);
                        }
                    });
                    if finished {
                        self.fetch_soon();
                    }
                }
            }
            Event::Pictures { .. } | Event::PicturesChanged | Event::Reset => {
                self.gallery.refresh_soon();
                self.fetch_soon();
            }
            Event::CheckpointsChanged => self.refresh_checkpoints(),
            _ => {}
        });
    }

    fn step(self, painting: Painting) {
        if !self.adopted.get_value() {
            self.adopted.set_value(true);
            if self.current.with_untracked(Option::is_none) {
                self.open(painting.generation);
            }
        }
        let now = js_sys::Date::now();
        let heard = Heard { generation: painting.generation, shot: painting.shot, step: painting.step, at_ms: now };
        let before = self.heard.get_value();
        self.heard.set_value(Some(heard));
        if let Some(before) = before.filter(|b| b.generation == heard.generation && b.shot == heard.shot && heard.step > b.step) {
            let calls = self.form.with_untracked(|f| f.sampler).unwrap_or_else(|| self.defaults.with_untracked(|d| d.sampler)).calls();
            let work = f64::from(painting.width) * f64::from(painting.height) / 1e6 * calls as f64;
            let pace = (now - before.at_ms) / f64::from(heard.step - before.step) / work.max(1e-6);
            self.pace.update(|p| *p = Some(p.map_or(pace, |old| old * 0.8 + pace * 0.2)));
        }
        // A step without a preview keeps the last one of the same picture.
        let former = self.painting.with_untracked(|p| {
            p.as_ref().filter(|p| p.generation == painting.generation && p.shot == painting.shot).and_then(|p| p.preview.clone())
        });
        let preview = painting.preview.clone().or(former);
        self.painting.set(Some(Painting { preview, ..painting }));
    }

    /// Milliseconds that the form would take, as far as anything was measured.
    pub fn expected_ms(self) -> Option<f64> {
        let pace = self.pace.get()?;
        Some(self.form.with(|f| self.defaults.with(|d| form::work(f, d))) * pace)
    }

    /// Asks for the current generation anew, once for many events.
    fn fetch_soon(self) {
        let open = self.current.with_untracked(|c| c.as_ref().map(|c| c.id));
        let Some(id) = open.filter(|_| !self.fetching.get_value()) else { return };
        self.fetching.set_value(true);
        let fetch = move || {
            if self.fetching.try_set_value(false).is_some() {
                return;
            }
            spawn_local(async move {
                let Ok(view) = api::generation_get(id).await else { return };
                let same = self.current.try_with_untracked(|c| c.as_ref().is_some_and(|c| c.id == id));
                if same == Some(true) {
                    let over = view.job.as_ref().is_none_or(|j| j.state.finished());
                    self.current.set(Some(view));
                    if over && self.painting.with_untracked(|p| p.as_ref().is_some_and(|p| p.generation == id)) {
                        self.painting.set(None);
                    }
                }
            });
        };
        set_timeout(fetch, Duration::from_millis(120));
    }

    fn refresh_checkpoints(self) {
        spawn_local(async move {
            if let Ok(list) = super::paintable().await
                && self.checkpoints.try_set(list).is_none()
            {
                self.ask_defaults(self.form.with_untracked(|f| f.checkpoint));
            }
        });
    }

    /// The job that works on what is shown, while it works.
    pub fn busy(self) -> bool {
        self.current.with(|c| c.as_ref().and_then(|c| c.job.as_ref()).is_some_and(|j| !j.state.finished()))
    }

    /// Why the last one came to nothing.
    pub fn failed(self) -> Option<String> {
        self.current.with(|c| {
            let job = c.as_ref()?.job.as_ref()?;
            match job.state {
                JobState::Failed => job.error.clone().or_else(|| Some("It could not be painted.".to_owned())),
                _ => None,
            }
        })
    }

    /// Stops what is painted for a job.
    pub fn cancel(self, job: weft_domain::JobId) {
        spawn_local(async move {
            match api::job_cancel(job).await {
                Ok(job) => self.live.heard(job),
                Err(error) => self.toasts.problem(&error),
            }
        });
    }

    /// Puts a failed or stopped job into the queue again.
    pub fn retry(self, job: weft_domain::JobId) {
        spawn_local(async move {
            match api::job_retry(job).await {
                Ok(job) => self.live.heard(job),
                Err(error) => self.toasts.problem(&error),
            }
        });
    }

    /// Reads what this browser kept, once, and keeps what changes from then on.
    pub fn keep(self, given: bool) {
        let read = StoredValue::new(false);
        Effect::new(move |_| {
            let form = self.form.get();
            if read.get_value() {
                kept::later(self.form, form);
                return;
            }
            read.set_value(true);
            self.pace.set(kept::pace());
            if let Some(mut stored) = kept::form() {
                // What a link brought goes before what was kept.
                if given {
                    (stored.strands, stored.axes) = (form.strands, Vec::new());
                    stored.sheet = false;
                }
                if stored.checkpoint.is_some_and(|id| self.checkpoints.with_untracked(|list| list.iter().all(|c| c.id != id))) {
                    stored.checkpoint = None;
                }
                if stored.prompt.is_empty() {
                    stored.prompt = form.prompt;
                }
                self.form.set(stored);
            }
        });
        Effect::new(move |_| {
            if let Some(pace) = self.pace.get() {
                kept::set_pace(pace);
            }
        });
    }
}
