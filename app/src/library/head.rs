//! Title, search, order, layout, and what to do with what is selected.

use super::folders::FolderWindows;
use super::state::{Gallery, Layout, Shown};
use crate::api;
use crate::dom;
use crate::format;
use crate::kit::{Button, Glyph, Icon, IconButton, Look, Menu, MenuItem, SearchField, Segmented, Select, Toasts};
use crate::shell::Live;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};
use std::time::Duration;
use weft_domain::{LibraryQuery, Sort};

/// Where the chosen layout is kept.
const LAYOUT: &str = "weft-library-layout";

/// Puts a query into the address, in place of the one there. The gallery follows the address.
pub(super) fn use_go() -> impl Fn(LibraryQuery) + Clone + Send + Sync + 'static {
    let navigate = use_navigate();
    let path = use_location().pathname;
    move |query: LibraryQuery| {
        // A late keystroke must not pull the visitor back from another page.
        if path.try_get_untracked().as_deref() == Some("/") {
            let text = LibraryQuery { offset: 0, limit: 0, ..query }.to_query();
            let url = if text.is_empty() { "/".to_owned() } else { format!("/?{text}") };
            navigate(&url, NavigateOptions { replace: true, scroll: false, ..Default::default() });
        }
    }
}

/// The head of the library.
#[component]
pub(super) fn Head() -> impl IntoView {
    let gallery = expect_context::<Gallery>();
    let filled = Memo::new(move |_| gallery.shown() != Shown::EmptyLibrary);
    let chosen = Memo::new(move |_| gallery.list.selected.with(Vec::len));
    view! {
        <header class="head">
            <h1>"Library"</h1>
            <span class="head-count num">{move || filled.get().then(|| format::count(gallery.list.total.get()))}</span>
            <Show when=move || filled.get()>
                <Search/>
            </Show>
            <div class="head-right">
                <Show when=move || filled.get()>
                    <Order/>
                    <LayoutSwitch name="layout"/>
                </Show>
                <AddMenu/>
                <Show when=move || { chosen.get() > 0 }>
                    <IconButton
                        glyph=Glyph::Close
                        label=Signal::derive(move || format!("Clear the selection of {}", chosen.get()))
                        on:click=move |_| gallery.list.selected.set(Vec::new())
                    />
                    <Show when=move || (2..=8).contains(&chosen.get())>
                        <a class="btn" href=move || gallery.compare_url()>
                            <Icon glyph=Glyph::Compare/>
                            <span>"Compare"</span>
                        </a>
                    </Show>
                    <a class="btn btn-primary" href=move || gallery.weave_url()>
                        <Icon glyph=Glyph::Weave/>
                        <span>{move || format!("Weave {}", chosen.get())}</span>
                    </a>
                </Show>
            </div>
        </header>
    }
}

/// The search box: answers as one types.
#[component]
fn Search() -> impl IntoView {
    let gallery = expect_context::<Gallery>();
    let go = use_go();
    let text = RwSignal::new(gallery.list.query.with_untracked(|query| query.text.clone()));
    let sent = StoredValue::new(text.get_untracked());
    // An address that changed by other means (a link, Back) shows in the box; what is being typed is left alone.
    Effect::new(move |_| {
        let now = gallery.list.query.with(|query| query.text.clone());
        if now != sent.get_value() {
            sent.set_value(now.clone());
            text.set(now);
        }
    });
    let typed = Callback::new(move |value: String| {
        text.set(value.clone());
        let go = go.clone();
        let later = move || {
            if text.try_get_untracked().as_ref() == Some(&value) {
                sent.set_value(value.clone());
                go(LibraryQuery { text: value, ..gallery.list.query.get_untracked() });
            }
        };
        set_timeout(later, Duration::from_millis(120));
    });
    view! {
        <SearchField label="Search the library" value=text on_input=typed placeholder="Search names, files, tags, triggers" key_hint="/"/>
    }
}

/// Sort order and direction.
#[component]
pub(super) fn Order() -> impl IntoView {
    let gallery = expect_context::<Gallery>();
    let go = use_go();
    let turn = go.clone();
    let options = Sort::ALL.iter().map(|(sort, label)| (sort.as_str().to_owned(), (*label).to_owned())).collect::<Vec<_>>();
    let value = Signal::derive(move || gallery.list.query.with(|query| query.sort.as_str().to_owned()));
    let reverse = Signal::derive(move || gallery.list.query.with(|query| query.reverse));
    let change = Callback::new(move |word: String| {
        go(LibraryQuery { sort: Sort::parse(&word).unwrap_or_default(), reverse: false, ..gallery.list.query.get_untracked() });
    });
    let flip = move |_| {
        let query = gallery.list.query.get_untracked();
        turn(LibraryQuery { reverse: !query.reverse, ..query });
    };
    view! {
        <div class="order">
            <Select label="Sort by" options=Signal::stored(options) value on_change=change/>
            <span class="flip" class:flipped=reverse>
                <IconButton glyph=Glyph::ArrowDown label="Reverse the order" pressed=reverse on:click=flip/>
            </span>
        </div>
    }
}

/// Grid, small grid, list; kept in this browser.
#[component]
pub(super) fn LayoutSwitch(
    /// Unique on the page.
    name: &'static str,
) -> impl IntoView {
    let gallery = expect_context::<Gallery>();
    Effect::new(move |_| {
        if let Some(word) = dom::stored(LAYOUT) {
            gallery.layout.set(Layout::parse(&word));
        }
    });
    let choose = Callback::new(move |word: String| {
        dom::store(LAYOUT, &word);
        gallery.layout.set(Layout::parse(&word));
    });
    let choices =
        vec![("grid", "Grid", Some(Glyph::Library)), ("dense", "Small grid", Some(Glyph::Grid)), ("list", "List", Some(Glyph::List))];
    let value = Signal::derive(move || gallery.layout.get().as_str().to_owned());
    view! { <Segmented name label="Layout" choices value on_change=choose/> }
}

/// Ways for more adapters to come in.
#[component]
fn AddMenu() -> impl IntoView {
    let windows = expect_context::<FolderWindows>();
    let live = expect_context::<Live>();
    let toasts = expect_context::<Toasts>();
    let scan = move |_| {
        spawn_local(async move {
            match api::root_scan_all().await {
                Ok(jobs) => {
                    toasts.say(if jobs.is_empty() { "There is no folder to scan yet." } else { "Scanning all folders." });
                    jobs.into_iter().for_each(|job| live.heard(job));
                }
                Err(error) => toasts.problem(&error),
            }
        });
    };
    let samples = move |_| {
        spawn_local(async move {
            match api::samples_create().await {
                Ok(job) => live.heard(job),
                Err(error) => toasts.problem(&error),
            }
        });
    };
    view! {
        <Menu label="Add" icon=Glyph::Plus right=true>
            <MenuItem glyph=Glyph::FolderPlus text="Add a folder" on:click=move |_| windows.add.set(true)/>
            <MenuItem glyph=Glyph::Folder text="Watched folders" on:click=move |_| windows.manage.set(true)/>
            <MenuItem glyph=Glyph::Refresh text="Scan all folders" on:click=scan/>
            <MenuItem glyph=Glyph::Sample text="Add samples" on:click=samples/>
        </Menu>
    }
}

/// Clears everything that narrows the view.
#[component]
pub(super) fn ClearFilters() -> impl IntoView {
    let gallery = expect_context::<Gallery>();
    let go = use_go();
    let clear = move |_| {
        let query = gallery.list.query.get_untracked();
        go(LibraryQuery { sort: query.sort, reverse: query.reverse, ..Default::default() });
    };
    view! { <Button look=Look::Quiet icon=Glyph::Close on:click=clear>"Clear filters"</Button> }
}
