//! The editor of a profile: sliders, a number for the chosen block, text in and out.

use super::equaliser::Equaliser;
use super::exchange::{Exchange, Exchanging, carries_files};
use super::{Change, Factors, Profiled};
use crate::kit::{Button, Look, NumberField};
use leptos::prelude::*;
use weft_domain::parameter::BLOCK;

/// The whole editor; takes a dropped file of a profile. `children` stand at the end of its heading.
#[component]
pub(crate) fn Editor(
    profiled: Profiled,
    /// CSS classes, a colour among them.
    #[prop(into)]
    class: String,
    /// Unique on the page.
    id: &'static str,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let chosen = RwSignal::new(0usize);
    let fill = move |value: Option<f64>| {
        let all = || profiled.labels().into_iter();
        let factors = value.map(|v| all().map(|slot| (slot, v)).collect::<Factors>()).unwrap_or_default();
        profiled.on_change.run(Change { what: "fill".to_owned(), preset: None, factors });
    };
    let exchange = Exchange::new(profiled);
    let over = RwSignal::new(false);
    let hover = move |event: web_sys::DragEvent| {
        if carries_files(&event) {
            event.prevent_default();
            over.set(true);
        }
    };
    let dropped = move |event: web_sys::DragEvent| {
        over.set(false);
        if carries_files(&event) {
            event.prevent_default();
            exchange.take_file(event.data_transfer().and_then(|data| data.files()));
        }
    };
    view! {
        <section
            class=format!("profile-editor {class}")
            class:dropping=over
            aria-label="Profile by block"
            on:dragover=hover
            on:dragleave=move |_| over.set(false)
            on:drop=dropped
        >
            <header>
                <h3><i class="dot" aria-hidden="true"></i>"Profile of "{profiled.name}</h3>
                <div class="profile-tools">
                    <ChosenFactor profiled chosen/>
                    <Button look=Look::Quiet on:click=move |_| fill(Some(0.0))>"All off"</Button>
                    <Button look=Look::Quiet on:click=move |_| fill(None)>"Reset"</Button>
                    {children.map(|children| children())}
                </div>
            </header>
            <Equaliser profiled chosen/>
            <Exchanging exchange id/>
        </section>
    }
}

/// The chosen block's factor as a number.
#[component]
fn ChosenFactor(profiled: Profiled, chosen: RwSignal<usize>) -> impl IntoView {
    let slot = Memo::new(move |_| profiled.slot(chosen.get()));
    let value = Memo::new(move |_| profiled.factor(&slot.get()));
    view! {
        <span class="slot num">{slot}</span>
        <NumberField
            spec=BLOCK
            label=Signal::derive(move || format!("Factor of {}", slot.get()))
            value
            on_change=move |v: f64| profiled.set("factor", [(chosen.get_untracked(), v)])
        />
    }
}
