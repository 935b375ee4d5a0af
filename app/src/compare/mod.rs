//! The Compare page: are these the same training, do they fight, and where?
//!
//! The server answers once per set of adapters; everything shown is drawn from that answer. The address holds the set.

mod advice;
mod chart;
mod empty;
mod figures;
mod matrix;
mod members;
mod numbers;
mod pair;
mod table;

use crate::api::{ApiError, library_cards, library_query, weave_compare_or_job};
use crate::blocks::heat::Hatch;
use crate::choose::{ChooseDialog, Choosing};
use crate::kit::{Button, EmptyState, Glyph, Icon, Notice, ProblemView, Skeleton, Tone};
use crate::shell::{JobProgress, Live};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};
use numbers::Compared;
use serde::{Deserialize, Serialize};
use weft_domain::compare::CompareAnswer;
use weft_domain::{AdapterCard, AdapterId, FileState, JobState, JobView, LibraryQuery, Problem, ProblemKind};

/// Most adapters at once: 28 pairs.
const MOST: usize = 8;
/// Sentences that stand in sight; the rest comes on request.
const SENTENCES: usize = 4;

/// The adapters that a query string names, in its order, without doubles.
fn ids(search: &str) -> Vec<AdapterId> {
    let list = search.trim_start_matches('?').split('&').find_map(|pair| pair.strip_prefix("a=")).unwrap_or_default();
    let mut ids = Vec::new();
    for id in list.replace("%2C", ",").split(',').filter_map(|id| id.parse::<i64>().ok().map(AdapterId)) {
        if !ids.contains(&id) && ids.len() < MOST {
            ids.push(id);
        }
    }
    ids
}

/// Address of a comparison.
#[must_use]
pub fn address(ids: &[AdapterId]) -> String {
    if ids.is_empty() {
        return "/compare".to_owned();
    }
    format!("/compare?a={}", joined(ids))
}

fn joined(ids: &[AdapterId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// All that the page needs before it can be shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Opening {
    ids: Vec<AdapterId>,
    cards: Vec<AdapterCard>,
    /// None with fewer than two.
    found: Option<Result<CompareAnswer, ApiError>>,
    /// Two adapters that can be compared, for a page without any.
    example: Option<(AdapterCard, AdapterCard)>,
}

async fn open(ids: Vec<AdapterId>) -> Result<Opening, ApiError> {
    if ids.is_empty() {
        return Ok(Opening { ids, cards: Vec::new(), found: None, example: example().await });
    }
    let cards = library_cards(ids.clone()).await?;
    let usable: Vec<AdapterId> = cards.iter().filter(|c| c.state == FileState::Ready).map(|c| c.id).collect();
    let found = if usable.len() > 1 { Some(weave_compare_or_job(usable).await) } else { None };
    Ok(Opening { ids, cards, found, example: None })
}

/// Two measured adapters of one family. None is no error: the page only shows no example.
async fn example() -> Option<(AdapterCard, AdapterCard)> {
    let query = LibraryQuery {
        family: ["flux1", "sdxl", "sd1"].map(str::to_owned).to_vec(),
        state: vec!["ready".to_owned()],
        blocks: vec!["real".to_owned()],
        ..Default::default()
    };
    let items = library_query(query).await.ok()?.items;
    let first = items.first()?;
    let second = items.iter().skip(1).find(|c| c.family == first.family)?;
    Some((first.clone(), second.clone()))
}

/// The route.
#[component]
pub fn ComparePage() -> impl IntoView {
    let search = use_location().search;
    let asked = Memo::new(move |_| ids(&search.get()));
    let opening = Resource::new(move || asked.get(), open);
    let choosing = RwSignal::new(false);
    view! {
        <Title text="Compare"/>
        <Hatch/>
        <div class="compare">
            <header class="compare-head">
                <h1>"Compare"</h1>
                <Acts asked choosing/>
            </header>
            <Suspense fallback=Waiting>
                {move || Suspend::new(async move {
                    match opening.await {
                        Ok(fresh) => view! { <Opened opening=fresh choosing again=Callback::new(move |()| opening.refetch())/> }.into_any(),
                        Err(error) => view! { <ProblemView error/> }.into_any(),
                    }
                })}
            </Suspense>
            <Chooser asked open=choosing/>
        </div>
    }
}

/// What can be done with the set.
#[component]
fn Acts(asked: Memo<Vec<AdapterId>>, choosing: RwSignal<bool>) -> impl IntoView {
    view! {
        <Show when=move || asked.with(|ids| !ids.is_empty())>
            <div class="compare-acts">
                <Button icon=Glyph::Plus on:click=move |_| choosing.set(true)>"Add or remove"</Button>
                <a class="btn btn-primary" href=move || asked.with(|ids| format!("/weave?ids={}", joined(ids)))>
                    <Icon glyph=Glyph::Weave/>
                    <span>"Weave these"</span>
                </a>
            </div>
        </Show>
    }
}

/// The window that chooses; what was chosen becomes the address when it closes.
#[component]
fn Chooser(asked: Memo<Vec<AdapterId>>, open: RwSignal<bool>) -> impl IntoView {
    let chosen = RwSignal::new(asked.get_untracked());
    let family = RwSignal::new(None::<(String, String)>);
    let navigate = use_navigate();
    Effect::new(move |was: Option<bool>| {
        let now = open.get();
        let before = asked.get_untracked();
        match (was, now) {
            (Some(true), false) => {
                let after = chosen.get_untracked();
                if after != before {
                    navigate(&address(&after), NavigateOptions { replace: !before.is_empty(), ..NavigateOptions::default() });
                }
            }
            (_, true) => chosen.set(before),
            _ => {}
        }
        now
    });
    let choosing = Choosing {
        chosen: Signal::derive(move || chosen.get().into_iter().enumerate().map(|(at, id)| (id, at)).collect()),
        family: family.into(),
        most: MOST,
        on_add: Callback::new(move |card: AdapterCard| {
            if chosen.with_untracked(Vec::is_empty) && card.family != "unknown" {
                family.set(Some((card.family.clone(), card.family_label.clone())));
            }
            chosen.update(|ids| ids.push(card.id));
        }),
        on_remove: Callback::new(move |id| chosen.update(|ids| ids.retain(|other| *other != id))),
        say: |n| match n {
            0 => "Choose two to eight.".to_owned(),
            1 => "One. Choose another to compare it with.".to_owned(),
            MOST => "Eight: as many as can be compared at once.".to_owned(),
            n => format!("{n} adapters."),
        },
    };
    view! { <ChooseDialog open choosing/> }
}

/// The shape of what comes.
#[component]
fn Waiting() -> impl IntoView {
    view! {
        <div class="compare-body" aria-busy="true">
            <p class="sr-only" role="status">"Comparing"</p>
            <section class="panel"><Skeleton class="skeleton-title"/><Skeleton lines=3/></section>
            <section class="panel"><Skeleton class="skeleton-bars"/></section>
        </div>
    }
}

/// Nothing, one, or a comparison.
#[component]
fn Opened(
    opening: Opening,
    choosing: RwSignal<bool>,
    /// Asks for the comparison again.
    again: Callback<()>,
) -> impl IntoView {
    let Opening { ids, cards, found, example } = opening;
    if ids.is_empty() {
        return view! { <empty::Empty choosing example/> }.into_any();
    }
    let gone = ids.len() - cards.len();
    let away: Vec<String> = cards.iter().filter(|c| c.state != FileState::Ready).map(|c| c.name.clone()).collect();
    let left_out = [
        (gone > 0).then(|| {
            format!(
                "{} of this link no longer in the library.",
                if gone == 1 { "One adapter is".to_owned() } else { format!("{gone} adapters are") }
            )
        }),
        (!away.is_empty()).then(|| format!("Left out, as it cannot be read now: {}.", away.join(", "))),
    ];
    let usable: Vec<AdapterCard> = cards.into_iter().filter(|c| c.state == FileState::Ready).collect();
    let body = match found {
        Some(Ok(CompareAnswer { comparison: Some(comparison), .. })) => {
            view! { <Body compared=Compared::new(comparison, usable.clone())/> }.into_any()
        }
        Some(Ok(CompareAnswer { job, .. })) => view! { <Computing job again/> }.into_any(),
        Some(Err(error)) => view! { <ProblemView error/> }.into_any(),
        None => view! {
            <EmptyState title="One more" glyph=Glyph::Compare>
                <p>"A comparison needs two adapters at least."</p>
                <Button icon=Glyph::Plus on:click=move |_| choosing.set(true)>"Choose another"</Button>
            </EmptyState>
        }
        .into_any(),
    };
    view! {
        <members::Members cards=usable/>
        {left_out.into_iter().flatten().map(|text| view! { <Notice tone=Tone::Warn><p>{text}</p></Notice> }).collect_view()}
        {body}
    }
    .into_any()
}

/// A job compares large adapters; its end brings the answer.
#[component]
fn Computing(job: Option<JobView>, again: Callback<()>) -> impl IntoView {
    let live = expect_context::<Live>();
    let failed = RwSignal::new(None::<ApiError>);
    let asked = job.clone();
    let id = job.as_ref().map(|job| job.id);
    let current = Memo::new(move |_| id.and_then(|id| live.job(id).get()).or_else(|| asked.clone()));
    Effect::new(move |_| match current.get() {
        Some(job) if job.state == JobState::Done => again.run(()),
        Some(job) if job.state.finished() => {
            let why = job.error.unwrap_or_else(|| "The comparison was stopped.".to_owned());
            failed.set(Some(ApiError(Problem::new(ProblemKind::Unavailable, why))));
        }
        _ => {}
    });
    view! {
        <section class="panel">
            <Show when=move || failed.with(Option::is_none)>
                <div role="status"><JobProgress job=current/></div>
            </Show>
            {move || failed.get().map(|error| view! {
                <ProblemView error/>
                <Button icon=Glyph::Refresh on:click=move |_| again.run(())>"Try again"</Button>
            })}
        </section>
    }
}

/// Everything that was found.
#[component]
fn Body(compared: Compared) -> impl IntoView {
    let compared = StoredValue::new(compared);
    let many = compared.with_value(|c| c.cards.len() > 2);
    // The pair that says most comes first.
    let chosen = RwSignal::new(compared.with_value(Compared::strongest));
    let notes = compared.with_value(|c| c.comparison.notes.clone());
    view! {
        <div class="compare-body">
            <section class="panel compare-verdict" aria-label="What the numbers say">
                <Sentences compared/>
                <advice::Advice compared/>
            </section>
            {many.then(|| view! { <matrix::Overview compared chosen/> })}
            <pair::PairView compared chosen/>
            {(!notes.is_empty()).then(|| view! {
                <Notice tone=Tone::Dashed>{notes.into_iter().map(|note| view! { <p>{note}</p> }).collect_view()}</Notice>
            })}
        </div>
    }
}

/// The verdict in plain words; the most important sentence large.
#[component]
fn Sentences(compared: StoredValue<Compared>) -> impl IntoView {
    let mut sentences = compared.with_value(|c| c.comparison.sentences.clone());
    if let Some(all) = compared.with_value(|c| numbers::tally(&c.comparison)) {
        sentences.insert(0, all);
    }
    let rest = if sentences.len() > SENTENCES { sentences.split_off(SENTENCES) } else { Vec::new() };
    let mut sentences = sentences.into_iter();
    let first = sentences.next();
    let more = rest.len();
    view! {
        <div class="sentences">
            <h2 class="label">"In plain words"</h2>
            {first.map(|text| view! { <p class="sentence-first"><bdi>{text}</bdi></p> })}
            {sentences.map(|text| view! { <p><bdi>{text}</bdi></p> }).collect_view()}
            {(more > 0).then(|| view! {
                <details>
                    <summary class="link">{format!("{more} more")}</summary>
                    {rest.into_iter().map(|text| view! { <p><bdi>{text}</bdi></p> }).collect_view()}
                </details>
            })}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_each_adapter_once_and_eight_at_most() {
        let of = |search: &str| ids(search).into_iter().map(|id| id.0).collect::<Vec<_>>();
        assert_eq!(of("?x=1&a=3,1,3,b,2"), [3, 1, 2]);
        assert_eq!(of("a=1%2C2"), [1, 2]);
        assert_eq!((of(""), of("?a=1,2,3,4,5,6,7,8,9").len()), (vec![], 8));
        assert_eq!(address(&[AdapterId(4), AdapterId(2)]), "/compare?a=4,2");
    }
}
