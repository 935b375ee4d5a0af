//! Dialogs, drawers and bottom sheets: the browser's own `<dialog>`, so focus, Escape and the inert page behind come for free.

use super::{Glyph, IconButton};
use leptos::{html, prelude::*};

/// Where the dialog stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    /// In the middle.
    #[default]
    Modal,
    /// In the middle, wide.
    Wide,
    /// At the right edge; at the bottom on a phone.
    Drawer,
    /// At the bottom.
    Sheet,
}

impl Shape {
    const fn class(self) -> &'static str {
        match self {
            Self::Modal => "dialog",
            Self::Wide => "dialog dialog-wide",
            Self::Drawer => "dialog dialog-drawer",
            Self::Sheet => "dialog dialog-sheet",
        }
    }
}

/// A modal dialog. Its content exists only while it is open. `id` must be unique on the page.
///
/// Escape, the close button and a press beside it set `open` to false.
#[component]
pub fn Dialog(
    id: &'static str,
    #[prop(into)] title: Signal<String>,
    open: RwSignal<bool>,
    #[prop(optional)] shape: Shape,
    children: ChildrenFn,
) -> impl IntoView {
    let node = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = node.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) => crate::dom::open_dialog(&dialog),
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    let beside = move |event: leptos::ev::MouseEvent| {
        let on_backdrop = node.get_untracked().is_some_and(|dialog| event.target().as_ref() == Some(dialog.as_ref()));
        if on_backdrop {
            open.set(false);
        }
    };
    let title_id = format!("{id}-title");
    let labelled = title_id.clone();
    let children = StoredValue::new(children);
    view! {
        <dialog node_ref=node id=id class=shape.class() aria-labelledby=labelled on:close=move |_| open.set(false) on:mousedown=beside>
            <div class="dialog-body">
                <header class="dialog-head">
                    <h2 id=title_id>{move || title.get()}</h2>
                    <IconButton glyph=Glyph::Close label="Close" on:click=move |_| open.set(false)/>
                </header>
                <Show when=move || open.get()>{children.with_value(|children| children())}</Show>
            </div>
        </dialog>
    }
}
