//! The adapters that are compared, each with its colour.

use super::address;
use crate::blocks::colour;
use crate::kit::{Glyph, Icon};
use crate::library::kind_label;
use leptos::prelude::*;
use weft_domain::{AdapterCard, AdapterId};

/// One piece per adapter; a link takes it out.
#[component]
pub(super) fn Members(cards: Vec<AdapterCard>) -> impl IntoView {
    let ids: Vec<AdapterId> = cards.iter().map(|c| c.id).collect();
    let member = |(at, card): (usize, AdapterCard)| {
        let rest: Vec<AdapterId> = ids.iter().copied().filter(|id| *id != card.id).collect();
        let facts = [Some(card.family_label.clone()), Some(kind_label(&card.kind)), card.rank_label()];
        let without = format!("Take {} out", card.name);
        view! {
            <li class=format!("member {}", colour(at))>
                <img src=card.preview_url(160) width="36" height="39" alt=""/>
                <span class="member-text">
                    <a class="member-name" href=format!("/adapters/{}", card.id)><i class="dot" aria-hidden="true"></i><bdi>{card.name.clone()}</bdi></a>
                    <small>{facts.into_iter().flatten().collect::<Vec<_>>().join(" · ")}</small>
                </span>
                <a class="icon-btn" href=address(&rest) aria-label=without.clone() title=without><Icon glyph=Glyph::Close/></a>
            </li>
        }
    };
    view! { <ul class="members" aria-label="Compared">{cards.into_iter().enumerate().map(member).collect_view()}</ul> }
}
