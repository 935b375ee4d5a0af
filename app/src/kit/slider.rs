//! A slider and its number, always in step. The browser's own range input: pointer, touch and keyboard come with it.

use super::NumberField;
use leptos::{html, prelude::*};
use weft_domain::parameter::Number;

/// A slider with its number. Double-click gives the default back; a mark stands at zero where zero lies inside the range.
///
/// `on_input` runs at every move, `on_commit` once a drag or key press ends. `class` adds for example a strand's colour.
#[component]
pub fn Slider(
    spec: Number,
    #[prop(into)] label: Signal<String>,
    #[prop(into)] value: Signal<f64>,
    #[prop(into)] on_input: Callback<f64>,
    #[prop(optional, into)] on_commit: Option<Callback<f64>>,
    #[prop(optional, into)] disabled: Signal<bool>,
    #[prop(optional, into)] class: Signal<String>,
) -> impl IntoView {
    let node = NodeRef::<html::Div>::new();
    let share = move |v: f64| (v.clamp(spec.min, spec.max) - spec.min) / (spec.max - spec.min);
    let origin = share(0.0);
    let has_zero = spec.min < 0.0 && spec.max > 0.0;
    Effect::new(move |_| {
        let at = share(value.get());
        if let Some(track) = node.get() {
            let (from, to) = if at < origin { (at, origin) } else { (origin, at) };
            crate::dom::set_var(&track, "--from", &format!("{:.4}", from));
            crate::dom::set_var(&track, "--to", &format!("{:.4}", to));
            crate::dom::set_var(&track, "--origin", &format!("{origin:.4}"));
        }
    });
    let commit = move |v: f64| {
        if let Some(callback) = on_commit {
            callback.run(v);
        }
    };
    let read = |event: &leptos::ev::Event| event_target_value(event).parse::<f64>().ok();
    let typed = Callback::new(move |v: f64| {
        on_input.run(v);
        commit(v);
    });
    view! {
        <div class=move || format!("slider {}", class.get())>
            <div class="slider-track" node_ref=node class:has-zero=has_zero>
                <input
                    type="range"
                    class="range"
                    min=spec.min
                    max=spec.max
                    step=spec.step
                    aria-label=move || label.get()
                    disabled=move || disabled.get()
                    prop:value=move || value.get().to_string()
                    on:input=move |event| {
                        if let Some(v) = read(&event) {
                            on_input.run(v);
                        }
                    }
                    on:change=move |event| {
                        if let Some(v) = read(&event) {
                            commit(v);
                        }
                    }
                    on:dblclick=move |_| typed.run(spec.default)
                />
            </div>
            <NumberField spec label=Signal::derive(move || format!("{}, number", label.get())) value on_change=typed disabled/>
        </div>
    }
}
