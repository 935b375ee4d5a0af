//! Saving the weave as a new adapter: name, place, the job's progress, and the way to the result.

use super::bake::BakeForm;
use super::loom::Loom;
use crate::api::weave_merge;
use crate::dom;
use crate::kit::{Button, Glyph, Look, ProblemView, Segmented, TextField};
use crate::making::{Making, Outcome, Place, PlaceFields};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use weft_domain::merge::{MergeRequest, Weave};
use weft_domain::{CheckpointId, RootView};

/// Key under which the last place is kept.
const PLACE: &str = "weft-weave-place";

/// What the weave becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveAs {
    Adapter,
    /// Baked into a copy of a checkpoint.
    Into,
    /// Taken out of one.
    OutOf,
}

impl SaveAs {
    const ALL: [Self; 3] = [Self::Adapter, Self::Into, Self::OutOf];

    /// The word on the button that does it, and the form that it sends.
    pub(super) const fn act(self) -> (&'static str, &'static str) {
        match self {
            Self::Adapter => ("Save as adapter", "weave-save"),
            Self::Into => ("Bake into a copy", "bake-form"),
            Self::OutOf => ("Take them out of a copy", "bake-form"),
        }
    }

    /// The word in the address, and the name for people.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Adapter => ("adapter", "Adapter"),
            Self::Into => ("into", "Into a model"),
            Self::OutOf => ("outof", "Out of one"),
        }
    }
}

/// What the address asks for (`into=12`): the checkpoint that the weave is baked into or taken out of.
pub(super) fn wanted() -> Option<(SaveAs, CheckpointId)> {
    let query = use_query_map();
    let named = |key: &str| query.with_untracked(|q| q.get(key)).and_then(|id| id.parse::<CheckpointId>().ok());
    [SaveAs::Into, SaveAs::OutOf].into_iter().find_map(|kind| Some((kind, named(kind.words().0)?)))
}

/// The choice between an adapter and a checkpoint with or without it. It stands above the settings, which follow from it.
#[component]
pub(super) fn SaveAsChoice() -> impl IntoView {
    let kind = expect_context::<Loom>().target;
    view! {
        <div class="save-as">
            <Segmented
                name="weave-save-as"
                label="Save as"
                choices=SaveAs::ALL.map(|k| (k.words().0, k.words().1, None)).to_vec()
                value=Signal::derive(move || kind.get().words().0.to_owned())
                on_change=move |key: String| kind.set(SaveAs::ALL.into_iter().find(|k| k.words().0 == key).unwrap_or(SaveAs::Adapter))
            />
        </div>
    }
}

/// The form that makes it.
#[component]
pub(super) fn Save(roots: Vec<RootView>, request: Memo<Option<Weave>>) -> impl IntoView {
    let kind = expect_context::<Loom>().target;
    let wanted = wanted();
    let roots = StoredValue::new(roots);
    window_keys(kind);
    view! {
        {move || match kind.get() {
            SaveAs::Adapter => view! { <SaveAdapter roots=roots.get_value() request/> }.into_any(),
            other => view! { <BakeForm request wanted=wanted.map(|(_, id)| id) taking_out=other == SaveAs::OutOf/> }.into_any(),
        }}
    }
}

/// The form of an adapter, and what became of it.
#[component]
fn SaveAdapter(roots: Vec<RootView>, request: Memo<Option<Weave>>) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let place = Place::new(roots, PLACE);
    let making = Making::new();
    let name = Memo::new(move |_| loom.state.with(|s| s.name.clone()));
    let title = Memo::new(move |_| if name.with(|n| n.trim().is_empty()) { loom.suggested_name() } else { name.get().trim().to_owned() });
    let ready = Memo::new(move |_| request.with(Option::is_some) && place.root.get().is_some() && !making.busy());
    let save = move || {
        if !ready.get_untracked() {
            return;
        }
        let (Some(weave), Some((root, folder))) = (request.get_untracked(), place.take()) else { return };
        let request = MergeRequest { weave, name: title.get_untracked(), root, folder };
        let asked = loom.state.get_untracked();
        making.start(weave_merge(request), move || {
            // What was sent is safe now: the job table holds it.
            if loom.state.try_get_untracked().is_some_and(|now| now == asked) {
                loom.mark_clean();
            }
        });
    };
    view! {
        <form class="save" id="weave-save" on:submit=move |ev| { ev.prevent_default(); save(); }>
            <TextField
                id="weave-name"
                label="Name"
                value=name
                on_input=move |v: String| loom.edit("name", |s| s.name = v)
                placeholder="Named after its strands"
                error=making.field("name")
            />
            <PlaceFields place id="weave-folder" example="woven" error=making.field("folder")/>
            <Button look=Look::Primary kind="submit" icon=Glyph::Save disabled=Signal::derive(move || !ready.get()) busy=making.sending>"Save as adapter"</Button>
        </form>
        {move || making.stray(&["name", "folder"]).map(|error| view! { <ProblemView error/> })}
        {move || making.job.get().map(|id| view! { <Outcome id/> })}
    }
}

/// Ctrl-Enter makes it from anywhere on the page, as its button would.
fn window_keys(kind: RwSignal<SaveAs>) {
    Effect::new(move |_| {
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) && !dom::dialog_open() {
                event.prevent_default();
                if let Some(button) = dom::find(&format!("#{} [type=submit]", kind.get_untracked().act().1)) {
                    button.click();
                }
            }
        });
        on_cleanup(move || handle.remove());
    });
}
