//! Do the strands go together, and where do they grow too strong: plain reasons, the cure beside them.

use super::compute::slot_ranges;
use super::loom::Loom;
use crate::kit::{Button, Glyph, Look, Notice, ProblemView, Skeleton, Tone};
use leptos::prelude::*;
use std::collections::BTreeMap;
use weft_domain::AdapterId;

/// The strand that is in the way: the one of another family than most. None where they are even or of one family.
fn odd_one(families: &[(AdapterId, String)]) -> Option<AdapterId> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, family) in families {
        *counts.entry(family).or_default() += 1;
    }
    let (most, count) = counts.iter().max_by_key(|(_, n)| **n)?;
    let even = counts.values().filter(|n| *n == count).count() > 1;
    let others: Vec<_> = families.iter().filter(|(_, f)| f != most).collect();
    match others.as_slice() {
        // Two of different kinds: the one that came last.
        _ if even => families.last().filter(|_| counts.len() > 1).map(|(id, _)| *id),
        [first, ..] => Some(first.0),
        [] => None,
    }
}

/// Whether the strands go together, in plain sentences.
#[component]
pub(super) fn FitBox() -> impl IntoView {
    let loom = expect_context::<Loom>();
    let count = Memo::new(move |_| loom.state.with(|s| s.strands.len()));
    let verdict = Memo::new(move |_| loom.known.with(|k| k.verdict.clone()));
    let odd = Memo::new(move |_| {
        let families: Vec<(AdapterId, String)> =
            loom.state.with(|s| s.strands.iter().filter_map(|s| Some((s.adapter, loom.card(s.adapter)?.family))).collect());
        odd_one(&families)
    });
    let without = move |_| {
        if let Some(id) = odd.get_untracked() {
            loom.edit("remove", |s| s.strands.retain(|x| x.adapter != id));
        }
    };
    move || {
        if let Some(error) = loom.trouble.get() {
            return view! {
                <ProblemView error/>
                <Button icon=Glyph::Refresh busy=loom.asking on:click=move |_| loom.retry()>"Try again"</Button>
            }
            .into_any();
        }
        if loom.asking.get() {
            return view! { <p class="sr-only" role="status">"Comparing the strands"</p><Skeleton class="skeleton-note"/> }.into_any();
        }
        let verdict = verdict.get();
        if count.get() < 2 && verdict.fits {
            return view! { <p class="hint fit-one">"One strand: its profile can be changed and saved. Add another to weave."</p> }
                .into_any();
        }
        let sentences = |list: Vec<String>| list.into_iter().map(|s| view! { <p>{s}</p> }).collect_view();
        let tone = if verdict.fits { Tone::Good } else { Tone::Bad };
        let compare = loom.state.with(|s| crate::compare::address(&s.ids()));
        view! {
            <div class="fit" role="status">
                <Notice tone>
                    {match (verdict.fits, verdict.reasons.is_empty()) {
                        (true, true) => "They fit: the same model, the same blocks.",
                        (true, false) => "They fit.",
                        (false, _) => "They do not fit.",
                    }}
                    {sentences(verdict.reasons)}
                    {verdict.fits.then(|| view! { " "<a class="link" href=compare>"Compare them in detail"</a> })}
                    {(!verdict.fits).then(|| odd.get()).flatten().map(|id| view! {
                        <Button on:click=without>{format!("Take {} out", loom.name(id))}</Button>
                    })}
                </Notice>
                {(!verdict.warnings.is_empty()).then(|| view! { <Notice tone=Tone::Warn>{sentences(verdict.warnings)}</Notice> })}
            </div>
        }
        .into_any()
    }
}

/// Blocks that grow over the limit, with the cure beside them.
#[component]
pub(super) fn GrowthBox() -> impl IntoView {
    let loom = expect_context::<Loom>();
    let over = Memo::new(move |_| {
        loom.combined.with(|c| {
            let Some(c) = c.as_deref() else { return Vec::new() };
            loom.axis.with(|axis| {
                let ignored = |s: &usize| axis.cells.get(*s).is_some_and(|cell| loom.ignored.with(|i| i.contains(&cell.label)));
                c.over().into_iter().filter(|s| !ignored(s)).collect::<Vec<_>>()
            })
        })
    });
    let most = move || {
        loom.combined.with(|c| {
            let growth = |s: &usize| c.as_deref().and_then(|c| c.blocks.get(*s)).map_or(0.0, |b| b.growth);
            over.with(|o| o.iter().map(growth).fold(0.0, f64::max))
        })
    };
    let names = move || {
        let ranges = loom.known.with(|k| k.grams.as_ref().map(|g| over.with(|o| slot_ranges(&g.set, o))).unwrap_or_default());
        match ranges.len() {
            0..=3 => ranges.join(", "),
            n => format!("{} and {} more places", ranges[..2].join(", "), n - 2),
        }
    };
    let ignore = move |_| {
        let labels: Vec<String> = loom
            .axis
            .with_untracked(|a| over.with_untracked(|o| o.iter().filter_map(|s| a.cells.get(*s).map(|c| c.label.clone())).collect()));
        loom.ignored.update(|i| i.extend(labels));
    };
    view! {
        <Show when=move || over.with(|o| !o.is_empty())>
            <div class="growth" role="status">
                <Notice tone=Tone::Warn>
                    <p>
                        <b>{names}{move || if over.with(Vec::len) == 1 { " grows to " } else { " grow to up to " }}{move || format!("{:.2}×", most())}</b>
                        " the strongest single strand. Pictures may burn. Tame eases "
                        {move || if over.with(Vec::len) == 1 { "this block to 1.5×." } else { "these blocks to 1.5×." }}
                    </p>
                    <div class="notice-acts">
                        <Button on:click=move |_| loom.tame(&over.get_untracked())>"Tame"</Button>
                        <Button look=Look::Quiet on:click=ignore>"Ignore"</Button>
                    </div>
                </Notice>
            </div>
        </Show>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odd_one_is_of_another_family() {
        let of = |f: &[&str]| {
            odd_one(&f.iter().enumerate().map(|(i, f)| (AdapterId(i as i64), (*f).to_owned())).collect::<Vec<_>>()).map(|id| id.0)
        };
        assert_eq!((of(&["sdxl", "flux1", "sdxl"]), of(&["sd1", "sdxl"]), of(&["sd1", "sd1"]), of(&[])), (Some(1), Some(1), None, None));
    }
}
