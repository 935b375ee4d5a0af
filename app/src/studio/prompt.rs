//! The prompt: its text with weights shown, how many tokens it takes, the words that its adapters listen to.

use super::desk::Desk;
use super::styles::{StyleChips, StyleMenu};
use super::words::{self, Mark};
use crate::api;
use crate::blocks::colour;
use crate::dom;
use crate::format;
use crate::kit::{Glyph, Icon, Segmented};
use leptos::task::spawn_local;
use leptos::{html, prelude::*};
use std::time::Duration;
use weft_domain::generation::{Dialect, PromptText, PromptView};

/// Pause after the last key before the prompt is looked at.
const PAUSE: Duration = Duration::from_millis(220);
/// Tokens of one chunk.
const CHUNK: u32 = 75;

/// What is known of a text: for which text it was asked, and the answer.
#[derive(Debug, Clone, Default, PartialEq)]
struct Seen {
    text: String,
    view: PromptView,
}

/// Asks what becomes of a text, a moment after it or its styles last changed.
fn seen(desk: Desk, text: Memo<String>, negative: bool) -> RwSignal<Option<Seen>> {
    let seen = RwSignal::new(None::<Seen>);
    let dialect = desk.read(|f| f.dialect);
    let styles = desk.read(|f| f.styles.clone());
    let turn = StoredValue::new(0_u64);
    Effect::new(move |_| {
        let text = text.get();
        let asked =
            PromptText { prompt: text.clone(), negative, dialect: dialect.get(), styles: styles.get(), checkpoint: desk.checkpoint() };
        let mine = turn.try_update_value(|n| {
            *n += 1;
            *n
        });
        // Marks move with their words until the answer comes.
        seen.update(|s| {
            if let Some(s) = s {
                s.view.weighted = words::carried(&s.text, &text, &s.view.weighted);
                s.text.clone_from(&text);
            }
        });
        let ask = move || {
            if turn.try_get_value() != mine {
                return;
            }
            spawn_local(async move {
                let text = asked.prompt.clone();
                let answer = api::prompt_view(asked).await;
                if turn.try_get_value() == mine {
                    // Unanswered, the count is not shown; painting says what is wrong.
                    drop(seen.try_set(answer.ok().map(|view| Seen { text, view })));
                }
            });
        };
        set_timeout(ask, PAUSE);
    });
    seen
}

/// A text with its weights shown behind it. Ctrl-Up and Ctrl-Down change the weight of what is selected.
#[component]
fn Weighted(
    /// Unique on the page.
    id: &'static str,
    label: &'static str,
    placeholder: &'static str,
    text: Memo<String>,
    #[prop(into)] on_input: Callback<String>,
    #[prop(into)] marks: Signal<Vec<Mark>>,
) -> impl IntoView {
    let field = NodeRef::<html::Textarea>::new();
    let under = move || {
        let pieces = text.with(|text| words::pieces(text, &marks.get()));
        let piece = |(text, weight): (String, f64)| {
            let class = if weight > 1.0 {
                "heavier"
            } else if weight < 1.0 {
                "lighter"
            } else {
                ""
            };
            view! { <span class=class>{text}</span> }
        };
        pieces.into_iter().map(piece).collect_view()
    };
    let keys = move |event: leptos::ev::KeyboardEvent| {
        let up = match event.key().as_str() {
            "ArrowUp" => true,
            "ArrowDown" => false,
            _ => return,
        };
        if !(event.ctrl_key() || event.meta_key()) {
            return;
        }
        event.prevent_default();
        let Some(field) = field.get_untracked() else { return };
        let now = field.value();
        let place = |at: Result<Option<u32>, _>| at.ok().flatten().map_or(now.len(), |at: u32| words::byte_at(&now, at));
        let (start, end) = (place(field.selection_start()), place(field.selection_end()));
        if let Some(next) = words::reweigh(&now, start, end, up) {
            field.set_value(&next.text);
            // Fails only for fields that have no selection.
            drop(field.set_selection_range(words::utf16_at(&next.text, next.start), words::utf16_at(&next.text, next.end)));
            on_input.run(next.text);
        }
    };
    view! {
        <div class="prompt-text">
            <div class="prompt-under" aria-hidden="true">{under}" "</div>
            <textarea
                node_ref=field
                id=id
                class="prompt-field"
                aria-label=label
                placeholder=placeholder
                rows="1"
                spellcheck="false"
                autocapitalize="off"
                enterkeyhint="enter"
                aria-describedby=format!("{id}-count")
                prop:value=move || text.get()
                on:input=move |event| on_input.run(event_target_value(&event))
                on:keydown=keys
            ></textarea>
        </div>
    }
}

/// Prompt and negative prompt.
#[component]
pub(super) fn Prompt() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let text = desk.read(|f| f.prompt.clone());
    let negative = desk.read(|f| f.negative.clone());
    let hidden = Memo::new(move |_| desk.defaults.with(|d| d.no_negative));
    let (about, about_negative) = (seen(desk, text, false), seen(desk, negative, true));
    let marks = |seen: RwSignal<Option<Seen>>| {
        Signal::derive(move || seen.with(|s| s.as_ref().map(|s| s.view.weighted.clone()).unwrap_or_default()))
    };
    // It holds text: it stays open, and a press on its name leads into it.
    let opened = RwSignal::new(false);
    let filled = Memo::new(move |_| negative.with(|n| !n.is_empty()));
    let open = Memo::new(move |_| !hidden.get() && (opened.get() || filled.get()));
    let disclose = move |_| {
        if filled.get_untracked() || !opened.get_untracked() {
            opened.set(true);
            set_timeout(|| dom::focus("#studio-negative"), Duration::ZERO);
        } else {
            opened.set(false);
        }
    };
    view! {
        <div class="prompt">
            <Weighted id="studio-prompt" label="Prompt" placeholder="What is in the picture?" text on_input=move |v: String| desk.edit(|f| f.prompt = v) marks=marks(about)/>
            <div class="prompt-about">
                <span class="prompt-count num" id="studio-prompt-count">{move || about.with(|s| s.as_ref().map(|s| counted(&s.view)))}</span>
                <DialectSwitch/>
            </div>
        </div>
        <div class="prompt-foot">
            <StyleMenu/>
            <Show when=move || !hidden.get()>
                <button
                    type="button"
                    class="btn btn-quiet prompt-more prompt-disclose"
                    aria-expanded=move || if open.get() { "true" } else { "false" }
                    aria-controls="studio-negative-box"
                    on:click=disclose
                >
                    <span>"Negative prompt"</span>
                    <Icon glyph=Glyph::ChevronDown/>
                </button>
            </Show>
        </div>
        <StyleChips/>
        <div id="studio-negative-box" class="prompt prompt-negative" hidden=move || !open.get()>
            <Show when=move || open.get()>
                <Weighted id="studio-negative" label="Negative prompt" placeholder="What is not?" text=negative on_input=move |v: String| { opened.set(true); desk.edit(|f| f.negative = v); } marks=marks(about_negative)/>
                <span class="prompt-count num" id="studio-negative-count">{move || about_negative.with(|s| s.as_ref().filter(|s| s.view.tokens > CHUNK).map(|s| counted(&s.view)))}</span>
            </Show>
        </div>
        <Weights about/>
        <Triggers/>
    }
}

/// "12 of 75", "80 of 150, 2 chunks".
fn counted(view: &PromptView) -> String {
    let room = view.chunks.max(1) * CHUNK;
    let chunks = if view.chunks > 1 { format!(" · {} chunks", view.chunks) } else { String::new() };
    format!("{} of {room} tokens{chunks}", view.tokens)
}

/// What a weight is, by program.
#[component]
fn DialectSwitch() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let dialect = desk.read(|f| f.dialect);
    let choose = move |word: String| desk.edit(|f| f.dialect = Dialect::parse(&word).unwrap_or_default());
    view! {
        <span class="prompt-dialect" title=move || dialect.get().help()>
            <Segmented
                name="studio-dialect"
                label="How weights are read"
                choices=Dialect::ALL.map(|d| (d.as_str(), d.label(), None)).to_vec()
                value=Signal::derive(move || dialect.get().as_str().to_owned())
                on_change=choose
            />
        </span>
    }
}

/// Weighted pieces in words, adapters named in the text, and what one may want to know.
#[component]
fn Weights(about: RwSignal<Option<Seen>>) -> impl IntoView {
    let pieces = move || {
        about.with(|s| {
            let Some(s) = s else { return Vec::new() };
            let piece = |&(from, to, weight): &Mark| Some((s.text.get(from as usize..to as usize)?.trim().to_owned(), weight));
            s.view.weighted.iter().filter_map(piece).filter(|(text, _)| !text.is_empty()).take(12).collect::<Vec<_>>()
        })
    };
    let named = move || about.with(|s| s.as_ref().map(|s| s.view.named.clone()).unwrap_or_default());
    let notices = move || about.with(|s| s.as_ref().map(|s| s.view.notices.clone()).unwrap_or_default());
    view! {
        <div class="prompt-said">
            {move || pieces().into_iter().map(|(text, weight)| {
                let class = if weight > 1.0 { "said heavier" } else { "said lighter" };
                view! { <span class=class><span class="clip">{text}</span>" "<b class="num">{format!("×{weight:.2}")}</b></span> }
            }).collect_view()}
            {move || named().into_iter().map(|(name, here)| {
                let (class, glyph, end) = if here { ("said", Glyph::Check, "") } else { ("said said-lost", Glyph::Warning, " is not in the library") };
                view! { <span class=class><Icon glyph/>{name}{end}</span> }
            }).collect_view()}
            {move || notices().into_iter().map(|text| view! { <span class="said said-note"><Icon glyph=Glyph::Info/>{text}</span> }).collect_view()}
        </div>
    }
}

/// Trigger words of the strands, to be put into the prompt.
#[component]
fn Triggers() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let offered = Memo::new(move |_| {
        desk.form.with(|f| {
            desk.details.with(|details| {
                let of = |s: &super::form::Strand| {
                    let words = details.get(&s.adapter).map(|d| d.trigger_words.clone()).unwrap_or_default();
                    words.into_iter().filter(|w| !w.trim().is_empty()).take(6).map(|w| (s.colour, w)).collect::<Vec<_>>()
                };
                f.strands.iter().filter(|s| !s.muted).flat_map(of).filter(|(_, w)| !words::has_words(&f.prompt, w)).collect::<Vec<_>>()
            })
        })
    });
    view! {
        <Show when=move || offered.with(|o| !o.is_empty())>
            <div class="triggers" role="group" aria-label="Trigger words of the adapters">
                {move || offered.get().into_iter().take(12).map(|(tone, text)| {
                    let put = text.clone();
                    let label = format!("Put “{text}” into the prompt");
                    view! {
                        <button type="button" class=format!("chip trigger {}", colour(tone)) title=label on:click=move |_| desk.edit(|f| f.prompt = words::with_words(&f.prompt, &put))>
                            <i class="dot" aria-hidden="true"></i>
                            <Icon glyph=Glyph::Plus/>
                            <span class="clip">{text}</span>
                        </button>
                    }
                }).collect_view()}
            </div>
        </Show>
    }
}

/// "4 pictures", for the button.
pub(super) fn pictures(n: usize) -> String {
    format::plural(n as u64, "picture")
}
