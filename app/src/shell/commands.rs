//! The command palette: pages, actions, and the adapters whose names fit, as one types.

use super::{Live, Windows};
use crate::api;
use crate::dom;
use crate::kit::{Glyph, Icon, Toasts};
use leptos::task::spawn_local;
use leptos::{html, prelude::*};
use leptos_router::hooks::use_navigate;
use std::time::Duration;
use weft_domain::{AdapterCard, LibraryQuery};

/// What choosing an entry does.
#[derive(Debug, Clone, PartialEq)]
enum Deed {
    Go(String),
    ScanAll,
    Theme(&'static str),
    Jobs,
    Shortcuts,
}

/// One line of the palette.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    glyph: Glyph,
    text: String,
    aside: String,
    picture: Option<String>,
    deed: Deed,
}

impl Entry {
    fn new(glyph: Glyph, text: &str, aside: &str, deed: Deed) -> Self {
        Self { glyph, text: text.to_owned(), aside: aside.to_owned(), picture: None, deed }
    }

    fn adapter(card: &AdapterCard) -> Self {
        let aside = [Some(card.family_label.clone()), card.rank_label()].into_iter().flatten().collect::<Vec<_>>().join(" · ");
        Self {
            glyph: Glyph::Library,
            text: card.name.clone(),
            aside,
            picture: Some(card.preview_url(160)),
            deed: Deed::Go(format!("/adapters/{}", card.id)),
        }
    }
}

/// Every fixed entry that fits the words.
fn fixed(text: &str) -> Vec<Entry> {
    let all = [
        Entry::new(Glyph::Library, "Library", "page", Deed::Go("/".to_owned())),
        Entry::new(Glyph::Weave, "Weave", "page", Deed::Go("/weave".to_owned())),
        Entry::new(Glyph::Studio, "Studio", "page", Deed::Go("/studio".to_owned())),
        Entry::new(Glyph::Checkpoint, "Checkpoints", "page", Deed::Go("/checkpoints".to_owned())),
        Entry::new(Glyph::Compare, "Compare", "page", Deed::Go("/compare".to_owned())),
        Entry::new(Glyph::Refresh, "Scan all folders", "action", Deed::ScanAll),
        Entry::new(Glyph::Jobs, "Show jobs", "action", Deed::Jobs),
        Entry::new(Glyph::Sun, "Theme: light", "action", Deed::Theme("light")),
        Entry::new(Glyph::Moon, "Theme: dark", "action", Deed::Theme("dark")),
        Entry::new(Glyph::Auto, "Theme: as the system", "action", Deed::Theme("auto")),
        Entry::new(Glyph::Keyboard, "Keyboard shortcuts", "help", Deed::Shortcuts),
    ];
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    all.into_iter().filter(|entry| words.iter().all(|word| entry.text.to_lowercase().contains(word.as_str()))).collect()
}

/// Opened by Ctrl-K.
#[component]
pub(super) fn CommandPalette() -> impl IntoView {
    let windows = expect_context::<Windows>();
    let node = NodeRef::<html::Dialog>::new();
    let open = windows.commands;
    Effect::new(move |_| {
        let Some(dialog) = node.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) => dom::open_dialog(&dialog),
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    let beside = move |event: leptos::ev::MouseEvent| {
        if node.get_untracked().is_some_and(|dialog| event.target().as_ref() == Some(dialog.as_ref())) {
            open.set(false);
        }
    };
    view! {
        <dialog node_ref=node class="dialog palette" aria-label="Commands" on:close=move |_| open.set(false) on:mousedown=beside>
            <Show when=move || open.get()>
                <PaletteBody/>
            </Show>
        </dialog>
    }
}

#[component]
fn PaletteBody() -> impl IntoView {
    let windows = expect_context::<Windows>();
    let toasts = expect_context::<Toasts>();
    let live = expect_context::<Live>();
    let navigate = use_navigate();
    let text = RwSignal::new(String::new());
    let adapters = RwSignal::new(Vec::<AdapterCard>::new());
    let at = RwSignal::new(0_usize);
    let asked = StoredValue::new(0_u64);
    let entries = Memo::new(move |_| {
        let mut list = fixed(&text.get());
        adapters.with(|cards| list.extend(cards.iter().map(Entry::adapter)));
        list
    });

    let ask = move || {
        asked.update_value(|n| *n += 1);
        let this = asked.get_value();
        let query = LibraryQuery { text: text.get_untracked(), limit: 8, ..Default::default() };
        spawn_local(async move {
            let answer = if query.text.trim().is_empty() {
                api::library_recent(6).await
            } else {
                api::library_query(query).await.map(|page| page.items)
            };
            // Only the newest question's answer counts; without one the fixed entries remain.
            if let Ok(cards) = answer
                && asked.try_get_value() == Some(this)
            {
                adapters.set(cards);
            }
        });
    };
    Effect::new(move |_| ask());
    let typed = move |value: String| {
        text.set(value);
        at.set(0);
        let now = text.get_untracked();
        let later = move || {
            if text.try_get_untracked() == Some(now) {
                ask();
            }
        };
        set_timeout(later, Duration::from_millis(120));
    };

    let run = StoredValue::new(move |deed: Deed| {
        windows.commands.set(false);
        match deed {
            Deed::Go(url) => navigate(&url, leptos_router::NavigateOptions::default()),
            Deed::Theme(theme) => dom::set_theme(theme),
            Deed::Jobs => windows.jobs.set(true),
            Deed::Shortcuts => windows.shortcuts.set(true),
            Deed::ScanAll => spawn_local(async move {
                match api::root_scan_all().await {
                    Ok(jobs) => {
                        toasts.say(if jobs.is_empty() { "There is no folder to scan yet." } else { "Scanning all folders." });
                        jobs.into_iter().for_each(|job| live.heard(job));
                    }
                    Err(error) => toasts.problem(&error),
                }
            }),
        }
    });
    let keys = move |event: leptos::ev::KeyboardEvent| {
        let count = entries.with_untracked(Vec::len);
        match event.key().as_str() {
            "ArrowDown" if count > 0 => at.update(|i| *i = (*i + 1) % count),
            "ArrowUp" if count > 0 => at.update(|i| *i = (*i + count - 1) % count),
            "Enter" => {
                if let Some(entry) = entries.with_untracked(|list| list.get(at.get_untracked()).cloned()) {
                    run.with_value(|run| run(entry.deed));
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    Effect::new(move |_| {
        let id = format!("palette-{}", at.get());
        request_animation_frame(move || {
            if let Some(row) = document().get_element_by_id(&id) {
                let options = web_sys::ScrollIntoViewOptions::new();
                options.set_block(web_sys::ScrollLogicalPosition::Nearest);
                row.scroll_into_view_with_scroll_into_view_options(&options);
            }
        });
    });

    let row = move |(index, entry): (usize, Entry)| {
        let Entry { glyph, text, aside, picture, deed } = entry;
        let picture = match picture {
            Some(src) => view! { <img src=src width="28" height="28" alt=""/> }.into_any(),
            None => view! { <span class="palette-icon"><Icon glyph/></span> }.into_any(),
        };
        view! {
            <li
                id=format!("palette-{index}")
                role="option"
                class="palette-row"
                aria-selected=move || if at.get() == index { "true" } else { "false" }
                on:mousemove=move |_| {
                    if at.get_untracked() != index {
                        at.set(index);
                    }
                }
                on:click=move |_| run.with_value(|run| run(deed.clone()))
            >
                {picture}
                <span class="palette-text">{text}</span>
                <small>{aside}</small>
            </li>
        }
    };
    view! {
        <div class="palette-head">
            <Icon glyph=Glyph::Search/>
            <input
                type="text"
                class="palette-input"
                role="combobox"
                aria-label="Search commands and adapters"
                aria-expanded="true"
                aria-controls="palette-list"
                aria-autocomplete="list"
                aria-activedescendant=move || format!("palette-{}", at.get())
                placeholder="Go to a page, find an adapter, do something"
                autocomplete="off"
                spellcheck="false"
                autofocus=true
                prop:value=move || text.get()
                on:input=move |event| typed(event_target_value(&event))
                on:keydown=keys
            />
            <kbd aria-hidden="true">"Esc"</kbd>
        </div>
        <ul class="palette-list" id="palette-list" role="listbox" aria-label="Commands">
            {move || entries.get().into_iter().enumerate().map(row).collect_view()}
        </ul>
        <Show when=move || entries.with(Vec::is_empty)>
            <p class="palette-none" role="status">"Nothing fits these words."</p>
        </Show>
    }
}
