//! The end of every form that makes a file: a name, a place, the button, and what became of it.

use super::{Making, Place, PlaceFields, Progressing};
use crate::api::{ApiError, root_list};
use crate::kit::{Button, Glyph, Look, ProblemView, Skeleton, TextField};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::{RootId, RootView};

/// What the new file is called and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub name: String,
    pub root: RootId,
    /// Below the root, `/`-separated.
    pub folder: String,
}

/// How a form ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    pub making: Making,
    /// There is something to make.
    pub ready: Signal<bool>,
    /// Name of the result while the user gives none.
    pub suggested: Signal<String>,
    /// Starts the job with `making`.
    pub on_start: Callback<Target>,
    /// What the button says.
    pub button: &'static str,
    /// An example of a folder.
    pub example: &'static str,
    /// Unique on the page; the last place is kept under it.
    pub id: &'static str,
    /// What is made of the job's result.
    pub done: fn(serde_json::Value) -> AnyView,
}

/// Asks for the folders, then shows the form.
#[component]
pub(crate) fn MakeForm(ending: Ending) -> impl IntoView {
    let roots = RwSignal::new(None::<Result<Vec<RootView>, ApiError>>);
    Effect::new(move |_| {
        spawn_local(async move {
            let answer = root_list().await;
            // The form may have been closed meanwhile.
            drop(roots.try_set(Some(answer)));
        });
    });
    move || match roots.get() {
        None => view! { <Skeleton lines=3 class="skeleton-row"/> }.into_any(),
        Some(Err(error)) => view! { <ProblemView error/> }.into_any(),
        Some(Ok(roots)) => view! { <Form roots ending/> }.into_any(),
    }
}

#[component]
fn Form(roots: Vec<RootView>, ending: Ending) -> impl IntoView {
    let Ending { making, ready, suggested, on_start, button, example, id, done } = ending;
    let place = Place::new(roots, id);
    let typed = RwSignal::new(None::<String>);
    let name = Signal::derive(move || typed.get().unwrap_or_else(|| suggested.get()));
    let ready = Memo::new(move |_| ready.get() && place.root.get().is_some() && !making.busy());
    let start = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if !ready.get_untracked() {
            return;
        }
        let Some((root, folder)) = place.take() else { return };
        let name = Some(name.get_untracked().trim().to_owned()).filter(|n| !n.is_empty()).unwrap_or_else(|| suggested.get_untracked());
        on_start.run(Target { name, root, folder });
    };
    view! {
        <form class="make" id=format!("{id}-form") on:submit=start>
            <TextField id=format!("{id}-name") label="Name of the new file" value=name on_input=move |v: String| typed.set(Some(v)) error=making.field("name")/>
            <PlaceFields place id=format!("{id}-folder") example error=making.field("folder")/>
            <Button look=Look::Primary kind="submit" icon=Glyph::Save disabled=Signal::derive(move || !ready.get()) busy=making.sending>{button}</Button>
        </form>
        {move || making.stray(&["name", "folder"]).map(|error| view! { <ProblemView error/> })}
        {move || making.job.get().map(|id| view! { <Progressing id done/> })}
    }
}
