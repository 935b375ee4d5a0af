//! The window that chooses adapters: search, recent ones first, only what fits unless asked otherwise.

use crate::api::{ApiError, library_query, library_recent};
use crate::blocks::colour;
use crate::kit::{Button, Chip, Dialog, Glyph, Icon, Look, ProblemView, SearchField, Shape, Skeleton};
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;
use weft_domain::{AdapterCard, AdapterId, FileState, LibraryQuery};

/// Adapters shown at once.
const SHOWN: u64 = 24;
/// Pause after the last key before the library is asked.
const PAUSE: Duration = Duration::from_millis(120);

/// What the window chooses for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choosing {
    /// Chosen so far, each with the number of its colour.
    pub chosen: Signal<Vec<(AdapterId, usize)>>,
    /// What fits: id and name of a family. None: everything does.
    pub family: Signal<Option<(String, String)>>,
    /// Most that can be chosen.
    pub most: usize,
    pub on_add: Callback<AdapterCard>,
    pub on_remove: Callback<AdapterId>,
    /// What stands below the list, by the number that is chosen.
    pub say: fn(usize) -> String,
}

impl Choosing {
    fn tone(self, id: AdapterId) -> Option<usize> {
        self.chosen.with(|list| list.iter().find(|(other, _)| *other == id).map(|(_, tone)| *tone))
    }

    fn count(self) -> usize {
        self.chosen.with(Vec::len)
    }
}

/// The window; its content exists only while it is open.
#[component]
pub(crate) fn ChooseDialog(open: RwSignal<bool>, choosing: Choosing) -> impl IntoView {
    view! {
        <Dialog id="choose" title="Choose adapters" open shape=Shape::Wide>
            <Choose open choosing/>
        </Dialog>
    }
}

#[component]
fn Choose(open: RwSignal<bool>, choosing: Choosing) -> impl IntoView {
    let family = choosing.family;
    let text = RwSignal::new(String::new());
    let only = RwSignal::new(true);
    let found = RwSignal::new(None::<Result<Vec<AdapterCard>, ApiError>>);
    let asked = StoredValue::new(0u64);
    let search = NodeRef::<html::Input>::new();
    let narrow = Memo::new(move |_| family.get().filter(|_| only.get()).map(|(id, _)| id));
    let ask = move || {
        let turn = asked.try_update_value(|n| {
            *n += 1;
            *n
        });
        let (words, narrow) = (text.get_untracked(), narrow.get_untracked());
        spawn_local(async move {
            let answer = if words.trim().is_empty() && narrow.is_none() {
                library_recent(SHOWN).await
            } else {
                let query = LibraryQuery {
                    text: words,
                    family: narrow.into_iter().collect(),
                    state: vec!["ready".to_owned()],
                    limit: SHOWN,
                    ..Default::default()
                };
                library_query(query).await.map(|page| page.items)
            };
            if asked.try_get_value() == turn {
                found.set(Some(answer.map(|cards| cards.into_iter().filter(|c| c.state == FileState::Ready).collect())));
            }
        });
    };
    Effect::new(move |_| {
        narrow.track();
        ask();
    });
    Effect::new(move |_| {
        if let Some(input) = search.get() {
            // A field that is not there cannot take the focus.
            drop(input.focus());
        }
    });
    let typed = move |value: String| {
        text.set(value.clone());
        let later = move || {
            if text.try_get_untracked().as_ref() == Some(&value) {
                ask();
            }
        };
        set_timeout(later, PAUSE);
    };
    let first = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Enter" {
            event.prevent_default();
            let card = found.with_untracked(|f| {
                f.as_ref()
                    .and_then(|f| f.as_ref().ok())
                    .and_then(|cards| cards.iter().find(|c| untrack(|| choosing.tone(c.id).is_none())).cloned())
            });
            if let Some(card) = card.filter(|_| untrack(|| choosing.count() < choosing.most)) {
                choosing.on_add.run(card);
            }
        }
    };
    view! {
        <div class="choose" on:keydown=move |ev| if is_search(&ev) { first(ev) }>
            <div class="choose-bar">
                <SearchField label="Search the library" value=text on_input=typed placeholder="Search by name, file, tag or trigger" node_ref=search/>
                {move || family.get().map(|(_, label)| view! {
                    <Chip label=format!("Only {label}") on=only on:click=move |_| only.update(|o| *o = !*o)/>
                })}
            </div>
            <p class="label">{move || if text.with(|t| t.trim().is_empty()) && narrow.with(Option::is_none) { "Recent" } else { "Found" }}</p>
            {move || match found.get() {
                None => view! { <div class="choose-grid"><Skeleton lines=6 class="skeleton-choice"/></div> }.into_any(),
                Some(Err(error)) => view! { <ProblemView error/> }.into_any(),
                Some(Ok(cards)) if cards.is_empty() => view! { <p class="hint choose-none" role="status">"Nothing in the library fits these words."</p> }.into_any(),
                Some(Ok(cards)) => view! {
                    <ul class="choose-grid">{cards.into_iter().map(|card| view! { <li><Choice card choosing/></li> }).collect_view()}</ul>
                }.into_any(),
            }}
            <footer class="choose-foot">
                <span class="hint" role="status">{move || (choosing.say)(choosing.count())}</span>
                <Button look=Look::Primary on:click=move |_| open.set(false)>"Done"</Button>
            </footer>
        </div>
    }
}

fn is_search(event: &leptos::ev::KeyboardEvent) -> bool {
    use wasm_bindgen::JsCast;
    event.target().and_then(|t| t.dyn_into::<web_sys::HtmlInputElement>().ok()).is_some_and(|input| input.type_() == "search")
}

/// One adapter to choose; pressed while it is chosen.
#[component]
fn Choice(card: AdapterCard, choosing: Choosing) -> impl IntoView {
    let id = card.id;
    let tone = Memo::new(move |_| choosing.tone(id));
    let full = Memo::new(move |_| choosing.count() >= choosing.most && tone.get().is_none());
    let facts = [Some(card.family_label.clone()), card.rank_label()].into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let (src, name) = (card.preview_url(160), card.name.clone());
    let toggle = move |_| {
        if tone.get_untracked().is_some() {
            choosing.on_remove.run(id);
        } else {
            choosing.on_add.run(card.clone());
        }
    };
    view! {
        <button
            type="button"
            class=move || tone.get().map_or_else(|| "choice".to_owned(), |c| format!("choice {}", colour(c)))
            aria-pressed=move || if tone.get().is_some() { "true" } else { "false" }
            disabled=move || full.get()
            on:click=toggle
        >
            <img src=src width="40" height="43" alt="" loading="lazy"/>
            <span class="choice-text">
                <b>{name}</b>
                <small>{facts}</small>
            </span>
            {move || tone.get().map(|_| view! { <Icon glyph=Glyph::Check/> })}
        </button>
    }
}
