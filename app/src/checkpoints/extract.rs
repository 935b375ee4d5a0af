//! An adapter of what sets a tuned checkpoint apart from its base.

use crate::api::{ApiError, checkpoints_list, model_operation_start};
use crate::kit::{Notice, NumberField, ProblemView, Segmented, Select, Skeleton, Tone};
use crate::making::{Ending, MakeForm, Making, Target, new_adapter};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::merge::OutDtype;
use weft_domain::model::Extract as Extraction;
use weft_domain::parameter::{ENERGY, RANK, THRESHOLD};
use weft_domain::{CheckpointCard, CheckpointId, CheckpointQuery, ModelOperation, ModelRequest};

/// The form: asks for possible bases first.
#[component]
pub(super) fn Extract(tuned: CheckpointCard) -> impl IntoView {
    let bases = RwSignal::new(None::<Result<Vec<CheckpointCard>, ApiError>>);
    let query =
        CheckpointQuery { family: vec![tuned.family.clone()], state: vec!["ready".to_owned()], limit: 500, ..CheckpointQuery::default() };
    let id = tuned.id;
    Effect::new(move |_| {
        let query = query.clone();
        spawn_local(async move {
            let answer =
                checkpoints_list(query).await.map(|page| page.items.into_iter().filter(|c| c.id != id && c.packing.is_none()).collect());
            // The form may have been closed meanwhile.
            drop(bases.try_set(Some(answer)));
        });
    });
    let tuned = StoredValue::new(tuned);
    view! {
        <div class="ckpt-extract tool-body">
            {move || match bases.get() {
                None => view! { <Skeleton lines=3 class="skeleton-row"/> }.into_any(),
                Some(Err(error)) => view! { <ProblemView error/> }.into_any(),
                Some(Ok(bases)) if bases.is_empty() => view! {
                    <Notice tone=Tone::Dashed><p>"This needs a second checkpoint of the same model in your folders: the one that this was tuned from."</p></Notice>
                }.into_any(),
                Some(Ok(bases)) => view! { <Form tuned=tuned.get_value() bases/> }.into_any(),
            }}
        </div>
    }
}

#[component]
fn Form(tuned: CheckpointCard, bases: Vec<CheckpointCard>) -> impl IntoView {
    let base = RwSignal::new(bases.first().map(|c| c.id).unwrap_or_default());
    let options: Vec<(String, String)> = bases.iter().map(|c| (c.id.to_string(), c.name.clone())).collect();
    let by_energy = RwSignal::new(false);
    let (rank, energy, threshold) = (RwSignal::new(RANK.default), RwSignal::new(ENERGY.default), RwSignal::new(THRESHOLD.default));
    let dtype = RwSignal::new(OutDtype::default());
    let (encoders, vectors) = (RwSignal::new(true), RwSignal::new(false));
    let making = Making::new();
    let request = move || Extraction {
        rank: (!by_energy.get_untracked()).then(|| rank.get_untracked().round() as u32),
        energy: by_energy.get_untracked().then(|| energy.get_untracked()),
        dtype: dtype.get_untracked(),
        text_encoders: encoders.get_untracked(),
        vectors: vectors.get_untracked(),
        threshold: threshold.get_untracked(),
        ..Extraction::of_rank(tuned.id, base.get_untracked(), 1)
    };
    let on_start = Callback::new(move |Target { name, root, folder }| {
        making.start(model_operation_start(ModelRequest { operation: ModelOperation::Extract(request()), name, root, folder }), || ());
    });
    let name = tuned.name.clone();
    let base_name = move || bases.iter().find(|c| c.id == base.get()).map(|c| c.name.clone()).unwrap_or_default();
    let suggested = Signal::derive(move || format!("{name} minus {}", base_name()));
    let ready = Signal::stored(true);
    let ending = Ending {
        making,
        ready,
        suggested,
        on_start,
        button: "Extract the adapter",
        example: "extracted",
        id: "extract",
        done: new_adapter,
    };
    let flag = |label: &'static str, help: &'static str, value: RwSignal<bool>| {
        view! {
            <label class="check">
                <input type="checkbox" prop:checked=value on:change=move |ev| value.set(event_target_checked(&ev))/>
                <span>{label}<small>{help}</small></span>
            </label>
        }
    };
    let types: Vec<_> = OutDtype::ALL.into_iter().map(|d| (d.as_str().to_owned(), d.as_str().to_owned())).collect();
    view! {
        <div class="tool-form tool-wide">
            <p class="tool-lead">"What was learned between the base and this checkpoint, as an adapter that can be used with any checkpoint of the model."</p>
            <div class="tool-row">
                <Select label="Tuned from" show_label=true options value=Signal::derive(move || base.get().to_string()) on_change=move |v: String| base.set(v.parse().map(CheckpointId).unwrap_or_default())/>
                <Segmented
                    name="extract-by"
                    label="Size by"
                    choices=vec![("rank", "Rank", None), ("energy", "Energy", None)]
                    value=Signal::derive(move || if by_energy.get() { "energy".to_owned() } else { "rank".to_owned() })
                    on_change=move |key: String| by_energy.set(key == "energy")
                />
                <Show when=move || by_energy.get() fallback=move || view! { <NumberField spec=RANK label="Rank" value=rank on_change=move |v: f64| rank.set(v.round())/> }>
                    <NumberField spec=ENERGY label="Energy kept, 0 to 1" value=energy on_change=move |v: f64| energy.set(v)/>
                </Show>
                <Select label="Number type" show_label=true options=types value=Signal::derive(move || dtype.get().as_str().to_owned())
                    on_change=move |v: String| dtype.set(OutDtype::ALL.into_iter().find(|d| d.as_str() == v).unwrap_or_default())/>
            </div>
            <div class="tool-row">
                {flag("Text encoders too", "Where both checkpoints hold them.", encoders)}
                {flag("Biases and norms too", "As stored differences; not every program reads them.", vectors)}
                <label class="select-row"><span class="form-label">{THRESHOLD.label}</span><NumberField spec=THRESHOLD label=THRESHOLD.label value=threshold on_change=move |v: f64| threshold.set(v)/></label>
            </div>
            <p class="form-help">{THRESHOLD.help}</p>
        </div>
        <MakeForm ending/>
    }
}
