//! The same adapter under the names that another program reads.

use super::super::save::Saving;
use super::{dtype, dtypes, make::Make};
use crate::kit::{Badge, Select, Tone};
use leptos::prelude::*;
use weft_domain::operation::{Convention, Operation};

/// Short name, and who reads it.
const fn words(to: Convention) -> (&'static str, &'static str) {
    match to {
        Convention::Kohya => {
            ("kohya", "A1111, Forge, SD.Next and the kohya trainers read it; ComfyUI and diffusers do too, for most models.")
        }
        Convention::ComfyUi => {
            ("ComfyUI", "The names ComfyUI uses itself: dotted, with the model's original block names. SwarmUI reads them too.")
        }
        Convention::Diffusers => ("diffusers", "For Python with diffusers, InvokeAI and most web services: load_lora_weights takes it."),
        Convention::Peft => {
            ("PEFT", "A folder of two files for Python with PEFT: PeftModel.from_pretrained takes it. It holds the denoiser alone.")
        }
    }
}

/// The form.
#[component]
pub(super) fn Convert() -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let now = Memo::new(move |_| details.with(|d| d.naming.clone()));
    let is_now =
        move |to: Convention| now.with(|n| n.as_deref().is_some_and(|n| n.replace(['-', '_'], "").eq_ignore_ascii_case(to.as_str())));
    let first = Convention::ALL.into_iter().find(|to| !untrack(|| is_now(*to))).unwrap_or(Convention::Kohya);
    let to = RwSignal::new(first);
    let word = RwSignal::new(String::new());
    let leave_out = RwSignal::new(false);
    let operation = Memo::new(move |_| Some(Operation::Convert { to: to.get(), leave_out: leave_out.get(), dtype: dtype(&word.get()) }));
    let name = Memo::new(move |_| format!("{} {}", details.with(|d| d.card.name.clone()), to.get().as_str()));
    let choice = move |this: Convention| {
        let (title, line) = words(this);
        view! {
            <label class="pick">
                <input type="radio" name="convert-to" prop:checked=move || to.get() == this on:change=move |_| to.set(this)/>
                <span class="pick-text">
                    <b>{title}{move || is_now(this).then(|| view! { " "<Badge tone=Tone::Plain>"as it is now"</Badge> })}</b>
                    <small>{line}</small>
                </span>
            </label>
        }
    };
    view! {
        <div class="tool-form tool-wide">
            <p class="tool-lead">"The numbers stay the same; the names of the tensors and where the scale is kept change."</p>
            <fieldset class="picks">
                <legend class="sr-only">"Convert to"</legend>
                {Convention::ALL.into_iter().map(choice).collect_view()}
            </fieldset>
            <div class="tool-row">
                <Select label="Number type" show_label=true options=dtypes() value=word on_change=move |v: String| word.set(v)/>
                <label class="check">
                    <input type="checkbox" prop:checked=leave_out on:change=move |ev| leave_out.set(event_target_checked(&ev))/>
                    <span>"Leave out what these names cannot hold"<small>"Else the conversion stops and lists it."</small></span>
                </label>
            </div>
        </div>
        <Make operation suggested=name button="Convert a copy"/>
    }
}
