//! What lies outside of the blocks, beside them: text encoders, embedders, head, unmatched keys.

use super::plot::place;
use super::stats::{energy, share};
use super::{Shown, format};
use leptos::prelude::*;

/// Words of a part outside of the blocks.
pub(crate) fn outside_label(group: &str) -> &str {
    match group {
        "TE1" => "Text encoder 1",
        "TE2" => "Text encoder 2",
        "TE3" => "Text encoder 3 (T5)",
        "IN" => "Input embedders",
        "MOD" => "Shared modulation",
        "REF" => "Refiners",
        "OUT" => "Output head",
        "OTHER" => "Other keys",
        other => other,
    }
}

/// A strip whose parts are the shares of the whole, and its legend.
#[component]
pub(super) fn Outside(shown: StoredValue<Shown>) -> impl IntoView {
    let parts = shown.with_value(|s| {
        let total = energy(&s.blocks, &s.outside);
        if s.outside.is_empty() || total <= 0.0 {
            return Vec::new();
        }
        let inside: f64 = s.blocks.iter().map(|b| b.frobenius * b.frobenius).sum();
        let mut parts = vec![("blocks".to_owned(), "All blocks".to_owned(), inside.sqrt(), inside / total, None)];
        parts.extend(s.outside.iter().map(|o| {
            (o.group.to_lowercase(), outside_label(&o.group).to_owned(), o.frobenius, share(o.frobenius, total), Some(o.modules))
        }));
        parts
    });
    if parts.is_empty() {
        return None;
    }
    let mut left = 0.0;
    let strips = parts
        .iter()
        .map(|(group, .., part, _)| {
            let start = left;
            left += part;
            view! { <rect class=format!("part o-{group}") x=place(start) width=place(*part) y="0" height="100%"></rect> }
        })
        .collect_view();
    let legend = parts
        .iter()
        .map(|(group, label, strength, part, modules)| {
            view! {
                <li>
                    <svg class="swatch" aria-hidden="true" viewBox="0 0 10 10"><rect class=format!("part o-{group}") width="10" height="10" rx="2"></rect></svg>
                    <span>{label.clone()}</span>
                    <b class="num">{format::percent(*part)}</b>
                    <span class="num hint">{format::strength(*strength)}</span>
                    {modules.map(|n| view! { <span class="hint">{crate::format::plural(u64::from(n), "module")}</span> })}
                </li>
            }
        })
        .collect_view();
    Some(view! {
        <div class="outside">
            <p class="label">"Where the whole strength lies"</p>
            <svg class="strip" aria-hidden="true">{strips}</svg>
            <ul class="legend">{legend}</ul>
        </div>
    })
}
