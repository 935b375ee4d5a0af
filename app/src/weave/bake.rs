//! The weave put into a copy of a checkpoint, or taken out of one.

use super::loom::Loom;
use super::save::SaveAs;
use crate::adapter::fit_tone;
use crate::api::{ApiError, adapter_fits, checkpoints_list, model_operation_start};
use crate::format;
use crate::kit::{Badge, Glyph, Icon, Notice, NumberField, ProblemView, Select, Skeleton, Tone};
use crate::making::{Ending, MakeForm, Making, Target};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::merge::Weave;
use weft_domain::model::{Bake, BakeOutcome, BakedAdapter, StoreAs};
use weft_domain::parameter::SEED;
use weft_domain::{AdapterId, CheckpointCard, CheckpointId, CheckpointQuery, Fit, ModelOperation, ModelRequest};

/// The form. `wanted` is the checkpoint that the address named.
#[component]
pub(super) fn BakeForm(request: Memo<Option<Weave>>, wanted: Option<CheckpointId>, taking_out: bool) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let list = RwSignal::new(None::<Result<Vec<CheckpointCard>, ApiError>>);
    let family = Memo::new(move |_| {
        let first = loom.state.with(|s| s.strands.first().map(|s| s.adapter))?;
        loom.card(first).map(|c| c.family).filter(|f| f != "unknown")
    });
    Effect::new(move |_| {
        let family = family.get().into_iter().collect();
        let query = CheckpointQuery { family, state: vec!["ready".to_owned()], limit: 500, ..CheckpointQuery::default() };
        spawn_local(async move {
            let answer =
                checkpoints_list(query).await.map(|page| page.items.into_iter().filter(|c| c.packing.is_none() && c.denoiser).collect());
            // The form may have been closed meanwhile.
            drop(list.try_set(Some(answer)));
        });
    });
    move || {
        match list.get() {
        None => view! { <Skeleton lines=3 class="skeleton-row"/> }.into_any(),
        Some(Err(error)) => view! { <ProblemView error/> }.into_any(),
        Some(Ok(list)) if list.is_empty() => view! {
            <Notice tone=Tone::Dashed><p>"No checkpoint of this model is in your folders. Add the folder that holds it in the "<a class="link" href="/">"library"</a>"."</p></Notice>
        }
        .into_any(),
        Some(Ok(list)) => view! { <Form list request wanted taking_out/> }.into_any(),
    }
    }
}

#[component]
fn Form(list: Vec<CheckpointCard>, request: Memo<Option<Weave>>, wanted: Option<CheckpointId>, taking_out: bool) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let first = list.iter().find(|c| Some(c.id) == wanted).or(list.first()).map(|c| c.id).unwrap_or_default();
    let checkpoint = RwSignal::new(first);
    let options: Vec<(String, String)> = list.iter().map(|c| (c.id.to_string(), c.name.clone())).collect();
    let dtype = RwSignal::new(StoreAs::default());
    let stochastic = RwSignal::new(false);
    let seed = RwSignal::new(SEED.default);
    let making = Making::new();
    let on_start = Callback::new(move |Target { name, root, folder }| {
        let Some(weave) = request.get_untracked() else { return };
        let bake = Bake {
            checkpoint: checkpoint.get_untracked(),
            adapters: weave.strands,
            dtype: dtype.get_untracked(),
            stochastic: stochastic.get_untracked(),
            seed: seed.get_untracked() as u32,
            misfits: false,
        };
        let operation = if taking_out { ModelOperation::Unbake(bake) } else { ModelOperation::Bake(bake) };
        let asked = loom.state.get_untracked();
        making.start(model_operation_start(ModelRequest { operation, name, root, folder }), move || {
            // What was sent is safe now: the job table holds it.
            if loom.state.try_get_untracked().is_some_and(|now| now == asked) {
                loom.mark_clean();
            }
        });
    });
    let chosen = {
        let list = list.clone();
        Memo::new(move |_| list.iter().find(|c| c.id == checkpoint.get()).cloned().unwrap_or_default())
    };
    let word = if taking_out { "without" } else { "with" };
    let suggested = Signal::derive(move || {
        let name = loom.state.with(|s| s.name.trim().to_owned());
        if name.is_empty() {
            format!("{} {word} {}", chosen.with(|c| c.name.clone()), loom.suggested_name()).chars().take(160).collect()
        } else {
            name
        }
    });
    let ready = Signal::derive(move || request.with(Option::is_some));
    let button = if taking_out { SaveAs::OutOf } else { SaveAs::Into }.act().0;
    let ending = Ending { making, ready, suggested, on_start, button, example: "baked", id: "bake", done: baked };
    let types: Vec<_> = StoreAs::ALL.into_iter().map(|d| (d.as_str().to_owned(), d.label().to_owned())).collect();
    let coarse = Memo::new(move |_| !matches!(dtype.get(), StoreAs::F32));
    view! {
        <div class="bake">
            <Select label="Checkpoint" show_label=true options value=Signal::derive(move || checkpoint.get().to_string())
                on_change=move |v: String| checkpoint.set(v.parse().map(CheckpointId).unwrap_or_default())/>
            <p class="form-help">{move || chosen.with(|c| format!("{} · {} · the copy needs that much room", c.model, format::bytes(u64::try_from(c.size).unwrap_or(0))))}</p>
            <FitOf checkpoint request/>
            <p class="form-help">{if taking_out {
                "Takes out what was baked in with the same weights and profiles, up to rounding."
            } else {
                "Baked as the plain weighted sum of the strands with their profiles."
            }}</p>
            <Select label="Number type" show_label=true options=types value=Signal::derive(move || dtype.get().as_str().to_owned())
                on_change=move |v: String| dtype.set(StoreAs::ALL.into_iter().find(|d| d.as_str() == v).unwrap_or_default())/>
            <Show when=move || coarse.get()>
                <label class="check">
                    <input type="checkbox" prop:checked=stochastic on:change=move |ev| stochastic.set(event_target_checked(&ev))/>
                    <span>"Round by chance"<small>"Small changes survive in coarse number types on average."</small></span>
                </label>
                <Show when=move || stochastic.get()>
                    <label class="select-row"><span class="form-label">{SEED.label}</span><NumberField spec=SEED label=SEED.label value=seed on_change=move |v: f64| seed.set(v.round())/></label>
                </Show>
            </Show>
        </div>
        <MakeForm ending/>
    }
}

/// How each strand fits the chosen checkpoint.
#[component]
fn FitOf(checkpoint: RwSignal<CheckpointId>, request: Memo<Option<Weave>>) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let asked = Memo::new(move |_| {
        let ids: Vec<AdapterId> = request.with(|r| r.iter().flat_map(|w| w.strands.iter().map(|s| s.adapter)).collect());
        (checkpoint.get(), ids)
    });
    let fits = RwSignal::new(Vec::<(AdapterId, Fit)>::new());
    Effect::new(move |_| {
        let (checkpoint, ids) = asked.get();
        fits.set(Vec::new());
        spawn_local(async move {
            for id in &ids {
                let answer = adapter_fits(*id, Some(checkpoint)).await;
                // A later question, or a form that is gone, makes this answer worthless.
                if asked.try_get_untracked() != Some((checkpoint, ids.clone())) {
                    return;
                }
                // Without an answer the bake itself still says what does not fit.
                if let Some(fit) = answer.ok().and_then(|a| a.fits.into_iter().next()) {
                    fits.update(|list| list.push((*id, fit)));
                }
            }
        });
    });
    let row = move |(id, fit): (AdapterId, Fit)| {
        view! { <li title=fit.reason><Badge tone=fit_tone(fit.level)>{fit.level.label()}</Badge><bdi>{loom.name(id)}</bdi></li> }
    };
    view! { <ul class="bake-fits" aria-live="polite">{move || fits.get().into_iter().map(row).collect_view()}</ul> }
}

/// The new checkpoint: what went in, what did not.
fn baked(result: serde_json::Value) -> AnyView {
    let Ok(outcome) = serde_json::from_value::<BakeOutcome>(result) else { return ().into_any() };
    let BakeOutcome { checkpoint, path, bytes, changed, adapters, saturated, device, warnings, .. } = outcome;
    let file = path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let line = |a: BakedAdapter| {
        let left = (a.unplaced > 0).then(|| format!(", {} without a place", format::count(u64::from(a.unplaced))));
        view! {
            <li>
                <bdi>{a.name}</bdi>
                <span class="hint">{format!(": {} applied{}", format::plural(u64::from(a.applied), "module"), left.unwrap_or_default())}</span>
            </li>
        }
    };
    view! {
        <Notice tone=Tone::Good>
            <p><b>"Saved."</b></p>
            <p class="wrap">{file}<span class="hint">{format!(" · {} changed · {}", format::plural(u64::from(changed), "tensor"), format::bytes(bytes))}</span></p>
            <ul>{adapters.into_iter().map(line).collect_view()}</ul>
            {(saturated > 0).then(|| view! { <p>{format!("{} values were beyond the range of the number type.", format::count(saturated))}</p> })}
            {warnings.into_iter().map(|w| view! { <p>{w}</p> }).collect_view()}
            {(!device.is_empty()).then(|| view! { <p class="hint">{format!("Computed by {device}.")}</p> })}
            {checkpoint.map(|id| view! { <a class="btn" href=format!("/checkpoints?id={id}")><Icon glyph=Glyph::Checkpoint/>"Open checkpoint"</a> })}
        </Notice>
    }
    .into_any()
}
