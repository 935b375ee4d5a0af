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

/// What stands in the open palette.
#[derive(Debug, Clone, Copy)]
struct Palette {
    text: RwSignal<String>,
    adapters: RwSignal<Vec<AdapterCard>>,
    entries: Memo<Vec<Entry>>,
    /// The chosen line.
    at: RwSignal<usize>,
    /// How often was asked for adapters.
    asked: StoredValue<u64>,
    go: Callback<String>,
    windows: Windows,
    toasts: Toasts,
    live: Live,
}

impl Palette {
    fn new() -> Self {
        let (text, adapters) = (RwSignal::new(String::new()), RwSignal::new(Vec::<AdapterCard>::new()));
        let navigate = use_navigate();
        Self {
            text,
            adapters,
            entries: Memo::new(move |_| {
                let mut list = fixed(&text.get());
                adapters.with(|cards| list.extend(cards.iter().map(Entry::adapter)));
                list
            }),
            at: RwSignal::new(0),
            asked: StoredValue::new(0),
            go: Callback::new(move |url: String| navigate(&url, leptos_router::NavigateOptions::default())),
            windows: expect_context::<Windows>(),
            toasts: expect_context::<Toasts>(),
            live: expect_context::<Live>(),
        }
    }

    /// Asks for the adapters that fit; without words, for those used last.
    fn ask(self) {
        self.asked.update_value(|n| *n += 1);
        let this = self.asked.get_value();
        let query = LibraryQuery { text: self.text.get_untracked(), limit: 8, ..Default::default() };
        spawn_local(async move {
            let answer = if query.text.trim().is_empty() {
                api::library_recent(6).await
            } else {
                api::library_query(query).await.map(|page| page.items)
            };
            // Only the newest question's answer counts; without one the fixed entries remain.
            if let Ok(cards) = answer
                && self.asked.try_get_value() == Some(this)
            {
                self.adapters.set(cards);
            }
        });
    }

    fn typed(self, value: String) {
        self.text.set(value.clone());
        self.at.set(0);
        let later = move || {
            if self.text.try_get_untracked().as_ref() == Some(&value) {
                self.ask();
            }
        };
        set_timeout(later, Duration::from_millis(120));
    }

    fn run(self, deed: Deed) {
        let Self { windows, toasts, live, .. } = self;
        windows.commands.set(false);
        match deed {
            Deed::Go(url) => self.go.run(url),
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
    }

    fn key(self, event: &leptos::ev::KeyboardEvent) {
        let count = self.entries.with_untracked(Vec::len);
        match event.key().as_str() {
            "ArrowDown" if count > 0 => self.at.update(|i| *i = (*i + 1) % count),
            "ArrowUp" if count > 0 => self.at.update(|i| *i = (*i + count - 1) % count),
            "Enter" => {
                if let Some(entry) = self.entries.with_untracked(|list| list.get(self.at.get_untracked()).cloned()) {
                    self.run(entry.deed);
                }
            }
            _ => return,
        }
        event.prevent_default();
    }
}

/// Brings a line of the list into view.
fn reveal(index: usize) {
    request_animation_frame(move || {
        if let Some(row) = document().get_element_by_id(&format!("palette-{index}")) {
            let options = web_sys::ScrollIntoViewOptions::new();
            options.set_block(web_sys::ScrollLogicalPosition::Nearest);
            row.scroll_into_view_with_scroll_into_view_options(&options);
        }
    });
}

#[component]
fn PaletteBody() -> impl IntoView {
    let palette = Palette::new();
    let Palette { text, entries, at, .. } = palette;
    Effect::new(move |_| palette.ask());
    Effect::new(move |_| reveal(at.get()));
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
                on:input=move |event| palette.typed(event_target_value(&event))
                on:keydown=move |event| palette.key(&event)
            />
            <kbd aria-hidden="true">"Esc"</kbd>
        </div>
        <ul class="palette-list" id="palette-list" role="listbox" aria-label="Commands">
            {move || entries.get().into_iter().enumerate().map(|(index, entry)| view! { <Row palette index entry/> }).collect_view()}
        </ul>
        <Show when=move || entries.with(Vec::is_empty)>
            <p class="palette-none" role="status">"Nothing fits these words."</p>
        </Show>
    }
}

/// One line: a picture or a glyph, what it is, and where it belongs.
#[component]
fn Row(palette: Palette, index: usize, entry: Entry) -> impl IntoView {
    let Entry { glyph, text, aside, picture, deed } = entry;
    let at = palette.at;
    let point = move |_| {
        if at.get_untracked() != index {
            at.set(index);
        }
    };
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
            on:mousemove=point
            on:click=move |_| palette.run(deed.clone())
        >
            {picture}
            <span class="palette-text">{text}</span>
            <small>{aside}</small>
        </li>
    }
}
