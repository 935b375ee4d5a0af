//! The library: all adapters, searched as one types, filtered, chosen.

mod card;
mod empty;
mod filters;
mod first;
mod folders;
mod grid;
mod head;
mod state;
mod ways;

use crate::api;
use crate::kit::{ProblemView, Skeleton};
use crate::shell::{Live, Mark, Trail};
use empty::{EmptyLibrary, NoResults};
use filters::FilterBar;
use first::SamplesStrip;
use folders::ManageFolders;
use grid::Grid;
use head::Head;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;
use state::Gallery;
use weft_domain::{Event, LibraryPage as Page, LibraryQuery};

pub use card::kind_label;
pub(crate) use folders::AddFolder;
pub use folders::FolderWindows;
pub(crate) use ways::WaysIn;

/// The route `/`. Its whole state stands in the address.
#[component]
pub fn LibraryPage() -> impl IntoView {
    let search = use_location().search;
    let first = LibraryQuery::from_query(&search.get_untracked());
    let asked = first.clone();
    let asking = expect_context::<Live>().mark();
    let page = Resource::new(|| (), move |()| api::library_query(asked.clone()));
    let first = StoredValue::new(first);
    view! {
        <Title text="Library"/>
        <Suspense fallback=LibrarySkeleton>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(page) => view! { <Library page query=first.get_value() asking/> }.into_any(),
                    Err(error) => view! { <h1>"Library"</h1><ProblemView error/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// The page once its first window is there.
#[component]
fn Library(page: Page, query: LibraryQuery, asking: Mark) -> impl IntoView {
    let samples_only = page.samples_only;
    let gallery = Gallery::new(page, query);
    provide_context(gallery);
    provide_context(FolderWindows::default());
    let trail = expect_context::<Trail>();
    let location = use_location();
    Effect::new(move |_| {
        let search = location.search.get();
        // On the way to another page the address changes first; that page's query is none of ours.
        if location.pathname.get_untracked() != "/" {
            return;
        }
        let query = LibraryQuery::from_query(&search);
        if query != gallery.list.query.get_untracked() {
            gallery.list.ask(query);
        }
        let search = search.trim_start_matches('?');
        let url = if search.is_empty() { "/".to_owned() } else { format!("/?{search}") };
        if trail.url.get_untracked() != url {
            trail.depth.set_value(0.0);
            trail.url.set(url);
        }
    });
    expect_context::<Live>().on_event_since(asking, move |event| match event {
        Event::Adapters { ids } => gallery.touched(ids),
        Event::LibraryChanged | Event::Reset => gallery.refresh_soon(),
        Event::RootsChanged
        | Event::CheckpointsChanged
        | Event::Job { .. }
        | Event::Painting { .. }
        | Event::Pictures { .. }
        | Event::PicturesChanged
        | Event::QueueChanged => {}
    });
    let body = move || match gallery.shown() {
        state::Shown::Cards => view! { <Grid/> }.into_any(),
        state::Shown::NoResults => view! { <NoResults/> }.into_any(),
        state::Shown::EmptyLibrary => view! { <EmptyLibrary/> }.into_any(),
    };
    view! {
        <Head/>
        <Show when=move || gallery.shown() != state::Shown::EmptyLibrary>
            <FilterBar/>
        </Show>
        <SamplesStrip samples_only asking/>
        <p class="sr-only" role="status" aria-live="polite">{move || gallery.spoken()}</p>
        {move || gallery.list.error.get().map(|error| view! { <ProblemView error/> })}
        {body}
        <AddFolder/>
        <ManageFolders/>
    }
}

/// Shapes of what comes.
#[component]
fn LibrarySkeleton() -> impl IntoView {
    view! {
        <header class="head"><h1>"Library"</h1></header>
        <div class="grid" aria-busy="true"><Skeleton lines=12 class="skeleton-card"/></div>
    }
}
