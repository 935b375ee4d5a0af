//! The trash's own line: what it holds, and emptying it now.

use super::super::desk::Desk;
use crate::api;
use crate::format;
use crate::kit::{Button, Glyph, Look, Toasts};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;
use weft_domain::generation::Trash;

/// A little longer than the program waits before it removes anything.
const LEAVING: Duration = Duration::from_secs(14);

/// "12 pictures · 3.4 MB", and the button. Only where there is something.
#[component]
pub(super) fn TrashBar() -> impl IntoView {
    let gallery = expect_context::<Desk>().gallery;
    let toasts = expect_context::<Toasts>();
    let held = RwSignal::new(None::<Trash>);
    let leaving = RwSignal::new(false);
    let presses = StoredValue::new(0u32);
    let shown = Memo::new(move |_| gallery.query.with(|q| q.trash));
    Effect::new(move |_| {
        gallery.total.track();
        if shown.get() {
            spawn_local(async move {
                // Unanswered, the line says what it said.
                if let Ok(trash) = api::picture_trash().await {
                    let _gone = held.try_set(Some(trash));
                }
            });
        }
    });
    let empty = move |_| {
        leaving.set(true);
        let press = presses.get_value() + 1;
        presses.set_value(press);
        spawn_local(async move {
            match api::picture_trash_empty().await {
                Ok(trash) => say(toasts, trash, leaving),
                Err(error) => {
                    let _gone = leaving.try_set(false);
                    toasts.problem(&error);
                }
            }
        });
        let over = move || {
            // The clock of a press that was taken back must not end a later one.
            if presses.try_get_value() == Some(press) {
                let _gone = leaving.try_set(false);
            }
        };
        set_timeout(over, LEAVING);
    };
    let filled = Memo::new(move |_| shown.get() && held.get().is_some_and(|t| t.pictures > 0));
    view! {
        <Show when=move || filled.get()>
            <div class="trash-bar">
                <p>
                    <b class="num">{move || held.get().map(words)}</b>
                    <span class="hint">" They leave by themselves after thirty days."</span>
                </p>
                <Button look=Look::Danger icon=Glyph::Trash busy=leaving on:click=empty>
                    {move || if leaving.get() { "Emptying in a moment" } else { "Empty the trash now" }}
                </Button>
            </div>
        </Show>
    }
}

fn words(trash: Trash) -> String {
    format!("{} · {}", format::plural(trash.pictures, "picture"), format::bytes(trash.bytes))
}

/// Nothing is gone before this has left the screen.
fn say(toasts: Toasts, trash: Trash, leaving: RwSignal<bool>) {
    let text =
        format!("The trash is emptied for good: {}, {} free.", format::plural(trash.pictures, "picture"), format::bytes(trash.bytes));
    toasts.undo(text, move || {
        spawn_local(async move {
            match api::picture_trash_spare().await {
                Ok(true) => {
                    let _gone = leaving.try_set(false);
                    toasts.say("Everything stays in the trash.");
                }
                Ok(false) => toasts.say("It was too late: the trash is empty."),
                Err(error) => toasts.problem(&error),
            }
        });
    });
}
