//! The result: how it is stored, what that costs, and saving it.

use super::loom::Loom;
use super::options::MethodOptions;
use super::save::{Save, SaveAs, SaveAsChoice};
use super::state::{SizeBy, WeaveState};
use crate::kit::{Notice, NumberField, ProblemView, Segmented, Select, Skeleton, Tone, Tooltip};
use crate::making::{Curve, Estimate, kept};
use leptos::prelude::*;
use weft_domain::RootView;
use weft_domain::merge::{Form, MergeEstimate, Method, OutDtype, Weave};
use weft_domain::parameter::{ENERGY, RANK};

/// The request that the weave stands for; None while it cannot be made.
pub(super) fn request(loom: Loom) -> Memo<Option<Weave>> {
    Memo::new(move |_| {
        let layout = loom.known.with(|k| k.verdict.fits.then(|| k.layout.clone().unwrap_or_default()))?;
        let weave = loom.state.with(|s| s.request(&layout));
        let known = loom.known.with(|k| weave.strands.iter().all(|s| k.ids.contains(&s.adapter)));
        (known && !weave.strands.is_empty()).then_some(weave)
    })
}

/// Reads one figure of an estimate; None while it does not apply.
type Figure = Box<dyn Fn(&MergeEstimate) -> Option<String> + Send + Sync>;

/// The panel.
#[component]
pub(super) fn ResultPanel(roots: Vec<RootView>) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let request = request(loom);
    let estimate = Estimate::follow(request);
    let fits = Memo::new(move |_| loom.known.with(|k| k.verdict.fits));
    view! {
        <p class="label">"Result"</p>
        <Show
            when=move || fits.get()
            fallback=|| view! { <p class="hint">"The strands have to fit together before they can become one file."</p> }
        >
            <SaveAsChoice/>
            // A bake is the plain weighted sum: no method, no rank.
            <Show when=move || loom.target.get() == SaveAs::Adapter>
                <Settings/>
            </Show>
        </Show>
        <Show when=move || loom.target.get() == SaveAs::Adapter>
            <Expected estimate request/>
        </Show>
        <Save roots request/>
    }
}

#[component]
fn Settings() -> impl IntoView {
    let loom = expect_context::<Loom>();
    let method = Memo::new(move |_| loom.state.with(|s| s.method));
    let by = Memo::new(move |_| loom.state.with(|s| s.size_by));
    let sized = Memo::new(move |_| loom.state.with(WeaveState::is_sized));
    let can_cut =
        Memo::new(move |_| loom.state.with(|s| s.method != Method::Svd && s.method.takes_size() && s.options_in_use().form == Form::Lora));
    let methods: Vec<_> = Method::ALL.into_iter().map(|m| (m.as_str().to_owned(), m.label().to_owned())).collect();
    let choose = move |key: String| {
        if let Some(m) = Method::ALL.into_iter().find(|m| m.as_str() == key) {
            loom.edit("method", |s| s.method = m);
        }
    };
    let types: Vec<_> = OutDtype::ALL.into_iter().map(|d| (d.as_str().to_owned(), d.as_str().to_owned())).collect();
    let dtype = move |key: String| {
        if let Some(d) = OutDtype::ALL.into_iter().find(|d| d.as_str() == key) {
            loom.edit("dtype", |s| s.dtype = d);
        }
    };
    view! {
        <div class="settings">
            <Select
                label="Method"
                show_label=true
                options=methods
                value=Signal::derive(move || method.get().as_str().to_owned())
                on_change=choose
            />
            <p class="form-help">{move || method.get().help()}</p>
            <Show when=move || !additive(method.get())>
                <p class="form-help">{move || if method.get().is_linear() {
                    "The chart shows the plain weighted sum; this method changes strengths by itself."
                } else {
                    "The chart shows the plain weighted sum; this method changes strengths by itself. Rank and energy are known once it is woven."
                }}</p>
            </Show>
            <MethodOptions/>
            <Show when=move || can_cut.get()>
                <Segmented
                    name="weave-compress"
                    label="Size"
                    choices=vec![("all", "As it comes", None), ("cut", "Cut", None)]
                    value=Signal::derive(move || if loom.state.with(|s| s.compress) { "cut".to_owned() } else { "all".to_owned() })
                    on_change=move |key: String| loom.edit("compress", |s| s.compress = key == "cut")
                />
            </Show>
            <Show when=move || sized.get()>
                <div class="setting">
                    <Tooltip id="size-help" text=format!("Rank: {} Energy: {}", RANK.help, ENERGY.help)/>
                    <Segmented
                        name="weave-size"
                        label="Size by"
                        choices=vec![("rank", "Rank", None), ("energy", "Energy", None)]
                        value=Signal::derive(move || if by.get() == SizeBy::Energy { "energy".to_owned() } else { "rank".to_owned() })
                        on_change=move |key: String| loom.edit("size", |s| s.size_by = if key == "energy" { SizeBy::Energy } else { SizeBy::Rank })
                    />
                    <Show
                        when=move || by.get() == SizeBy::Energy
                        fallback=move || view! {
                            <NumberField
                                spec=RANK
                                label="Rank"
                                value=Signal::derive(move || f64::from(loom.state.with(|s| s.rank)))
                                on_change=move |v: f64| loom.edit("rank", |s| s.rank = v.round() as u32)
                            />
                        }
                    >
                        <NumberField
                            spec=ENERGY
                            label="Energy kept, 0 to 1"
                            value=Signal::derive(move || loom.state.with(|s| s.energy))
                            on_change=move |v: f64| loom.edit("energy", |s| s.energy = v)
                        />
                    </Show>
                </div>
            </Show>
            <Select
                label="Number type"
                show_label=true
                options=types
                value=Signal::derive(move || loom.state.with(|s| s.dtype.as_str().to_owned()))
                on_change=dtype
            />
        </div>
    }
}

/// Rank, energy, size and growth of what would come out.
#[component]
fn Expected(estimate: Estimate, request: Memo<Option<Weave>>) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let good = Memo::new(move |_| estimate.answer.with(|a| a.as_ref().and_then(|a| a.as_ref().ok()).cloned()));
    let wrong = move || estimate.answer.with(|a| a.as_ref().and_then(|a| a.as_ref().err()).cloned());
    let svd = Memo::new(move |_| loom.state.with(|s| s.is_sized() && s.method.is_linear()));
    let pick = Callback::new(move |rank: u32| {
        loom.edit("rank", |s| {
            s.rank = rank.clamp(RANK.min as u32, RANK.max as u32);
            s.size_by = SizeBy::Rank;
        });
    });
    let row = move |name: &'static str, value: Figure| {
        view! {
            <div class="stat">
                <dt>{name}</dt>
                <dd class="num">{move || good.with(|g| match g {
                    Some(g) => value(g).unwrap_or_else(|| "–".to_owned()).into_any(),
                    None => view! { <Skeleton class="skeleton-figure"/> }.into_any(),
                })}</dd>
            </div>
        }
    };
    let growth = move || loom.combined.with(|c| c.as_deref().map(|c| format!("{:.2}×", c.growth)));
    view! {
        <Show when=move || request.with(Option::is_some)>
            <div class="expected" aria-busy=move || if estimate.stale.get() { "true" } else { "false" }>
                <Show when=move || svd.get()>
                    <Curve estimate=good stale=estimate.stale on_rank=pick/>
                </Show>
                <dl class="stats" class:stale=move || estimate.stale.get()>
                    {row("Rank", Box::new(|g| g.chosen.map(|c| c.rank.to_string())))}
                    {row("Energy kept", Box::new(|g| g.chosen.map(|c| kept(c.energy))))}
                    {row("Size", Box::new(|g| g.chosen.map(|c| crate::format::bytes(c.bytes))))}
                    {row("Nothing lost at rank", Box::new(|g| (g.exact_rank > 0).then(|| g.exact_rank.to_string())))}
                    <div class="stat"><dt>"Growth over strongest"</dt><dd class="num">{growth}</dd></div>
                </dl>
                {move || wrong().map(|error| view! { <ProblemView error/> })}
                {move || good.with(|g| g.as_ref().map(|g| g.warnings.clone()).unwrap_or_default()).into_iter().map(|w| view! { <Notice tone=Tone::Warn><p>{w}</p></Notice> }).collect_view()}
            </div>
        </Show>
    }
}

/// The result is the weighted sum that the chart shows, or a part of it.
fn additive(method: Method) -> bool {
    matches!(method, Method::Svd | Method::Concat | Method::Sum | Method::Average)
}
