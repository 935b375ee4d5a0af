//! Styles: words that are put around the prompt, chosen by name. One chip each says which are in use.

use super::desk::Desk;
use crate::api::{self, ApiError};
use crate::format;
use crate::kit::{Button, Glyph, Icon, Menu, Notice, ProblemView, SearchField, Toasts, Tone};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::generation::{Style, Styles};

/// Most that the menu shows at once; the others are searched for.
const SHOWN: usize = 60;
/// From so many on there is a search box.
const MANY: usize = 8;

/// Asks which there are, once; why they cannot be told stays to be read.
fn load(desk: Desk, failed: RwSignal<Option<ApiError>>) {
    if desk.styles.with_untracked(Option::is_some) || failed.with_untracked(Option::is_some) {
        return;
    }
    spawn_local(async move {
        match api::style_list().await {
            Ok(styles) => drop(desk.styles.try_set(Some(styles))),
            Err(error) => drop(failed.try_set(Some(error))),
        }
    });
}

/// The words of a style as lines of (what, words); None: there is no such style.
fn words(desk: Desk, name: &str) -> Option<Vec<(&'static str, String)>> {
    desk.styles.with(|styles| {
        let style = styles.as_ref()?.items.iter().find(|style| style.name == name)?;
        let lines = [("Prompt", style.prompt.clone()), ("Negative", style.negative.clone())];
        Some(lines.into_iter().filter(|(_, words)| !words.trim().is_empty()).collect())
    })
}

fn toggle(desk: Desk, name: &str) {
    desk.edit(|f| match f.styles.iter().position(|other| other == name) {
        Some(at) => drop(f.styles.remove(at)),
        None => f.styles.push(name.to_owned()),
    });
}

/// The menu: choose, see what a style says, keep the words at hand as a new one.
#[component]
pub(super) fn StyleMenu() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let failed = RwSignal::new(None::<ApiError>);
    let count = desk.read(|f| f.styles.len());
    // What is in use shows its words, and whether it is there at all.
    Effect::new(move |_| {
        if count.get() > 0 {
            load(desk, failed);
        }
    });
    let label = Signal::derive(move || match count.get() {
        0 => "Styles".to_owned(),
        n => format!("Styles · {n}"),
    });
    view! {
        <div class="style-menu" on:focusin=move |_| load(desk, failed) on:pointerenter=move |_| load(desk, failed)>
            <Menu label class="btn btn-quiet prompt-more">
                <div class="style-panel">
                    {move || failed.get().map(|error| view! { <ProblemView error/> })}
                    <List/>
                    <Keep/>
                </div>
            </Menu>
        </div>
    }
}

/// All styles, or where they would lie.
#[component]
fn List() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let text = RwSignal::new(String::new());
    let told = RwSignal::new(None::<String>);
    let number = Memo::new(move |_| desk.styles.with(|s| s.as_ref().map(|s| s.items.len())));
    let found = Memo::new(move |_| {
        let wanted: Vec<String> = text.with(|t| t.split_whitespace().map(str::to_lowercase).collect());
        let fits = |style: &&Style| {
            let all = [&style.name, &style.prompt, &style.negative].map(|t| t.to_lowercase()).join("\n");
            wanted.iter().all(|word| all.contains(word.as_str()))
        };
        desk.styles.with(|s| s.iter().flat_map(|s| &s.items).filter(fits).map(|s| s.name.clone()).collect::<Vec<_>>())
    });
    let row = move |name: String| {
        let (this, that, over, shown) = (name.clone(), name.clone(), name.clone(), name.clone());
        let on = Memo::new(move |_| desk.form.with(|f| f.styles.contains(&this)));
        view! {
            <li>
                <button
                    type="button"
                    class="menu-item style-row"
                    aria-pressed=move || if on.get() { "true" } else { "false" }
                    on:click=move |_| toggle(desk, &that)
                    on:pointerenter=move |_| told.set(Some(over.clone()))
                    on:focus=move |_| told.set(Some(shown.clone()))
                >
                    <span class="style-tick" aria-hidden="true">{move || on.get().then(|| view! { <Icon glyph=Glyph::Check/> })}</span>
                    <span class="wrap">{name}</span>
                </button>
            </li>
        }
    };
    let shown = Memo::new(move |_| found.with(|f| f.iter().take(SHOWN).cloned().collect::<Vec<_>>()));
    let more = move || found.with(Vec::len).saturating_sub(SHOWN);
    view! {
        <Show when=move || number.get().is_some_and(|n| n >= MANY)>
            <SearchField label="Search styles" value=text on_input=move |v: String| text.set(v) placeholder="Names and words"/>
        </Show>
        <Show when=move || number.get().is_some_and(|n| n > 0) fallback=move || number.get().map(|_| view! { <Nothing/> })>
            <ul class="style-list" aria-label="Styles">
                <For each=move || shown.get() key=|name| name.clone() children=row/>
            </ul>
            {move || (more() > 0).then(|| view! { <p class="hint">{format!("{} more: search for them.", format::count(more() as u64))}</p> })}
            {move || found.with(Vec::is_empty).then(|| view! { <p class="hint">"No style has these words."</p> })}
            <div class="style-told" role="status">
                {move || told.get().and_then(|name| words(desk, &name)).map_or_else(
                    || view! { <p class="hint">"Point at a style to read its words."</p> }.into_any(),
                    |lines| view! { <Lines lines/> }.into_any(),
                )}
            </div>
        </Show>
    }
}

#[component]
fn Lines(lines: Vec<(&'static str, String)>) -> impl IntoView {
    lines
        .into_iter()
        .map(|(what, words)| view! { <span class="style-line"><b>{what}</b>" "<span class="wrap">{words}</span></span> })
        .collect_view()
}

/// Where styles lie and how they are written.
#[component]
fn Nothing() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let file = move || desk.styles.with(|s| s.as_ref().map(|s: &Styles| s.file.clone()));
    view! {
        <div class="style-none">
            <p>"No styles yet. A style is words by a name, put around whatever you type."</p>
            <p>"Keep the prompt that stands here as one, or bring your own: Weft reads the file that A1111 writes, one style a line."</p>
            <pre class="num">"name,prompt,negative_prompt\nInk,\"{prompt}, ink wash\",photo"</pre>
            <p>"It lies at "<code class="wrap">{file}</code></p>
        </div>
    }
}

/// Keeps the prompt and the negative prompt as a style of a new name.
#[component]
fn Keep() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let toasts = expect_context::<Toasts>();
    let name = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let wrong = RwSignal::new(None::<String>);
    let bare = desk.read(|f| f.prompt.trim().is_empty() && f.negative.trim().is_empty());
    let nameless = Memo::new(move |_| name.with(|n| n.trim().is_empty()));
    let keep = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if nameless.get_untracked() || bare.get_untracked() || busy.get_untracked() {
            return;
        }
        let style = desk.form.with_untracked(|f| Style {
            name: name.with_untracked(|n| n.trim().to_owned()),
            prompt: f.prompt.trim().to_owned(),
            negative: f.negative.trim().to_owned(),
        });
        busy.set(true);
        wrong.set(None);
        spawn_local(async move {
            let answer = api::style_keep(style.clone()).await;
            let _gone = busy.try_set(false);
            match answer {
                Ok(styles) => {
                    drop(desk.styles.try_set(Some(styles)));
                    drop(name.try_set(String::new()));
                    say_kept(desk, toasts, style);
                }
                Err(error) => drop(wrong.try_set(Some(error.to_string()))),
            }
        });
    };
    view! {
        <form class="style-keep" on:submit=keep>
            <label class="form-label" for="studio-style-name">"Keep this prompt as a style"</label>
            <div class="style-name">
                <input
                    type="text"
                    id="studio-style-name"
                    class="input"
                    autocomplete="off"
                    maxlength="100"
                    placeholder="Its name"
                    prop:value=move || name.get()
                    on:input=move |event| name.set(event_target_value(&event))
                />
                <Button kind="submit" busy disabled=Signal::derive(move || nameless.get() || bare.get())>"Keep"</Button>
            </div>
            {move || wrong.get().map(|why| view! { <Notice tone=Tone::Bad><p role="alert">{why}</p></Notice> })}
        </form>
    }
}

fn say_kept(desk: Desk, toasts: Toasts, style: Style) {
    toasts.undo(format!("{} is kept as a style.", style.name), move || {
        let style = style.clone();
        spawn_local(async move {
            match api::style_remove(style.clone()).await {
                Ok(styles) => {
                    drop(desk.styles.try_set(Some(styles)));
                    desk.edit(|f| f.styles.retain(|name| *name != style.name));
                }
                Err(error) => toasts.problem(&error),
            }
        });
    });
}

/// What is in use, one chip each: its words on hover and focus, a press takes it away.
#[component]
pub(super) fn StyleChips() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let names = desk.read(|f| f.styles.clone());
    let chip = move |(at, name): (usize, String)| {
        let (id, gone) = (format!("studio-style-{at}"), name.clone());
        let label = format!("Take the style {name} away");
        let asked = name.clone();
        let known = Memo::new(move |_| words(desk, &asked));
        let lost = Memo::new(move |_| desk.styles.with(Option::is_some) && known.with(Option::is_none));
        view! {
            <li class="tooltip style-chip">
                <button
                    type="button"
                    class="chip"
                    class:said-lost=move || lost.get()
                    aria-label=label
                    aria-describedby=id.clone()
                    on:click=move |_| toggle(desk, &gone)
                >
                    {move || lost.get().then(|| view! { <Icon glyph=Glyph::Warning/> })}
                    <span class="clip">{name}</span>
                    <Icon glyph=Glyph::Close/>
                </button>
                <span class="tooltip-text" role="tooltip" id=id>
                    {move || match known.get() {
                        Some(lines) => view! { <Lines lines/> }.into_any(),
                        None if lost.get() => view! { "There is no such style here any more: take it away to paint." }.into_any(),
                        None => ().into_any(),
                    }}
                </span>
            </li>
        }
    };
    let numbered = Memo::new(move |_| names.with(|n| n.iter().cloned().enumerate().collect::<Vec<_>>()));
    view! {
        <Show when=move || names.with(|n| !n.is_empty())>
            <ul class="style-chips" aria-label="Styles in use">
                <For each=move || numbered.get() key=|chip| chip.clone() children=chip/>
            </ul>
        </Show>
    }
}
