//! The Checkpoints page: the whole models in the watched folders, what each is, and what can be done with it.
//!
//! The query stands in the address; so does the checkpoint that is opened (`id=12`).

mod details;
mod extract;
mod row;

use crate::api::{ApiError, checkpoints_list};
use crate::format;
use crate::kit::{Button, Chip, EmptyState, Glyph, ProblemView, SearchField, Select, Skeleton};
use crate::shell::Live;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};
use row::Row;
use std::time::Duration;
use weft_domain::checkpoint::CheckpointSort;
use weft_domain::{CheckpointCard, CheckpointId, CheckpointPage, CheckpointQuery, Event};

/// Pause after the last key before the list is asked for.
const PAUSE: Duration = Duration::from_millis(120);

/// The checkpoint that an address opens.
fn opened(search: &str) -> Option<CheckpointId> {
    search.trim_start_matches('?').split('&').find_map(|pair| pair.strip_prefix("id="))?.parse().ok()
}

/// Puts a query into the address, in place of the one there.
fn use_go() -> impl Fn(CheckpointQuery) + Clone + Send + Sync + 'static {
    let navigate = use_navigate();
    let path = use_location().pathname;
    move |query: CheckpointQuery| {
        // A late keystroke must not pull the visitor back from another page.
        if path.try_get_untracked().as_deref() == Some("/checkpoints") {
            let text = CheckpointQuery { offset: 0, limit: 0, ..query }.to_query();
            let url = if text.is_empty() { "/checkpoints".to_owned() } else { format!("/checkpoints?{text}") };
            navigate(&url, NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
        }
    }
}

/// The route.
#[component]
pub fn CheckpointsPage() -> impl IntoView {
    let search = use_location().search;
    let query = Memo::new(move |_| CheckpointQuery::from_query(&search.get()));
    let page = Resource::new(move || query.get(), checkpoints_list);
    expect_context::<Live>().on_event(move |event| {
        if matches!(event, Event::CheckpointsChanged | Event::Reset) {
            page.refetch();
        }
    });
    view! {
        <Title text="Checkpoints"/>
        <div class="checkpoints">
            <header class="head">
                <h1>"Checkpoints"</h1>
                <span class="head-count num">
                    <Transition>{move || Suspend::new(async move { page.await.ok().map(|p| p.total).filter(|n| *n > 0).map(format::count) })}</Transition>
                </span>
                <Search query/>
                <div class="head-right"><Order query/></div>
            </header>
            <Transition fallback=|| view! { <div aria-busy="true"><Skeleton lines=6 class="skeleton-row"/></div> }>
                {move || Suspend::new(async move {
                    match page.await {
                        Ok(page) => view! { <List page query/> }.into_any(),
                        Err(error) => view! { <ProblemView error/> }.into_any(),
                    }
                })}
            </Transition>
        </div>
    }
}

#[component]
fn Search(query: Memo<CheckpointQuery>) -> impl IntoView {
    let go = use_go();
    let text = RwSignal::new(query.with_untracked(|q| q.text.clone()));
    let typed = Callback::new(move |value: String| {
        text.set(value.clone());
        let go = go.clone();
        let later = move || {
            if text.try_get_untracked().as_ref() == Some(&value) {
                go(CheckpointQuery { text: value, ..query.get_untracked() });
            }
        };
        set_timeout(later, PAUSE);
    });
    view! { <SearchField label="Search checkpoints" value=text on_input=typed placeholder="Search names, folders, models" key_hint="/"/> }
}

#[component]
fn Order(query: Memo<CheckpointQuery>) -> impl IntoView {
    let go = use_go();
    let options: Vec<_> = CheckpointSort::ALL.iter().map(|(sort, label)| (sort.as_str().to_owned(), (*label).to_owned())).collect();
    let change = move |word: String| {
        go(CheckpointQuery { sort: CheckpointSort::parse(&word).unwrap_or_default(), reverse: false, ..query.get_untracked() });
    };
    view! { <Select label="Sort by" options value=Signal::derive(move || query.with(|q| q.sort.as_str().to_owned())) on_change=change/> }
}

/// Families as chips, rows, more rows.
#[component]
fn List(page: CheckpointPage, query: Memo<CheckpointQuery>) -> impl IntoView {
    let CheckpointPage { items, total, families, .. } = page;
    let asked = query.get_untracked();
    if total == 0 {
        return view! { <Nothing narrowed=asked != CheckpointQuery { sort: asked.sort, reverse: asked.reverse, ..CheckpointQuery::default() }/> }.into_any();
    }
    let go = use_go();
    let open = opened(&use_location().search.get_untracked());
    let more = RwSignal::new(Vec::<CheckpointCard>::new());
    let coming = RwSignal::new(false);
    let trouble = RwSignal::new(None::<ApiError>);
    let first = items.len() as u64;
    let have = move || first + more.with(|m| m.len() as u64);
    let fetch = move |_| {
        coming.set(true);
        let next = CheckpointQuery { offset: have(), ..query.get_untracked() };
        spawn_local(async move {
            let answer = checkpoints_list(next).await;
            // Another question may have been asked meanwhile: this list is gone then.
            if coming.try_set(false).is_none() {
                match answer {
                    Ok(page) => more.update(|m| m.extend(page.items)),
                    Err(error) => trouble.set(Some(error)),
                }
            }
        });
    };
    let chip = move |facet: weft_domain::query::Facet| {
        let (value, go) = (facet.value.clone(), go.clone());
        let this = facet.value.clone();
        let on = Signal::derive(move || query.with(|q| q.family.contains(&this)));
        let toggle = move |_| {
            let mut next = query.get_untracked();
            if next.family.contains(&value) {
                next.family.retain(|f| *f != value);
            } else {
                next.family.push(value.clone());
            }
            go(next);
        };
        view! { <Chip label=facet.label count=facet.count on on:click=toggle/> }
    };
    let chips = families.len() > 1 || !asked.family.is_empty();
    view! {
        {chips.then(|| view! { <div class="filters chips">{families.into_iter().map(chip).collect_view()}</div> })}
        <ul class="ckpts">
            {items.into_iter().map(|card| { let open = open == Some(card.id); view! { <Row card open/> } }).collect_view()}
            <For each=move || more.get() key=|card| card.id let:card><Row card open=false/></For>
        </ul>
        {move || trouble.get().map(|error| view! { <ProblemView error/> })}
        <Show when=move || have() < total>
            <Button busy=coming on:click=fetch>"Show more"</Button>
        </Show>
    }
    .into_any()
}

/// Why there is no row.
#[component]
fn Nothing(narrowed: bool) -> impl IntoView {
    if narrowed {
        return view! {
            <EmptyState title="Nothing fits" glyph=Glyph::Search>
                <p>"No checkpoint has all of these properties."</p>
                <a class="btn" href="/checkpoints">"Show all"</a>
            </EmptyState>
        }
        .into_any();
    }
    view! {
        <EmptyState title="No checkpoint yet" glyph=Glyph::Checkpoint>
            <p>
                "A checkpoint is the whole model that an adapter changes. Add the folder that holds yours: Weft tells which adapters fit, bakes a weave into a "
                "copy, and takes an adapter out of the difference between two."
            </p>
            <a class="btn btn-primary" href="/">"Add a folder in the library"</a>
        </EmptyState>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_opens_one() {
        assert_eq!(opened("?text=x&id=12"), Some(CheckpointId(12)));
        assert_eq!((opened("?id=x"), opened("")), (None, None));
    }
}
