//! The axes of a sheet in the form: what changes from column to column and from row to row.

use super::super::desk::Desk;
use super::super::settings::drawn;
use super::super::strands::axis_of;
use super::axis::{self, SAMPLERS, SCHEDULES};
use crate::choose::{ChooseDialog, Choosing};
use crate::format;
use crate::kit::{Button, Chip, Glyph, IconButton, Look, NumberField, Select, TextField};
use crate::profile::{factors, labels};
use leptos::prelude::*;
use weft_domain::AdapterCard;
use weft_domain::generation::{Axis, Sampler, Schedule};
use weft_domain::merge::ProfileValues;
use weft_domain::parameter::Number;
use weft_weights::layout::Layout;
use weft_weights::profile::presets;

/// How many values a range is cut into.
const COUNT: Number =
    Number { name: "count", label: "Values", min: 2.0, max: 24.0, default: 5.0, step: 1.0, digits: 0, help: "How many values." };

/// Changes one axis.
fn edit(desk: Desk, at: usize, change: impl FnOnce(&mut Axis)) {
    desk.edit(|f| {
        if let Some(axis) = f.axes.get_mut(at) {
            change(axis);
        }
    });
}

/// The part of the form.
#[component]
pub(in super::super) fn SheetEditor() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let on = desk.read(|f| f.sheet);
    let count = desk.read(|f| f.axes.len());
    let switch = move |_| {
        desk.edit(|f| f.sheet = !f.sheet);
        if desk.form.with_untracked(|f| f.sheet && f.axes.is_empty()) {
            // The thing one most wants to know: how strong an adapter should be.
            let word = if desk.form.with_untracked(|f| f.strands.is_empty()) { "number cfg" } else { "weight 0" };
            add(desk, word);
        }
    };
    view! {
        <section class="part" aria-label="Experiment sheet">
            <label class="check sheet-switch">
                <input type="checkbox" prop:checked=on on:change=switch/>
                <span><b>"Experiment sheet"</b><small>" one picture for every value"</small></span>
            </label>
            <Show when=move || on.get()>
                <For each=move || 0..count.get() key=|at| *at let:at><AxisEditor at/></For>
                <Show when=move || { count.get() < 2 }>
                    <Button icon=Glyph::Plus on:click=move |_| { let word = if count.get_untracked() == 0 { "number cfg" } else { "seed" }; add(desk, word); }>
                        {move || if count.get() == 0 { "Add an axis" } else { "Add rows" }}
                    </Button>
                </Show>
                <p class="form-help num" role="status">{move || {
                    let n = desk.form.with(super::super::form::Form::pictures);
                    let time = desk.expected_ms().map(|ms| format!(" · about {}", took(ms))).unwrap_or_default();
                    format!("{}{time}", format::plural(n as u64, "picture"))
                }}</p>
            </Show>
        </section>
    }
}

/// `40 s`, `3 min`, `2 h`.
fn took(ms: f64) -> String {
    format::time_left(ms as i64).trim_end_matches(" left").to_owned()
}

fn add(desk: Desk, word: &str) {
    let defaults = desk.defaults.get_untracked();
    desk.edit(|f| {
        let word = if f.axes.iter().any(|a| axis::word(a) == word) { "sampler" } else { word };
        if let Some(axis) = axis::begun(word, f, &defaults) {
            f.axes.push(axis);
        }
    });
}

#[component]
fn AxisEditor(at: usize) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let word = Memo::new(move |_| desk.form.with(|f| f.axes.get(at).map(axis::word)).unwrap_or_default());
    let options = Signal::derive(move || {
        let other = desk.form.with(|f| f.axes.get(1 - at.min(1)).map(axis::word));
        let menu = desk.form.with(|f| {
            desk.defaults.with(|d| axis::menu(f, d, |strand| f.strands.get(strand).map(|s| desk.name(s.adapter)).unwrap_or_default()))
        });
        menu.into_iter().filter(|(key, _)| Some(key) != other.as_ref()).collect::<Vec<_>>()
    });
    let choose = move |word: String| {
        let defaults = desk.defaults.get_untracked();
        let begun = desk.form.with_untracked(|f| axis::begun(&word, f, &defaults));
        if let Some(begun) = begun {
            edit(desk, at, |axis| *axis = begun);
        }
    };
    let kind = Memo::new(move |_| word.with(|w| w.split(' ').next().unwrap_or_default().to_owned()));
    view! {
        <fieldset class="axis">
            <legend class="sr-only">{if at == 0 { "Columns" } else { "Rows" }}</legend>
            <div class="axis-head">
                <Select label=if at == 0 { "Columns" } else { "Rows" } show_label=true options value=word on_change=choose/>
                <IconButton glyph=Glyph::Close label="Take this axis away" on:click=move |_| desk.edit(|f| { if at < f.axes.len() { f.axes.remove(at); } })/>
            </div>
            {move || match kind.get().as_str() {
                "weight" | "number" => view! { <Numbers at/> }.into_any(),
                "block" => view! { <Slot at/> <Numbers at/> }.into_any(),
                "sampler" => view! { <Samplers at/> }.into_any(),
                "schedule" => view! { <Schedules at/> }.into_any(),
                "seed" => view! { <Seeds at/> }.into_any(),
                "words" => view! { <Replacing at/> }.into_any(),
                "checkpoint" => view! { <Checkpoints at/> }.into_any(),
                "adapter" => view! { <Adapters at/> }.into_any(),
                "profile" => view! { <Profiles at/> }.into_any(),
                _ => ().into_any(),
            }}
        </fieldset>
    }
}

/// A list of values as text, with what is wrong with it.
#[component]
fn Listed(
    at: usize,
    label: &'static str,
    text: fn(&Axis) -> Option<String>,
    #[prop(into)] take: Callback<String, Option<String>>,
) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let draft = RwSignal::new(None::<String>);
    let wrong = RwSignal::new(None::<String>);
    let value =
        Signal::derive(move || draft.get().unwrap_or_else(|| desk.form.with(|f| f.axes.get(at).and_then(text)).unwrap_or_default()));
    let typed = move |now: String| {
        wrong.set(take.run(now.clone()));
        draft.set(wrong.with_untracked(Option::is_some).then_some(now));
    };
    view! { <TextField id=format!("axis-{at}-list") label value on_input=typed error=wrong mono=true/> }
}

/// From, to, how many; or the values themselves.
#[component]
fn Numbers(at: usize) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let Some(spec) = desk.form.with_untracked(|f| f.axes.get(at).and_then(axis::range)) else { return ().into_any() };
    let values = Memo::new(move |_| desk.form.with(|f| f.axes.get(at).and_then(values_of).unwrap_or_default()));
    let (from, to) = (
        Signal::derive(move || values.with(|v| v.first().copied().unwrap_or(spec.min))),
        Signal::derive(move || values.with(|v| v.last().copied().unwrap_or(spec.max))),
    );
    let count = Signal::derive(move || values.with(|v| v.len().max(2) as f64));
    let set = move |from: f64, to: f64, count: f64| {
        let next = axis::spread(from, to, count as usize, spec);
        edit(desk, at, |axis| set_values(axis, next));
    };
    let take = move |text: String| match axis::read_numbers(&text, spec) {
        Ok(next) => {
            edit(desk, at, |axis| set_values(axis, next));
            None
        }
        Err(why) => Some(why),
    };
    view! {
        <div class="axis-range">
            <span>"From"</span>
            <NumberField spec label="From" value=from on_change=move |v: f64| set(v, to.get_untracked(), count.get_untracked())/>
            <span>"to"</span>
            <NumberField spec label="To" value=to on_change=move |v: f64| set(from.get_untracked(), v, count.get_untracked())/>
            <span>"in"</span>
            <NumberField spec=COUNT label="Number of values" value=count on_change=move |v: f64| set(from.get_untracked(), to.get_untracked(), v)/>
        </div>
        <Listed at label="Values" text=|axis| values_of(axis).map(|v| axis::numbers_text(&v)) take/>
    }
    .into_any()
}

fn values_of(axis: &Axis) -> Option<Vec<f64>> {
    match axis {
        Axis::Weight { values, .. } | Axis::Block { values, .. } | Axis::Number { values, .. } => Some(values.clone()),
        _ => None,
    }
}

fn set_values(axis: &mut Axis, next: Vec<f64>) {
    if let Axis::Weight { values, .. } | Axis::Block { values, .. } | Axis::Number { values, .. } = axis {
        *values = next;
    }
}

/// The block of a block axis.
#[component]
fn Slot(at: usize) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let slots = Memo::new(move |_| {
        let adapter =
            desk.form.with(|f| f.axes.get(at).and_then(super::super::form::strand_of).and_then(|s| f.strands.get(s)).map(|s| s.adapter));
        let axis = adapter.and_then(|id| desk.details.with(|d| d.get(&id).map(axis_of))).unwrap_or_default();
        labels(&axis)
    });
    let slot = Memo::new(move |_| {
        desk.form.with(|f| if let Some(Axis::Block { slot, .. }) = f.axes.get(at) { slot.clone() } else { String::new() })
    });
    // The first block, until one is chosen.
    Effect::new(move |_| {
        if slot.with(String::is_empty)
            && let Some(first) = slots.with(|s| s.first().cloned())
        {
            edit(desk, at, |axis| {
                if let Axis::Block { slot, .. } = axis {
                    *slot = first;
                }
            });
        }
    });
    let options = Signal::derive(move || slots.get().into_iter().map(|s| (s.clone(), s)).collect::<Vec<_>>());
    view! {
        <Select label="Block" show_label=true options value=slot on_change=move |word: String| edit(desk, at, |axis| if let Axis::Block { slot, .. } = axis { *slot = word; })/>
    }
}

#[component]
fn Samplers(at: usize) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let chip = move |sampler: Sampler| {
        let on = Signal::derive(move || {
            desk.form.with(|f| matches!(f.axes.get(at), Some(Axis::Sampler { values }) if values.contains(&sampler)))
        });
        let press = move |_| {
            edit(desk, at, |axis| {
                if let Axis::Sampler { values } = axis {
                    axis::toggle(values, sampler, SAMPLERS);
                }
            })
        };
        view! { <Chip label=sampler.label() on on:click=press/> }
    };
    view! { <div class="chips">{Sampler::ALL.into_iter().map(chip).collect_view()}</div> }
}

#[component]
fn Schedules(at: usize) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let chip = move |schedule: Schedule| {
        let on = Signal::derive(move || {
            desk.form.with(|f| matches!(f.axes.get(at), Some(Axis::Schedule { values }) if values.contains(&schedule)))
        });
        let press = move |_| {
            edit(desk, at, |axis| {
                if let Axis::Schedule { values } = axis {
                    axis::toggle(values, schedule, SCHEDULES);
                }
            })
        };
        view! { <Chip label=schedule.label() on on:click=press/> }
    };
    view! { <div class="chips">{Schedule::ALL.into_iter().map(chip).collect_view()}</div> }
}

#[component]
fn Seeds(at: usize) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let text = |axis: &Axis| match axis {
        Axis::Seed { values } => Some(values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        _ => None,
    };
    let set = move |next: Vec<u64>| {
        edit(desk, at, |axis| {
            if let Axis::Seed { values } = axis {
                *values = next;
            }
        })
    };
    let take = move |text: String| match axis::read_seeds(&text) {
        Ok(next) => {
            set(next);
            None
        }
        Err(why) => Some(why),
    };
    view! {
        <Listed at label="Seeds" text take/>
        <Button look=Look::Quiet icon=Glyph::Dice on:click=move |_| set((0..4).map(|_| drawn()).collect())>"Four others"</Button>
    }
}

#[component]
fn Replacing(at: usize) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let find = Memo::new(move |_| {
        desk.form.with(|f| if let Some(Axis::Words { find, .. }) = f.axes.get(at) { find.clone() } else { String::new() })
    });
    let lines = Memo::new(move |_| {
        desk.form.with(|f| if let Some(Axis::Words { values, .. }) = f.axes.get(at) { values.join("\n") } else { String::new() })
    });
    let absent = Memo::new(move |_| {
        let lost = find.with(|find| !find.is_empty() && desk.form.with(|f| !f.prompt.contains(find.as_str())));
        lost.then(|| "The prompt does not have these words.".to_owned())
    });
    let typed = move |event: leptos::ev::Event| {
        if let Ok(next) = axis::read_words(&event_target_value(&event)) {
            edit(desk, at, |axis| {
                if let Axis::Words { values, .. } = axis {
                    *values = next;
                }
            });
        }
    };
    view! {
        <TextField id=format!("axis-{at}-find") label="In place of" value=find error=absent placeholder="red fox" on_input=move |v: String| edit(desk, at, |axis| if let Axis::Words { find, .. } = axis { *find = v; })/>
        <div class="form-row">
            <label class="form-label" for=format!("axis-{at}-words")>"Put, one in a line"</label>
            <textarea class="input" rows="3" id=format!("axis-{at}-words") prop:value=move || lines.get() on:change=typed></textarea>
        </div>
    }
}

#[component]
fn Checkpoints(at: usize) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let chip = move |card: weft_domain::CheckpointCard| {
        let id = card.id;
        let on =
            Signal::derive(move || desk.form.with(|f| matches!(f.axes.get(at), Some(Axis::Checkpoint { values }) if values.contains(&id))));
        let press = move |_| {
            edit(desk, at, |axis| {
                if let Axis::Checkpoint { values } = axis {
                    if values.contains(&id) {
                        values.retain(|v| *v != id);
                    } else {
                        values.push(id);
                    }
                }
            })
        };
        view! { <Chip label=card.name on on:click=press/> }
    };
    view! { <div class="chips">{move || desk.checkpoints.get().into_iter().map(chip).collect_view()}</div> }
}

/// Other adapters in a strand's place, by the window that chooses them.
#[component]
fn Adapters(at: usize) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let open = RwSignal::new(false);
    let ids = Memo::new(move |_| {
        desk.form.with(|f| if let Some(Axis::Adapter { values, .. }) = f.axes.get(at) { values.clone() } else { Vec::new() })
    });
    let set = move |change: &dyn Fn(&mut Vec<weft_domain::AdapterId>)| {
        edit(desk, at, |axis| {
            if let Axis::Adapter { values, .. } = axis {
                change(values);
            }
        });
    };
    let choosing = Choosing {
        chosen: Signal::derive(move || ids.get().into_iter().enumerate().map(|(n, id)| (id, n)).collect()),
        family: Signal::derive(move || {
            let first = ids.with(|ids| ids.first().copied())?;
            let card = desk.cards.with(|cards| cards.iter().find(|c| c.id == first).cloned())?;
            Some((card.family, card.family_label))
        }),
        most: axis::MOST,
        on_add: Callback::new(move |card: AdapterCard| {
            let id = card.id;
            desk.know(card);
            set(&|values| values.push(id));
        }),
        on_remove: Callback::new(move |id| set(&|values| values.retain(|v| *v != id))),
        say: |n| format::plural(n as u64, "adapter"),
    };
    view! {
        <div class="chips">{move || ids.get().into_iter().map(|id| {
            let name = Signal::derive(move || desk.name(id));
            view! { <Chip label=name on=true on:click=move |_| set(&|values| values.retain(|v| *v != id))/> }
        }).collect_view()}</div>
        <Button icon=Glyph::Plus on:click=move |_| open.set(true)>"Choose adapters"</Button>
        <Show when=move || open.get()><ChooseDialog open choosing/></Show>
    }
}

/// Presets of the layout, and the profile that the strand has.
#[component]
fn Profiles(at: usize) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let strand = Memo::new(move |_| {
        desk.form.with(|f| f.axes.get(at).and_then(super::super::form::strand_of).and_then(|s| f.strands.get(s)).cloned())
    });
    let offered = Memo::new(move |_| {
        let Some(strand) = strand.get() else { return Vec::new() };
        let details = desk.details.with(|d| d.get(&strand.adapter).map(|d| (d.layout_id.clone(), axis_of(d))));
        let Some((Some(id), axis)) = details else { return Vec::new() };
        let Some(layout) = Layout::by_id(&id) else { return Vec::new() };
        let names = labels(&axis);
        let of = |name: &str, slots| ProfileValues { layout: id.clone(), slots, name: Some(name.to_owned()) };
        let mut list: Vec<ProfileValues> = presets(layout).iter().map(|p| of(p.name, factors(&p.profile, &names))).collect();
        if !strand.factors.is_empty() && strand.preset.is_none() {
            list.insert(0, of("My own", strand.factors));
        }
        list
    });
    let known = Memo::new(move |_| strand.with(|s| s.as_ref().is_some_and(|s| desk.details.with(|d| d.contains_key(&s.adapter)))));
    let chip = move |profile: ProfileValues| {
        let label = profile.name.clone().unwrap_or_default();
        let this = profile.clone();
        let on = Signal::derive(move || {
            desk.form.with(|f| matches!(f.axes.get(at), Some(Axis::Profile { values, .. }) if values.iter().any(|v| v.name == this.name)))
        });
        let press = move |_| {
            edit(desk, at, |axis| {
                if let Axis::Profile { values, .. } = axis {
                    match values.iter().position(|v| v.name == profile.name) {
                        Some(at) => drop(values.remove(at)),
                        None => values.push(profile.clone()),
                    }
                }
            })
        };
        view! { <Chip label on on:click=press/> }
    };
    view! {
        <Show when=move || !offered.with(Vec::is_empty) fallback=move || known.get().then(|| view! { <p class="form-help">"The blocks of this adapter are not known."</p> })>
            <div class="chips">{move || offered.get().into_iter().map(chip).collect_view()}</div>
        </Show>
    }
}
