//! What surrounds every page: navigation, jobs, events, commands, toasts.

mod commands;
mod gate;
mod jobs;
mod keys;
mod live;
mod mark;
mod nav;
mod shortcuts;
mod update;

pub use gate::Gate;
pub use jobs::JobProgress;
pub use live::{Live, Mark};
pub use mark::Mark;

use crate::kit::{Glyph, Icon, ToastHost, Toasts};
use leptos::prelude::*;

/// Which of the shell's own windows are open.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    pub jobs: RwSignal<bool>,
    pub commands: RwSignal<bool>,
    pub shortcuts: RwSignal<bool>,
}

/// Where the visitor was in the library, so that the way back leads there.
#[derive(Debug, Clone, Copy)]
pub struct Trail {
    /// Address with its filters.
    pub url: RwSignal<String>,
    /// How far down, in CSS pixels; taken once.
    pub depth: StoredValue<f64>,
}

/// Puts what all pages share into the context.
pub(crate) fn provide() {
    provide_context(Toasts::default());
    provide_context(Windows { jobs: RwSignal::new(false), commands: RwSignal::new(false), shortcuts: RwSignal::new(false) });
    provide_context(Trail { url: RwSignal::new("/".to_owned()), depth: StoredValue::new(0.0) });
    provide_context(Live::new());
    provide_context(Gate::new());
}

/// The frame around the routes.
#[component]
pub(crate) fn Frame(children: Children) -> impl IntoView {
    let live = expect_context::<Live>();
    Effect::new(move |_| live.connect());
    keys::listen();
    update::listen();
    view! {
        <a class="skip" href="#main">"Skip to content"</a>
        <div class="frame">
            <nav::SideNav/>
            <div class="stage">
                <Show when=move || live.lost.get()>
                    <p class="lost" role="status">
                        <Icon glyph=Glyph::Warning/>
                        "Connection to Weft lost. What you see may be old; trying again."
                    </p>
                </Show>
                <main id="main" tabindex="-1">{children()}</main>
            </div>
        </div>
        <jobs::JobDrawer/>
        <commands::CommandPalette/>
        <shortcuts::Shortcuts/>
        <ToastHost/>
    }
}
