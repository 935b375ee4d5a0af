//! Buttons. Handlers and further attributes are passed from outside: `<Button on:click=… attr:title=…>`.

use super::{Glyph, Icon};
use leptos::prelude::*;

/// How much a button asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Look {
    /// Framed.
    #[default]
    Plain,
    /// The one thing to do here.
    Primary,
    /// No frame until pointed at.
    Quiet,
    /// Takes something away.
    Danger,
}

impl Look {
    /// CSS classes.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Plain => "btn",
            Self::Primary => "btn btn-primary",
            Self::Quiet => "btn btn-quiet",
            Self::Danger => "btn btn-danger",
        }
    }
}

/// A button with a text, and an icon before it where one helps. `busy` keeps its width and stops a second press.
#[component]
pub fn Button(
    #[prop(optional)] look: Look,
    #[prop(optional)] icon: Option<Glyph>,
    #[prop(optional, into)] disabled: Signal<bool>,
    #[prop(optional, into)] busy: Signal<bool>,
    /// `button` unless the form should be sent by it.
    #[prop(optional, default = "button")]
    kind: &'static str,
    children: Children,
) -> impl IntoView {
    view! {
        <button type=kind class=look.class() disabled=move || disabled.get() || busy.get() aria-busy=move || busy.get().then_some("true")>
            {icon.map(|glyph| view! { <Icon glyph/> })}
            <span class="btn-text">{children()}</span>
        </button>
    }
}

/// A square button that is only an icon; `label` is its name for screen readers and its tooltip.
#[component]
pub fn IconButton(
    glyph: Glyph,
    #[prop(into)] label: Signal<String>,
    #[prop(optional, into)] disabled: Signal<bool>,
    /// Some: a toggle, pressed or not.
    #[prop(optional, into)]
    pressed: MaybeProp<bool>,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="icon-btn"
            aria-label=move || label.get()
            title=move || label.get()
            disabled=move || disabled.get()
            aria-pressed=move || pressed.get().map(|on| if on { "true" } else { "false" })
        >
            <Icon glyph/>
        </button>
    }
}
