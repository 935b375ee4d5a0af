//! The pair as a whole, in figures: each with what chance would give, and what it means.

use super::numbers::growth;
use crate::blocks::format::{cosine, percent, strength};
use crate::kit::Tooltip;
use leptos::prelude::*;
use weft_domain::compare::{Pair, Relation};

/// One figure.
#[derive(Debug, Clone, PartialEq)]
struct Figure {
    id: &'static str,
    label: &'static str,
    value: String,
    /// What to hold it against.
    beside: String,
    help: &'static str,
}

/// A cosine; one that rounds to nothing keeps its size.
fn fine(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.0005 { format!("{value:+.1e}") } else { cosine(value) }
}

fn overlap(id: &'static str, label: &'static str, value: Option<f64>, chance: Option<f64>, help: &'static str) -> Option<Figure> {
    let beside = chance.map_or_else(String::new, |c| format!("by chance {}", percent(c)));
    value.map(|v| Figure { id, label, value: percent(v), beside, help })
}

fn figures(pair: &Pair) -> Vec<Figure> {
    let r = &pair.whole;
    let all = [
        r.cosine.map(|c| Figure {
            id: "cosine",
            label: "Cosine",
            value: fine(c),
            beside: r.chance.map_or_else(String::new, |s| format!("unrelated 0 ± {}", strength(s))),
            help: "How far both pull the same way: 1 is the same change, 0 is unrelated, −1 is opposed.",
        }),
        Some(Figure {
            id: "distance",
            label: "Difference",
            value: percent(r.relative_distance),
            beside: "of the stronger one".to_owned(),
            help: "Strength of what differs between the two, as a part of the stronger one. 0 % is the same file; unrelated ones of one size are at 141 %.",
        }),
        growth(r).map(|g| Figure {
            id: "growth",
            label: "Together",
            value: format!("{g:.2}×"),
            beside: "the stronger alone is 1×".to_owned(),
            help: "How strong both at weight 1 are together. Over about 1.5× pictures may burn; below 1× they cancel each other.",
        }),
        overlap(
            "input",
            "Shared input",
            r.input_overlap,
            r.input_chance,
            "Share of what the smaller one reacts to that the other reacts to as well. Far above chance: trained on like things, or from one start.",
        ),
        overlap(
            "output",
            "Shared output",
            r.output_overlap,
            r.output_chance,
            "Share of what the smaller one can change in the picture that the other changes as well.",
        ),
        r.sign_conflict.map(|s| Figure {
            id: "signs",
            label: "Opposed signs",
            value: percent(s),
            beside: "unrelated 50 %".to_owned(),
            help: "Of what both change, the part that they push in opposite directions. On a sample of rows.",
        }),
        text_encoders(pair.text_encoders.as_ref()),
    ];
    all.into_iter().flatten().collect()
}

fn text_encoders(r: Option<&Relation>) -> Option<Figure> {
    let r = r?;
    let value = r.cosine.map_or_else(|| "–".to_owned(), cosine);
    let beside = if r.cosine.is_some() { "cosine" } else { "only one changes them" };
    let help = "The same comparison of the text encoders: how alike both read the prompt.";
    Some(Figure { id: "te", label: "Text encoders", value, beside: beside.to_owned(), help })
}

/// The figures of a pair.
#[component]
pub(super) fn Figures(pair: Pair) -> impl IntoView {
    let figure = |f: Figure| {
        view! {
            <div class="figure">
                <dt>{f.label}<Tooltip id=format!("figure-{}", f.id) text=f.help/></dt>
                <dd><b class="num">{f.value}</b><small>{f.beside}</small></dd>
            </div>
        }
    };
    view! { <dl class="figures">{figures(&pair).into_iter().map(figure).collect_view()}</dl> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_cosine_keeps_its_size() {
        assert_eq!([fine(0.0), fine(0.000_091), fine(-0.25)], ["0.000", "+9.1e-5", "-0.250"]);
    }

    #[test]
    fn what_is_not_known_is_not_shown() {
        let pair = Pair { a: 0, b: 1, sentences: Vec::new(), whole: Relation::default(), text_encoders: None, slots: Vec::new() };
        assert_eq!(figures(&pair).iter().map(|f| f.id).collect::<Vec<_>>(), ["distance"]);
        let whole = Relation { norm_a: 1.0, norm_b: 1.0, cosine: Some(0.5), sign_conflict: Some(0.25), ..Relation::default() };
        let pair = Pair { whole: whole.clone(), text_encoders: Some(Relation { cosine: None, ..whole }), ..pair };
        assert_eq!(figures(&pair).iter().map(|f| f.value.as_str()).collect::<Vec<_>>(), ["+0.500", "0.0 %", "1.73×", "25.0 %", "–"]);
    }
}
