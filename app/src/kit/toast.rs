//! Toasts: what just happened, with a way back.

use super::{Button, Glyph, IconButton, Look};
use crate::api::ApiError;
use leptos::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// What a toast's button does. Counted, not kept by an owner: the component that said it may be gone when the button is pressed.
#[derive(Clone)]
struct Run(Arc<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Run")
    }
}

/// One toast.
#[derive(Debug, Clone)]
struct Toast {
    id: u64,
    text: String,
    bad: bool,
    /// Label and what it does.
    action: Option<(String, Run)>,
    /// Ctrl-Z runs the action.
    undo: bool,
}

/// The list of toasts, from context: `expect_context::<Toasts>()`.
#[derive(Debug, Clone, Copy)]
pub struct Toasts {
    list: RwSignal<Vec<Toast>>,
    next: StoredValue<u64>,
}

impl Default for Toasts {
    fn default() -> Self {
        Self { list: RwSignal::new(Vec::new()), next: StoredValue::new(0) }
    }
}

impl Toasts {
    /// Says something that needs no answer.
    pub fn say(self, text: impl Into<String>) {
        self.push(text.into(), false, None, false, Some(5));
    }

    /// Says what was done, and offers to take it back.
    pub fn undo(self, text: impl Into<String>, back: impl Fn() + Send + Sync + 'static) {
        self.push(text.into(), false, Some(("Undo".to_owned(), Run(Arc::new(back)))), true, Some(10));
    }

    /// Says something with one thing to do about it; stays until answered.
    pub fn ask(self, text: impl Into<String>, label: impl Into<String>, run: impl Fn() + Send + Sync + 'static) {
        self.push(text.into(), false, Some((label.into(), Run(Arc::new(run)))), false, None);
    }

    /// Says what went wrong; stays until closed.
    pub fn problem(self, error: &ApiError) {
        self.push(error.to_string(), true, None, false, None);
    }

    /// Runs the newest undo in sight; false when there is none.
    pub fn undo_last(self) -> bool {
        let found = self.list.with_untracked(|list| list.iter().rev().find(|t| t.undo).map(|t| (t.id, t.action.clone())));
        let Some((id, Some((_, run)))) = found else { return false };
        self.close(id);
        (run.0)();
        true
    }

    fn push(self, text: String, bad: bool, action: Option<(String, Run)>, undo: bool, seconds: Option<u64>) {
        let id = self.next.try_update_value(|n| {
            *n += 1;
            *n
        });
        let Some(id) = id else { return };
        self.list.update(|list| {
            // Four at once are enough; the oldest that needs no answer goes.
            if list.len() >= 4 {
                list.remove(0);
            }
            list.push(Toast { id, text, bad, action, undo });
        });
        if let Some(seconds) = seconds {
            set_timeout(move || self.close(id), Duration::from_secs(seconds));
        }
    }

    fn close(self, id: u64) {
        // The page may be gone by now; then there is nothing to close.
        let _gone = self.list.try_update(|list| list.retain(|t| t.id != id));
    }
}

/// Where toasts appear. Once per page.
#[component]
pub fn ToastHost() -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let show = move |toast: Toast| {
        let Toast { id, text, bad, action, .. } = toast;
        view! {
            <div class="toast" class:toast-bad=bad role=if bad { "alert" } else { "status" }>
                <span class="toast-text">{text}</span>
                {action.map(|(label, run)| view! {
                    <Button look=Look::Quiet on:click=move |_| { toasts.close(id); (run.0)(); }>{label}</Button>
                })}
                <IconButton glyph=Glyph::Close label="Dismiss" on:click=move |_| toasts.close(id)/>
            </div>
        }
    };
    view! {
        <div class="toasts" aria-live="polite">
            <For each=move || toasts.list.get() key=|t| t.id children=show/>
        </div>
    }
}
