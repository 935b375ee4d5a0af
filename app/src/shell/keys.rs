//! Keys that work everywhere.

use super::Windows;
use crate::dom;
use crate::kit::Toasts;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

/// `/` search, Ctrl-K commands, `?` shortcuts, Ctrl-Z takes the last thing back. A page that used the key prevents its default.
pub(super) fn listen() {
    let windows = expect_context::<Windows>();
    let toasts = expect_context::<Toasts>();
    let navigate = use_navigate();
    Effect::new(move |_| {
        let navigate = navigate.clone();
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            if event.default_prevented() {
                return;
            }
            let with_ctrl = event.ctrl_key() || event.meta_key();
            match event.key().as_str() {
                "k" | "K" if with_ctrl => {
                    event.prevent_default();
                    windows.commands.update(|open| *open = !*open);
                }
                "z" | "Z" if with_ctrl && !event.shift_key() && !dom::typing(&event) && toasts.undo_last() => event.prevent_default(),
                "/" if !with_ctrl && !dom::typing(&event) && !dom::dialog_open() => {
                    event.prevent_default();
                    if dom::find("main .search-input").is_some() {
                        dom::focus("main .search-input");
                    } else {
                        navigate("/", leptos_router::NavigateOptions::default());
                    }
                }
                "?" if !with_ctrl && !dom::typing(&event) && !dom::dialog_open() => {
                    event.prevent_default();
                    windows.shortcuts.set(true);
                }
                _ => {}
            }
        });
        on_cleanup(move || handle.remove());
    });
}
