//! The composition: one row per adapter with its weight, its profile, and when it works.

use super::desk::Desk;
use super::form::{MAX_STRANDS, Strand};
use crate::blocks::axis::Axis;
use crate::blocks::colour;
use crate::choose::{ChooseDialog, Choosing};
use crate::kit::{Button, Glyph, Icon, IconButton, Notice, Select, Slider, Toasts, Tone};
use crate::profile::{Change, Editor, Profiled, labels, preset, preset_options};
use leptos::prelude::*;
use weft_domain::parameter::{Number, WEIGHT};
use weft_domain::{AdapterCard, AdapterDetails, AdapterId, FileState};
use weft_weights::layout::{Extra, Layout};

/// When an adapter begins and ends, in hundredths of the steps.
const SHARE: Number = Number {
    name: "share",
    label: "Share of the steps",
    min: 0.0,
    max: 1.0,
    default: 0.0,
    step: 0.05,
    digits: 2,
    help: "An adapter that begins late leaves the composition alone; one that ends early leaves the detail alone.",
};

/// All strands and the way to more.
#[component]
pub(super) fn Strands() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let choosing = RwSignal::new(false);
    let ids = desk.read(|f| f.strands.iter().map(|s| s.adapter).collect::<Vec<_>>());
    let full = Memo::new(move |_| ids.with(|ids| ids.len() >= MAX_STRANDS));
    let dragged = RwSignal::new(None::<AdapterId>);
    view! {
        <section class="part" aria-label="Adapters">
            <header class="part-head">
                <h2 class="label">"Adapters"</h2>
                <Button icon=Glyph::Plus disabled=full on:click=move |_| choosing.set(true)>"Add"</Button>
            </header>
            <Show
                when=move || ids.with(|ids| !ids.is_empty())
                fallback=|| view! { <p class="hint">"None: the checkpoint alone. Add one and drag its weight to see what it does."</p> }
            >
                <ol class="strands">
                    <For each=move || ids.get() key=|id| *id let:id>
                        <Row id dragged/>
                    </For>
                </ol>
            </Show>
            <Misfit/>
            <ChooseDialog open=choosing choosing=adding(desk)/>
        </section>
    }
}

/// Strands in and out by the window that chooses adapters.
fn adding(desk: Desk) -> Choosing {
    let toasts = expect_context::<Toasts>();
    Choosing {
        chosen: Memo::new(move |_| desk.form.with(|f| f.strands.iter().map(|s| (s.adapter, s.colour)).collect())).into(),
        // What fits is what the checkpoint is.
        family: Memo::new(move |_| family(desk)).into(),
        most: MAX_STRANDS,
        on_add: Callback::new(move |card: AdapterCard| {
            let id = card.id;
            desk.know(card);
            desk.edit(|f| {
                let _known = f.add(id);
            });
        }),
        on_remove: Callback::new(move |id| remove(desk, toasts, id, false)),
        say: |n| match n {
            0 => "Choose one or more.".to_owned(),
            n => crate::format::plural(n as u64, "adapter"),
        },
    }
}

/// Family of the checkpoint that paints: id and name.
fn family(desk: Desk) -> Option<(String, String)> {
    let id = desk.checkpoint()?;
    desk.checkpoints.with(|list| {
        let card = list.iter().find(|c| c.id == id)?;
        let label = match card.family.as_str() {
            "sd1" => "SD 1.5",
            "sd2" => "SD 2",
            "sdxl" => "SDXL",
            "flux1" => "Flux.1",
            other => other,
        };
        Some((card.family.clone(), label.to_owned()))
    })
}

/// Adapters of another family than the checkpoint's.
#[component]
fn Misfit() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let strangers = Memo::new(move |_| {
        let (own, label) = family(desk)?;
        let names: Vec<String> = desk.form.with(|f| {
            desk.cards.with(|cards| {
                let card = |s: &Strand| cards.iter().find(|c| c.id == s.adapter && c.family != own && c.family != "unknown" && !s.muted);
                f.strands.iter().filter_map(card).map(|c| format!("{} ({})", c.name, c.family_label)).collect()
            })
        });
        (!names.is_empty())
            .then(|| format!("Made for another model than {label}: {}. Take another checkpoint, or switch them off.", names.join(", ")))
    });
    move || strangers.get().map(|text| view! { <Notice tone=Tone::Warn><p>{text}</p></Notice> })
}

/// Takes a strand out. With `say` there is a way back.
fn remove(desk: Desk, toasts: Toasts, id: AdapterId, say: bool) {
    let Some(at) = desk.form.with_untracked(|f| f.strands.iter().position(|s| s.adapter == id)) else { return };
    let mut gone = None;
    desk.edit(|f| gone = f.remove(at));
    let (Some(strand), true) = (gone, say) else { return };
    let name = untrack(|| desk.name(id));
    toasts.undo(format!("{name} is out of the composition."), move || {
        let strand = strand.clone();
        desk.edit(move |f| {
            if f.strands.iter().all(|s| s.adapter != id) {
                f.strands.insert(at.min(f.strands.len()), strand);
            }
        });
    });
}

/// A field of one strand, tracked.
fn part<T: PartialEq + Clone + Send + Sync + 'static>(desk: Desk, id: AdapterId, or: T, read: fn(&Strand) -> T) -> Memo<T> {
    Memo::new(move |_| desk.form.with(|f| f.strands.iter().find(|s| s.adapter == id).map_or_else(|| or.clone(), read)))
}

/// Changes one strand.
fn edit(desk: Desk, id: AdapterId, change: impl FnOnce(&mut Strand)) {
    desk.edit(|f| {
        if let Some(strand) = f.strands.iter_mut().find(|s| s.adapter == id) {
            change(strand);
        }
    });
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[component]
fn Row(id: AdapterId, dragged: RwSignal<Option<AdapterId>>) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let name = Memo::new(move |_| desk.name(id));
    let card = Memo::new(move |_| desk.cards.with(|cards| cards.iter().find(|c| c.id == id).cloned()));
    let tone = part(desk, id, 0, |s| s.colour);
    let weight = part(desk, id, 0.0, |s| s.weight);
    let muted = part(desk, id, false, |s| s.muted);
    let more = RwSignal::new(false);
    let place = move || desk.form.with_untracked(|f| f.strands.iter().position(|s| s.adapter == id)).unwrap_or(0);
    let keys = move |event: leptos::ev::KeyboardEvent| {
        if event.alt_key() && matches!(event.key().as_str(), "ArrowUp" | "ArrowDown") {
            event.prevent_default();
            let at = place();
            let to = if event.key() == "ArrowUp" { at.saturating_sub(1) } else { at + 1 };
            desk.edit(|f| f.shift(at, to));
        }
    };
    let over = RwSignal::new(false);
    let dropped = move |event: web_sys::DragEvent| {
        over.set(false);
        if let Some(other) = dragged.get_untracked() {
            event.prevent_default();
            let from = desk.form.with_untracked(|f| f.strands.iter().position(|s| s.adapter == other));
            if let Some(from) = from {
                desk.edit(|f| f.shift(from, place()));
            }
        }
        dragged.set(None);
    };
    let away = Memo::new(move |_| card.with(|c| c.as_ref().is_some_and(|c| c.state != FileState::Ready)));
    view! {
        <li
            class=move || format!("strand {}{}{}", colour(tone.get()), if muted.get() { " silent" } else { "" }, if over.get() { " over" } else { "" })
            on:keydown=keys
            on:dragover=move |event: web_sys::DragEvent| {
                if dragged.get_untracked().is_some_and(|other| other != id) {
                    event.prevent_default();
                    over.set(true);
                }
            }
            on:dragleave=move |_| over.set(false)
            on:drop=dropped
        >
            <div class="strand-head">
                <span
                    class="strand-pic strand-grip"
                    draggable="true"
                    title="Drag to another place (Alt-Up, Alt-Down)"
                    on:dragstart=move |event: web_sys::DragEvent| {
                        if let Some(data) = event.data_transfer() {
                            // Firefox drags nothing without data.
                            drop(data.set_data("text/plain", &id.to_string()));
                        }
                        dragged.set(Some(id));
                    }
                    on:dragend=move |_| dragged.set(None)
                >
                    {move || card.with(|c| c.as_ref().map(|c| view! { <img src=c.preview_url(160) width="44" height="47" alt="" loading="lazy" draggable="false"/> }))}
                </span>
                <div class="strand-text">
                    <a class="strand-name" href=format!("/adapters/{id}")>{name}</a>
                    <Tools id name muted more/>
                </div>
            </div>
            <Slider
                spec=WEIGHT
                label=Signal::derive(move || format!("Weight of {}", name.get()))
                value=weight
                on_input=move |v: f64| edit(desk, id, |s| s.weight = hundredths(v))
                class=Signal::derive(move || colour(tone.get()))
            />
            <Show when=move || more.get()><More id name tone/></Show>
            <Show when=move || away.get()>
                <p class="strand-note"><Icon glyph=Glyph::Missing/>"The file is not where it was: it cannot paint."</p>
            </Show>
        </li>
    }
}

#[component]
fn Tools(id: AdapterId, name: Memo<String>, muted: Memo<bool>, more: RwSignal<bool>) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let toasts = expect_context::<Toasts>();
    let place = Memo::new(move |_| desk.form.with(|f| f.strands.iter().position(|s| s.adapter == id).unwrap_or(0)));
    let last = Memo::new(move |_| desk.form.with(|f| f.strands.len().saturating_sub(1)));
    let shaped = Memo::new(move |_| {
        desk.form.with(|f| {
            f.strands
                .iter()
                .find(|s| s.adapter == id)
                .is_some_and(|s| !s.factors.is_empty() || s.text_weight.is_some() || s.start > 0.0 || s.stop < 1.0)
        })
    });
    view! {
        <div class="strand-tools" role="group" aria-label=move || format!("Actions for {}", name.get())>
            <IconButton
                glyph=Glyph::Mute
                label=Signal::derive(move || if muted.get() { "Switch on".to_owned() } else { "Switch off for the moment".to_owned() })
                pressed=Signal::derive(move || muted.get())
                on:click=move |_| edit(desk, id, |s| s.muted = !s.muted)
            />
            <IconButton
                glyph=Glyph::Sliders
                label=Signal::derive(move || if shaped.get() { "Blocks, text encoder and steps (changed)".to_owned() } else { "Blocks, text encoder and steps".to_owned() })
                pressed=Signal::derive(move || more.get() || shaped.get())
                attr:aria-expanded=move || if more.get() { "true" } else { "false" }
                on:click=move |_| more.update(|m| *m = !*m)
            />
            <IconButton
                glyph=Glyph::ArrowUp
                label="Move up (Alt+Up)"
                disabled=Signal::derive(move || place.get() == 0)
                on:click=move |_| desk.edit(|f| { let at = place.get_untracked(); f.shift(at, at.saturating_sub(1)); })
            />
            <IconButton
                glyph=Glyph::ArrowDown
                label="Move down (Alt+Down)"
                disabled=Signal::derive(move || place.get() >= last.get())
                on:click=move |_| desk.edit(|f| { let at = place.get_untracked(); f.shift(at, at + 1); })
            />
            <IconButton glyph=Glyph::Close label="Remove" on:click=move |_| remove(desk, toasts, id, true)/>
        </div>
    }
}

/// Text encoder, steps and blocks of one strand.
#[component]
fn More(id: AdapterId, name: Memo<String>, tone: Memo<usize>) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let weight = part(desk, id, 0.0, |s| s.weight);
    let text_weight = part(desk, id, None, |s| s.text_weight);
    let start = part(desk, id, 0.0, |s| s.start);
    let stop = part(desk, id, 1.0, |s| s.stop);
    let tint = Signal::derive(move || colour(tone.get()));
    view! {
        <div class="strand-more">
            <label class="check">
                <input type="checkbox" prop:checked=move || text_weight.get().is_some() on:change=move |_| edit(desk, id, |s| s.text_weight = if s.text_weight.is_some() { None } else { Some(s.weight) })/>
                <span>"Its own weight for the words"</span>
            </label>
            <Show when=move || text_weight.get().is_some()>
                <Slider
                    spec=Number { label: "Text encoder", ..WEIGHT }
                    label=Signal::derive(move || format!("Text encoder weight of {}", name.get()))
                    value=Signal::derive(move || text_weight.get().unwrap_or(weight.get()))
                    on_input=move |v: f64| edit(desk, id, |s| s.text_weight = Some(hundredths(v)))
                    class=tint
                />
            </Show>
            <div class="strand-range">
                <span class="form-label">"Begins"</span>
                <Slider spec=SHARE label=Signal::derive(move || format!("{} begins", name.get())) value=start on_input=move |v: f64| edit(desk, id, |s| s.start = hundredths(v).min(s.stop)) class=tint/>
                <span class="form-label">"Ends"</span>
                <Slider spec=Number { default: 1.0, ..SHARE } label=Signal::derive(move || format!("{} ends", name.get())) value=stop on_input=move |v: f64| edit(desk, id, |s| s.stop = hundredths(v).max(s.start)) class=tint/>
            </div>
            <Blocks id name tone/>
        </div>
    }
}

/// All blocks, then the parts outside that the file has.
pub(super) fn axis_of(details: &AdapterDetails) -> Axis {
    let blocks = details.blocks.iter().map(|b| (b.label.clone(), b.group.clone()));
    let known = |name: &str| Extra::ALL.into_iter().any(|e| e.label() == name);
    let extras = details.outside.iter().filter(|o| known(&o.group)).map(|o| (o.group.clone(), "extra".to_owned()));
    Axis::new(blocks.chain(extras))
}

/// Preset and block sliders, once the blocks are known.
#[component]
fn Blocks(id: AdapterId, name: Memo<String>, tone: Memo<usize>) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let known = Memo::new(move |_| desk.details.with(|d| d.contains_key(&id)));
    let layout =
        Memo::new(move |_| desk.details.with(|d| d.get(&id).and_then(|d| d.layout_id.as_deref().and_then(Layout::by_id)).map(|l| l.id)));
    let axis = Memo::new(move |_| desk.details.with(|d| d.get(&id).map(axis_of).unwrap_or_default()));
    let factors = part(desk, id, Default::default(), |s| s.factors.clone());
    let chosen = part(desk, id, None, |s| s.preset.clone());
    let apply = move |change: Change| {
        let Change { preset, factors, .. } = change;
        let own = untrack(|| layout.get()).map(str::to_owned);
        edit(desk, id, |s| (s.preset, s.factors, s.layout) = (preset, factors, own));
    };
    let profiled = Profiled {
        layout: Signal::derive(move || layout.get().and_then(Layout::by_id)),
        axis: axis.into(),
        factors: factors.into(),
        name: name.into(),
        active: RwSignal::new(None),
        on_change: Callback::new(apply),
    };
    let value = Signal::derive(move || match chosen.get() {
        Some(name) => name,
        None if factors.with(|f| f.is_empty()) => "ALL".to_owned(),
        None => "custom".to_owned(),
    });
    let options = Signal::derive(move || {
        let mut options = preset_options(profiled.layout.get());
        let now = value.get();
        if options.iter().all(|(key, _)| *key != now) {
            options.push((now.clone(), if now == "custom" { "My own".to_owned() } else { now }));
        }
        options
    });
    let choose = move |key: String| {
        let names = labels(&axis.read_untracked());
        if let Some(change) = profiled.layout.get_untracked().and_then(|layout| preset(layout, &key, &names)) {
            apply(change);
        }
    };
    let editing = RwSignal::new(false);
    view! {
        <Show
            when=move || layout.get().is_some()
            fallback=move || known.get().then(|| view! { <p class="form-help">"The blocks of this adapter are not known, so it works as a whole."</p> })
        >
            <div class="strand-profile">
                <Select label=format!("Profile of {}", name.get_untracked()) options value on_change=choose/>
                <IconButton
                    glyph=Glyph::Bars
                    label=Signal::derive(move || if editing.get() { "Close the block sliders".to_owned() } else { "Edit block by block".to_owned() })
                    pressed=editing
                    on:click=move |_| editing.update(|e| *e = !*e)
                />
            </div>
            <Show when=move || editing.get()>
                {move || view! { <Editor profiled class=colour(tone.get_untracked()) id="studio-profile"/> }}
            </Show>
        </Show>
    }
}
