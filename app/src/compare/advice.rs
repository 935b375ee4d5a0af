//! What follows from the numbers for somebody who wants to use these adapters together.

use super::joined;
use super::numbers::{Compared, SAME, growth, met};
use crate::kit::{Glyph, Icon};
use leptos::prelude::*;
use weft_domain::compare::{Comparison, Relation};

/// A cosine from which two share a good part.
const ALIKE: f64 = 0.25;
/// A cosine below which a block is fought over, where chance does not reach that far.
const FIGHT: f64 = -0.1;
/// Growth over which pictures may burn.
const BURNS: f64 = 1.5;

/// One thing to do, and the address where it is done.
#[derive(Debug, Clone, PartialEq)]
struct Tip {
    text: &'static str,
    button: &'static str,
    query: &'static str,
}

/// At most two, the more important one first.
fn tips(comparison: &Comparison) -> Vec<Tip> {
    let wholes = || comparison.pairs.iter().map(|p| &p.whole).filter(|r| met(r));
    let above = |limit: f64| wholes().any(|r| r.cosine.is_some_and(|c| c >= limit));
    let fought = |r: &Relation| met(r) && r.cosine.is_some_and(|c| c < FIGHT && c < -3.0 * r.chance.unwrap_or(0.0));
    let fights = comparison.pairs.iter().any(|p| fought(&p.whole) || p.slots.iter().any(|s| fought(&s.relation)));
    let burns = wholes().any(|r| growth(r).is_some_and(|g| g >= BURNS));
    let mut tips = Vec::new();
    if wholes().count() == 0 {
        return tips;
    }
    if above(SAME) {
        tips.push(Tip {
            text: "Two of these do the same. Both at full strength do it twice: use one of them, or their average.",
            button: "Weave the average",
            query: "&m=average",
        });
    } else if above(ALIKE) || burns {
        tips.push(Tip {
            text: "They add up where they agree. Lower the weights, or let Weft tame the blocks that grow too strong.",
            button: "Weave with lower weights",
            query: "",
        });
    }
    if fights {
        tips.push(Tip {
            text: "Where they fight, a plain sum cancels part of both. TIES keeps the stronger sign in each place.",
            button: "Weave with TIES",
            query: "&m=ties",
        });
    }
    if tips.is_empty() {
        tips.push(Tip {
            text: "They do not get in each other's way: use them side by side, or weave them into one file.",
            button: "Weave them",
            query: "",
        });
    }
    tips
}

/// The tips with their links.
#[component]
pub(super) fn Advice(compared: StoredValue<Compared>) -> impl IntoView {
    let (tips, ids) = compared.with_value(|c| (tips(&c.comparison), c.comparison.adapters.clone()));
    let many = ids.len();
    let tip = move |tip: Tip| {
        // Lower weights: together about as strong as one alone.
        let weights = if tip.button.contains("lower") {
            let each = format!("{:.2}", 1.0 / (many.max(1) as f64).sqrt());
            format!("&w={}", vec![each; many].join(","))
        } else {
            String::new()
        };
        view! {
            <li>
                <p>{tip.text}</p>
                <a class="btn" href=format!("/weave?ids={}{weights}{}", joined(&ids), tip.query)><Icon glyph=Glyph::Weave/><span>{tip.button}</span></a>
            </li>
        }
    };
    (!tips.is_empty()).then(|| {
        view! {
            <div class="advice">
                <h2 class="label">"What to do"</h2>
                <ul>{tips.into_iter().map(tip).collect_view()}</ul>
            </div>
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_domain::compare::{Pair, SlotRelation};

    fn comparison(cosine: f64, block: f64) -> Comparison {
        let relation = |c| Relation { norm_a: 1.0, norm_b: 1.0, cosine: Some(c), chance: Some(0.001), ..Relation::default() };
        let slots = vec![SlotRelation { slot: "OUT03".to_owned(), block: true, relation: relation(block) }];
        Comparison {
            pairs: vec![Pair { a: 0, b: 1, sentences: Vec::new(), whole: relation(cosine), text_encoders: None, slots }],
            ..Comparison::default()
        }
    }

    #[test]
    fn the_advice_follows_the_numbers() {
        let of = |whole, block| tips(&comparison(whole, block)).iter().map(|t| t.button).collect::<Vec<_>>();
        assert_eq!(of(0.98, 0.98), ["Weave the average"]);
        assert_eq!(of(0.3, -0.4), ["Weave with lower weights", "Weave with TIES"]);
        assert_eq!(of(0.001, 0.0), ["Weave them"]);
        assert!(tips(&Comparison::default()).is_empty());
    }
}
