//! Checkpoint, size, steps and the rest: what matters first, the rest folded.

use super::desk::Desk;
use super::form::{self, Form};
use super::numbers;
use crate::kit::{Badge, Button, Chip, Glyph, IconButton, Look, Notice, NumberField, Segmented, Select, Slider, Tone, Tooltip};
use crate::picture::thumbnail;
use leptos::prelude::*;
use weft_domain::generation::parameter::{DENOISE, VARIATION};
use weft_domain::generation::{NoiseSource, Sampler, Schedule, Variation};
use weft_domain::parameter::Number;
use weft_domain::{CheckpointCard, CheckpointId};

/// The checkpoint, and why it cannot paint where it cannot.
#[component]
pub(super) fn CheckpointChoice() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let chosen = Memo::new(move |_| desk.checkpoint());
    let asked = desk.read(|f| f.checkpoint);
    // Another checkpoint has other defaults.
    Effect::new(move |before: Option<Option<CheckpointId>>| {
        let now = asked.get();
        // The server was asked for the usual one.
        if before.flatten() != now {
            desk.ask_defaults(now);
        }
        now
    });
    let options = Signal::derive(move || {
        let word = |c: CheckpointCard| {
            let model = if c.model.is_empty() { c.family.clone() } else { c.model.clone() };
            (c.id.to_string(), format!("{} · {model}", c.name))
        };
        desk.checkpoints.get().into_iter().map(word).collect::<Vec<_>>()
    });
    let refused = Memo::new(move |_| desk.defaults.with(|d| d.refused.clone()));
    view! {
        <section class="part" aria-label="Checkpoint">
            <Select
                label="Checkpoint"
                show_label=true
                options
                value=Signal::derive(move || chosen.get().map(|id| id.to_string()).unwrap_or_default())
                on_change=move |id: String| desk.edit(|f| f.checkpoint = id.parse().ok())
            />
            {move || refused.get().map(|why| view! { <Notice tone=Tone::Warn><p>{why}</p></Notice> })}
        </section>
    }
}

/// A number of the registry as a slider that knows its default.
#[component]
fn Setting(spec: Number) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let name = spec.name;
    let own = Memo::new(move |_| {
        let sampler = desk.form.with(|f| f.sampler);
        desk.defaults.with(|d| numbers::spec(spec, d, sampler.unwrap_or(d.sampler)).default)
    });
    let set = Memo::new(move |_| desk.form.with(|f| numbers::get(&f.numbers, name)));
    let value = Signal::derive(move || set.get().unwrap_or_else(|| own.get()));
    let change = move |v: f64| {
        let v = (v / spec.step).round() * spec.step;
        let v = (v * 1000.0).round() / 1000.0;
        desk.edit(|f| numbers::set(&mut f.numbers, name, (v != own.get_untracked()).then_some(v)));
    };
    view! {
        <div class="setting">
            <span class="form-label">{spec.label}<Tooltip id=format!("studio-{name}-help") text=spec.help/></span>
            <Slider spec label=spec.label value on_input=change on:dblclick=move |_| desk.edit(|f| numbers::set(&mut f.numbers, name, None))/>
        </div>
    }
}

/// Everything with a number.
#[component]
pub(super) fn Settings() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let family = Memo::new(move |_| desk.defaults.with(|d| d.family.clone()));
    let sampler = Memo::new(move |_| desk.form.with(|f| f.sampler).unwrap_or_else(|| desk.defaults.with(|d| d.sampler)));
    let schedule = Memo::new(move |_| desk.form.with(|f| f.schedule).unwrap_or_else(|| desk.defaults.with(|d| d.schedule)));
    let first = Memo::new(move |_| family.with(|f| numbers::first(f)));
    let more = Memo::new(move |_| family.with(|f| numbers::more(f, sampler.get())));
    let changed = Memo::new(move |_| {
        let names: Vec<&str> = more.get().iter().map(|n| n.name).collect();
        desk.form.with(|f| {
            let numbers = names.iter().filter(|n| numbers::get(&f.numbers, n).is_some()).count();
            numbers + usize::from(f.schedule.is_some()) + usize::from(f.noise != NoiseSource::default())
        })
    });
    let samplers: Vec<(String, String)> = Sampler::ALL.into_iter().map(|s| (s.as_str().to_owned(), s.label().to_owned())).collect();
    let schedules: Vec<(String, String)> = Schedule::ALL.into_iter().map(|s| (s.as_str().to_owned(), s.label().to_owned())).collect();
    let choose_sampler = move |word: String| {
        let usual = desk.defaults.with_untracked(|d| d.sampler);
        desk.edit(|f| f.sampler = Sampler::ALL.into_iter().find(|s| s.as_str() == word).filter(|s| *s != usual));
    };
    let choose_schedule = move |word: String| {
        let usual = desk.defaults.with_untracked(|d| d.schedule);
        desk.edit(|f| f.schedule = Schedule::ALL.into_iter().find(|s| s.as_str() == word).filter(|s| *s != usual));
    };
    view! {
        <section class="part settings" aria-label="Settings">
            <Size/>
            <For each=move || first.get() key=|n| n.name let:spec><Setting spec/></For>
            <div class="setting">
                <Select label="Sampler" show_label=true options=samplers value=Signal::derive(move || sampler.get().as_str().to_owned()) on_change=choose_sampler/>
                <p class="form-help">{move || sampler.get().help()}</p>
            </div>
            <SeedField/>
            <details class="fold">
                <summary>
                    <span>"More settings"</span>
                    {move || (changed.get() > 0).then(|| view! { <Badge tone=Tone::Accent>{format!("{} changed", changed.get())}</Badge> })}
                </summary>
                <div class="fold-body">
                    <div class="setting">
                        <Select label="Schedule" show_label=true options=schedules value=Signal::derive(move || schedule.get().as_str().to_owned()) on_change=choose_schedule/>
                        <p class="form-help">{move || schedule.get().help()}</p>
                    </div>
                    <For each=move || more.get() key=|n| n.name let:spec><Setting spec/></For>
                    <Noise/>
                </div>
            </details>
            <Show when=move || desk.form.with(|f| f.start.is_some())><StartFrom/></Show>
        </section>
    }
}

/// Width and height by aspect, or as typed.
#[component]
fn Size() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let size = Memo::new(move |_| desk.form.with(|f| f.size).unwrap_or_else(|| desk.defaults.with(|d| (d.width, d.height))));
    let spec = move || {
        let (step, top) = desk.defaults.with(|d| (f64::from(d.side_step.max(1)), f64::from(d.width.max(d.height)) * 4.0));
        Number { name: "side", label: "Side", min: step, max: top.max(step), default: step, step, digits: 0, help: "In pixels." }
    };
    let own = RwSignal::new(false);
    let set = move |size: (u32, u32)| {
        let usual = desk.defaults.with_untracked(|d| (d.width, d.height));
        desk.edit(|f| f.size = (size != usual).then_some(size));
    };
    let side = move |v: f64| {
        let step = desk.defaults.with_untracked(|d| f64::from(d.side_step.max(1)));
        // Casts saturate; the field keeps its range.
        ((v / step).round().max(1.0) * step) as u32
    };
    let offered = Memo::new(move |_| desk.defaults.with(form::aspects));
    let chip = move |(name, this): (&'static str, (u32, u32))| {
        let (w, h) = (f64::from(this.0), f64::from(this.1));
        let on = Signal::derive(move || !own.get() && size.get() == this);
        let (bw, bh) = if w >= h { (14.0, 14.0 * h / w) } else { (14.0 * w / h, 14.0) };
        view! {
            <button
                type="button"
                class="aspect"
                aria-pressed=move || if on.get() { "true" } else { "false" }
                title=format!("{name}, {w} × {h}")
                on:click=move |_| { own.set(false); set(this); }
            >
                <svg viewBox="0 0 18 18" aria-hidden="true"><rect x=(18.0 - bw) / 2.0 y=(18.0 - bh) / 2.0 width=bw height=bh rx="1.5"></rect></svg>
                <span>{name}</span>
            </button>
        }
    };
    view! {
        <div class="setting">
            <span class="form-label">"Size"<span class="num setting-value">{move || { let (w, h) = size.get(); format!("{w} × {h}") }}</span></span>
            <div class="aspects" role="group" aria-label="Aspect">
                <For each=move || offered.get() key=|aspect| *aspect children=chip/>
                <button type="button" class="aspect" aria-pressed=move || if own.get() { "true" } else { "false" } title="A size of your own" on:click=move |_| own.update(|o| *o = !*o)>
                    <svg viewBox="0 0 18 18" aria-hidden="true"><rect class="dashed" x="3" y="3" width="12" height="12" rx="1.5"></rect></svg>
                    <span>"Own"</span>
                </button>
            </div>
            <Show when=move || own.get()>
                {move || {
                    let spec = spec();
                    view! {
                        <div class="sides">
                            <NumberField spec label="Width" value=Signal::derive(move || f64::from(size.get().0)) on_change=move |v: f64| set((side(v), size.get_untracked().1))/>
                            <IconButton glyph=Glyph::Swap label="Swap width and height" on:click=move |_| { let (w, h) = size.get_untracked(); set((h, w)); }/>
                            <NumberField spec label="Height" value=Signal::derive(move || f64::from(size.get().1)) on_change=move |v: f64| set((size.get_untracked().0, side(v)))/>
                            <span class="hint">{format!("in steps of {}", spec.step)}</span>
                        </div>
                    }
                }}
            </Show>
        </div>
    }
}

/// A seed nobody has thought of: 32 bits, so that other programs take it too.
pub(super) fn drawn() -> u64 {
    (js_sys::Math::random() * 4_294_967_296.0) as u64
}

/// The seed: its number, whether it stays, another one, and variations of it.
#[component]
fn SeedField() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let seed = desk.read(|f| f.seed);
    let locked = desk.read(|f| f.locked);
    let varied = desk.read(|f| f.variation.map_or(0.0, |v| v.strength));
    let typed = move |event: leptos::ev::Event| {
        let text = event_target_value(&event);
        let number = text.trim().parse::<u64>().ok();
        if number.is_some() || text.trim().is_empty() {
            desk.edit(|f| (f.seed, f.locked) = (number, number.is_some()));
        }
    };
    let lock = move |_| {
        desk.edit(|f| {
            f.locked = !f.locked;
            if f.locked && f.seed.is_none() {
                f.seed = Some(drawn());
            }
        });
    };
    view! {
        <div class="setting">
            <label class="form-label" for="studio-seed">"Seed"</label>
            <div class="seed">
                <input
                    type="text"
                    inputmode="numeric"
                    id="studio-seed"
                    class="input num"
                    class:fades=move || !locked.get()
                    autocomplete="off"
                    placeholder="Another one for every picture"
                    prop:value=move || seed.get().map(|s| s.to_string()).unwrap_or_default()
                    on:change=typed
                />
                <IconButton
                    glyph=Glyph::Dice
                    label="Another seed"
                    on:click=move |_| desk.edit(|f| (f.seed, f.locked) = (Some(drawn()), true))
                />
                {move || {
                    let on = locked.get();
                    let (glyph, label) = if on { (Glyph::Lock, "The seed stays. Press to draw a new one for every picture.") } else { (Glyph::Unlock, "A new seed for every picture. Press to keep this one.") };
                    view! { <IconButton glyph label pressed=on on:click=lock/> }
                }}
            </div>
            <div class="setting">
                <span class="form-label">{VARIATION.label}<Tooltip id="studio-variation-help" text=VARIATION.help/></span>
                <Slider
                    spec=VARIATION
                    label=VARIATION.label
                    value=varied
                    on_input=move |v: f64| desk.edit(|f| {
                        let seed = f.variation.map_or_else(drawn, |v| v.seed);
                        f.variation = (v > 0.0).then_some(Variation { seed, strength: v });
                    })
                />
            </div>
        </div>
    }
}

/// Where noise comes from.
#[component]
fn Noise() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let noise = desk.read(|f| f.noise);
    view! {
        <div class="setting">
            <span class="form-label">"Noise"</span>
            <Segmented
                name="studio-noise"
                label="Noise"
                choices=NoiseSource::ALL.map(|n| (n.as_str(), n.label(), None)).to_vec()
                value=Signal::derive(move || noise.get().as_str().to_owned())
                on_change=move |word: String| desk.edit(|f| f.noise = NoiseSource::parse(&word).unwrap_or_default())
            />
            <p class="form-help">{move || noise.get().help()}</p>
        </div>
    }
}

/// The picture to begin with, how much of it stays, and whether only a part is painted.
#[component]
fn StartFrom() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let start = desk.read(|f| f.start.clone());
    let denoise = desk.read(|f| f.start.as_ref().map_or(0.6, |s| s.denoise));
    let id = Memo::new(move |_| start.with(|s| s.as_ref().map(|s| s.picture)));
    let masked = Memo::new(move |_| start.with(|s| s.as_ref().is_some_and(|s| s.mask.is_some())));
    let edit = move |change: fn(&mut Form)| desk.edit(change);
    view! {
        <div class="start">
            {move || id.get().map(|id| view! { <img src=thumbnail(id, 160) width="64" height="64" alt="The picture to begin with"/> })}
            <div class="start-text">
                <b>{move || if masked.get() { "Paint a part anew" } else { "Begin with this picture" }}</b>
                <div class="setting">
                    <span class="form-label">{DENOISE.label}<Tooltip id="studio-denoise-help" text=DENOISE.help/></span>
                    <Slider spec=Number { default: 0.6, ..DENOISE } label=DENOISE.label value=denoise on_input=move |v: f64| desk.edit(|f| if let Some(s) = &mut f.start { s.denoise = v; })/>
                </div>
                <div class="chips">
                    <Show when=move || masked.get()>
                        <Chip label="Whole picture instead" on=false on:click=move |_| edit(|f| if let Some(s) = &mut f.start { s.mask = None; })/>
                    </Show>
                    <Button look=Look::Quiet on:click=move |_| edit(|f| (f.start, f.parent) = (None, None))>"Begin with noise"</Button>
                </div>
            </div>
        </div>
    }
}
