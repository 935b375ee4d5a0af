//! Side navigation on a wide screen, bottom bar on a phone. Only pages that work.

use super::{Live, Mark, Windows, jobs::JobCard};
use crate::format;
use crate::kit::{Glyph, Icon, IconButton, ThemeSwitch};
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// Brand, pages, jobs, theme.
#[component]
pub(super) fn SideNav() -> impl IntoView {
    let windows = expect_context::<Windows>();
    view! {
        <nav class="side" aria-label="Main">
            <a class="brand" href="/" aria-label="Weft, to the library">
                <Mark/>
                <span>"Weft"</span>
            </a>
            <NavLink href="/" text="Library" glyph=Glyph::Library under="/adapters">
                <LibraryCount/>
            </NavLink>
            <NavLink href="/weave" text="Weave" glyph=Glyph::Weave under="/weave">""</NavLink>
            <NavLink href="/studio" text="Studio" glyph=Glyph::Studio under="/studio">""</NavLink>
            <NavLink href="/compare" text="Compare" glyph=Glyph::Compare under="/compare">""</NavLink>
            <NavLink href="/checkpoints" text="Checkpoints" glyph=Glyph::Checkpoint under="/checkpoints">""</NavLink>
            <JobsTab/>
            <button type="button" class="nav-link only-phone" on:click=move |_| windows.commands.set(true)>
                <Icon glyph=Glyph::Command/>
                <span>"Go to"</span>
            </button>
            <span class="grow"></span>
            <JobCard/>
            <div class="side-foot">
                <ThemeSwitch/>
                <IconButton glyph=Glyph::Command label="Commands (Ctrl K)" on:click=move |_| windows.commands.set(true)/>
                <IconButton glyph=Glyph::Keyboard label="Keyboard shortcuts (?)" on:click=move |_| windows.shortcuts.set(true)/>
            </div>
        </nav>
    }
}

/// One page; marked as current on it and below it.
#[component]
fn NavLink(href: &'static str, text: &'static str, glyph: Glyph, under: &'static str, children: Children) -> impl IntoView {
    let path = use_location().pathname;
    let here =
        move || path.with(|path| path == href || path.strip_prefix(under).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    view! {
        <a class="nav-link" href=href aria-current=move || here().then_some("page")>
            <Icon glyph/>
            <span>{text}</span>
            {children()}
        </a>
    }
}

/// How many adapters there are.
#[component]
fn LibraryCount() -> impl IntoView {
    let live = expect_context::<Live>();
    let number = move || {
        Suspend::new(async move {
            live.overview.await.ok().filter(|overview| overview.adapters > 0).map(|overview| format::count(overview.adapters))
        })
    };
    view! { <small class="num"><Transition>{number}</Transition></small> }
}

/// Jobs as a tab of the bottom bar.
#[component]
fn JobsTab() -> impl IntoView {
    let live = expect_context::<Live>();
    let windows = expect_context::<Windows>();
    let active = Memo::new(move |_| live.jobs.with(|jobs| jobs.iter().filter(|job| !job.state.finished()).count()));
    view! {
        <button type="button" class="nav-link only-phone" on:click=move |_| windows.jobs.set(true)>
            <Icon glyph=Glyph::Jobs/>
            <span>"Jobs"</span>
            <Show when=move || { active.get() > 0 }>
                <small class="num nav-badge">{move || active.get()}<span class="sr-only">" running"</span></small>
            </Show>
        </button>
    }
}
