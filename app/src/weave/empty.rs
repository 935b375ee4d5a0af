//! What stands on the page before there is a strand: what weaving is, one action, one example.

use super::guard::{draft, forget_draft};
use super::loom::Loom;
use crate::kit::{Button, Glyph, Look};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use weft_domain::AdapterCard;

/// The empty state.
#[component]
pub(super) fn Empty(
    /// Opens the window that chooses adapters.
    choosing: RwSignal<bool>,
    /// Two adapters of the library that go together.
    example: Option<(AdapterCard, AdapterCard)>,
    /// Set before a draft is opened again.
    resumed: RwSignal<bool>,
) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let kept = RwSignal::new(None::<String>);
    Effect::new(move |_| kept.set(draft()));
    let navigate = use_navigate();
    let resume = StoredValue::new(move || {
        if let Some(query) = kept.get_untracked() {
            resumed.set(true);
            navigate(&format!("/weave?{query}"), NavigateOptions { replace: true, ..NavigateOptions::default() });
        }
    });
    let discard = move |_| {
        forget_draft();
        kept.set(None);
    };
    let example = example.map(|(a, b)| {
        let (names, pair) = (format!("{} with {}", a.name, b.name), StoredValue::new((a.clone(), b.clone())));
        let weave = move |_| {
            let (a, b) = pair.get_value();
            loom.add(a);
            loom.add(b);
        };
        view! {
            <div class="weave-example">
                <div class="weave-example-pics" aria-hidden="true">
                    <img src=a.preview_url(160) width="60" height="65" alt=""/>
                    <img src=b.preview_url(160) width="60" height="65" alt=""/>
                </div>
                <div>
                    <p class="label">"An example from your library"</p>
                    <p>{names}</p>
                </div>
                <Button on:click=weave>"Weave these two"</Button>
            </div>
        }
    });
    view! {
        <section class="weave-empty">
            <Illustration/>
            <h2>"Weave several adapters into one"</h2>
            <p>"Each adapter is a strand with a weight, and a factor for every block of the network if you like. You see the exact strength of the result, block by block, while you move the sliders, and save it as a new adapter file."</p>
            <div class="weave-empty-acts">
                <Button look=Look::Primary icon=Glyph::Plus on:click=move |_| choosing.set(true)>"Choose two adapters"</Button>
            </div>
            {move || kept.get().map(|query| view! {
                <div class="weave-draft" role="status">
                    <p>{format!("You left a weave of {} unfinished.", crate::format::plural(strands(&query), "strand"))}</p>
                    <Button icon=Glyph::Undo on:click=move |_| resume.with_value(|resume| resume())>"Pick it up again"</Button>
                    <Button look=Look::Quiet on:click=discard>"Discard"</Button>
                </div>
            })}
            {example}
        </section>
    }
}

/// How many adapters a kept query names.
fn strands(query: &str) -> u64 {
    let ids = query.strip_prefix("ids=").and_then(|rest| rest.split('&').next()).unwrap_or_default();
    ids.split(',').filter(|id| !id.is_empty()).count() as u64
}

/// Three strands that become a cloth.
#[component]
fn Illustration() -> impl IntoView {
    // Warp threads stand; each weft thread passes over every second one, so it is drawn in pieces where it lies on top.
    let warp = (0..9).map(|i| format!("M{} 12V108", 152 + i * 16)).collect::<String>();
    let weft = [(36.0, "c1"), (60.0, "c2"), (84.0, "c3")];
    let threads = weft
        .into_iter()
        .enumerate()
        .map(|(row, (y, tone))| {
            let start = 60.0;
            let from = [24.0, 60.0, 96.0][row];
            let lead = format!("M8 {from}C60 {from} 84 {y} 136 {y}H140");
            let over: String = (0..9).filter(|i| i % 2 == row % 2).map(|i| format!("M{} {y}h22", 141 + i * 16)).collect();
            let tail = format!("M284 {y}C320 {y} 330 {start} 352 {start}");
            view! {
                <path class=format!("thread {tone}") d=format!("{lead}{tail}")></path>
                <path class=format!("thread under {tone}") d=format!("M140 {y}H286")></path>
                <path class=format!("thread over {tone}") d=over></path>
            }
        })
        .collect_view();
    view! {
        <svg class="weave-art" viewBox="0 0 420 120" aria-hidden="true">
            {threads}
            <path class="warp" d=warp></path>
            {weft.into_iter().enumerate().map(|(row, (y, tone))| {
                let over: String = (0..9).filter(|i| i % 2 == row % 2).map(|i| format!("M{} {y}h14", 145 + i * 16)).collect();
                view! { <path class=format!("thread {tone}") d=over></path> }
            }).collect_view()}
            <path class="cloth" d="M352 60h60"></path>
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_tells_how_many_strands_it_has() {
        assert_eq!([strands("ids=1,2,3&w=1,1,1"), strands("ids=7"), strands("w=1")], [3, 1, 0]);
    }
}
