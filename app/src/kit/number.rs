//! A number one can type, with its range in sight when it is broken.

use leptos::prelude::*;
use weft_domain::parameter::Number;

/// A number with `digits` after the point, without a minus before zero.
#[must_use]
pub fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let bare = text.trim_start_matches('-');
    if bare.chars().all(|c| c == '0' || c == '.') { bare.to_owned() } else { text }
}

/// Reads what a person types: comma or point.
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    text.trim().replace(',', ".").replace('−', "-").parse().ok().filter(|v: &f64| v.is_finite())
}

/// A number field. Arrow keys step, with Shift ten steps; Escape gives the old value back. A value out of range is marked and not taken.
#[component]
pub fn NumberField(
    spec: Number,
    #[prop(into)] label: Signal<String>,
    #[prop(into)] value: Signal<f64>,
    #[prop(into)] on_change: Callback<f64>,
    #[prop(optional, into)] disabled: Signal<bool>,
) -> impl IntoView {
    let draft = RwSignal::new(None::<String>);
    let shown = move || draft.get().unwrap_or_else(|| number(value.get(), spec.digits));
    let wrong = move || draft.with(|d| d.as_deref().is_some_and(|text| parse(text).is_none_or(|v| spec.check(v).is_err())));
    let take = move |text: String| {
        if let Some(v) = parse(&text).filter(|v| spec.check(*v).is_ok()) {
            on_change.run(v);
        }
    };
    let keys = move |event: leptos::ev::KeyboardEvent| {
        let size = spec.step * if event.shift_key() { 10.0 } else { 1.0 };
        let step = match event.key().as_str() {
            "ArrowUp" => size,
            "ArrowDown" => -size,
            "Enter" => return draft.set(None),
            "Escape" => {
                event.prevent_default();
                return draft.set(None);
            }
            _ => return,
        };
        event.prevent_default();
        draft.set(None);
        let next = ((value.get_untracked() + step) / spec.step).round() * spec.step;
        on_change.run(next.clamp(spec.min, spec.max));
    };
    view! {
        <input
            type="text"
            inputmode="decimal"
            role="spinbutton"
            class="number num"
            autocomplete="off"
            aria-label=move || label.get()
            aria-valuemin=spec.min
            aria-valuemax=spec.max
            aria-valuenow=move || number(value.get(), spec.digits)
            aria-invalid=move || wrong().then_some("true")
            title=format!("{} to {}", spec.min, spec.max)
            disabled=move || disabled.get()
            prop:value=shown
            on:input=move |event| {
                let text = event_target_value(&event);
                draft.set(Some(text.clone()));
                take(text);
            }
            on:blur=move |_| draft.set(None)
            on:keydown=keys
        />
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_has_no_sign() {
        assert_eq!(number(-0.001, 2), "0.00");
        assert_eq!(number(-0.5, 2), "-0.50");
    }

    #[test]
    fn a_comma_is_a_point() {
        assert_eq!(parse(" −0,5 "), Some(-0.5));
        assert_eq!(parse("1e999"), None);
    }
}
