//! Which of the library's checkpoints the adapter fits, and why.

use super::save::Saving;
use crate::api::{ApiError, adapter_fits};
use crate::format;
use crate::kit::{Badge, Notice, ProblemView, Skeleton, Tone};
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::fit::FitShare;
use weft_domain::{AdapterFits, Event, FileState, Fit, FitLevel};

/// Checkpoints shown before one asks for more.
const FEW: usize = 5;

/// What a level means, in a colour that never stands alone.
pub(crate) const fn tone(level: FitLevel) -> Tone {
    match level {
        FitLevel::Exact | FitLevel::NeedsBase => Tone::Good,
        FitLevel::Ignored => Tone::Plain,
        FitLevel::Partial => Tone::Warn,
        FitLevel::Wrong => Tone::Bad,
    }
}

/// The panel. Asked in the browser: reading many checkpoints' headers takes a moment that the page need not wait for.
#[component]
pub(super) fn Fits() -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let id = details.with_untracked(|d| d.card.id);
    let ready = Memo::new(move |_| details.with(|d| d.card.state == FileState::Ready));
    let answer = RwSignal::new(None::<Result<AdapterFits, ApiError>>);
    let ask = move || {
        spawn_local(async move {
            let fits = adapter_fits(id, None).await;
            // The page may be gone by now.
            drop(answer.try_set(Some(fits)));
        });
    };
    Effect::new(move |_| {
        if ready.get() {
            ask();
        }
    });
    expect_context::<crate::shell::Live>().on_event(move |event| {
        if matches!(event, Event::CheckpointsChanged | Event::Reset) {
            ask();
        }
    });
    view! {
        <Show when=move || ready.get()>
            <section class="panel fits" aria-label="Checkpoints">
                <h2 class="label">"Fits these checkpoints"</h2>
                {move || match answer.get() {
                    None => view! { <Skeleton lines=2 class="skeleton-row"/> }.into_any(),
                    Some(Err(error)) => view! { <ProblemView error/> }.into_any(),
                    Some(Ok(fits)) => view! { <List fits/> }.into_any(),
                }}
            </section>
        </Show>
    }
}

#[component]
fn List(fits: AdapterFits) -> impl IntoView {
    let AdapterFits { fits, notes, .. } = fits;
    if fits.is_empty() && notes.is_empty() {
        return view! {
            <p class="hint">"No checkpoint is in your folders yet. Add the folder that holds your models in the "<a class="link" href="/">"library"</a>", and what this adapter fits is told here."</p>
        }
        .into_any();
    }
    let all = RwSignal::new(false);
    let total = fits.len();
    let fits = StoredValue::new(fits);
    let shown = move || fits.with_value(|f| f.iter().take(if all.get() { usize::MAX } else { FEW }).cloned().collect::<Vec<_>>());
    view! {
        <ul class="fit-list">{move || shown().into_iter().map(|fit| view! { <Row fit/> }).collect_view()}</ul>
        <Show when=move || { total > FEW }>
            <button type="button" class="link" on:click=move |_| all.update(|a| *a = !*a)>
                {move || if all.get() { "Show fewer".to_owned() } else { format!("Show all {total}") }}
            </button>
        </Show>
        {notes.into_iter().map(|note| view! { <Notice tone=Tone::Dashed><p>{note}</p></Notice> }).collect_view()}
    }
    .into_any()
}

/// "264 of 264 modules", and what is wrong with the rest.
fn numbers(share: &FitShare) -> Option<String> {
    if share.modules == 0 {
        return None;
    }
    let part = |n: u32, word: &str| (n > 0).then(|| format!("{} {word}", format::count(u64::from(n))));
    let rest = [part(share.missing, "missing"), part(share.mismatched, "of another shape"), part(share.packed, "packed")];
    let head = format!("{} of {}", format::count(u64::from(share.matched)), format::plural(u64::from(share.modules), "module"));
    Some(std::iter::once(Some(head)).chain(rest).flatten().collect::<Vec<_>>().join(", "))
}

#[component]
fn Row(fit: Fit) -> impl IntoView {
    let encoders = fit.text_encoders.iter().filter_map(|e| Some(format!("TE{}: {}", e.encoder, numbers(&e.share)?)));
    let lines: Vec<String> = numbers(&fit.denoiser).into_iter().chain(encoders).collect();
    let shapes = fit
        .mismatched
        .iter()
        .map(|m| format!("{}: {}×{} here, {}×{} in the checkpoint", m.module, m.adapter.0, m.adapter.1, m.checkpoint.0, m.checkpoint.1));
    let listed: Vec<String> = fit.missing.iter().cloned().chain(shapes).chain(fit.warnings.iter().cloned()).collect();
    view! {
        <li class="fit-row">
            <Badge tone=tone(fit.level)>{fit.level.label()}</Badge>
            <div>
                <p class="fit-name"><a class="link" href=format!("/checkpoints?id={}", fit.checkpoint)><bdi>{fit.name}</bdi></a><span class="hint">" "{fit.model}</span></p>
                <p class="fit-reason">{fit.reason}</p>
                <p class="hint num">{lines.join(" · ")}</p>
                {(!listed.is_empty()).then(|| view! {
                    <details>
                        <summary class="link">"What does not fit"</summary>
                        <ul class="fit-listed">{listed.into_iter().map(|line| view! { <li><code class="wrap">{line}</code></li> }).collect_view()}</ul>
                    </details>
                })}
            </div>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wrong_is_told_beside_the_number() {
        let share = FitShare { modules: 264, matched: 264, present: true, ..FitShare::default() };
        assert_eq!(numbers(&share).as_deref(), Some("264 of 264 modules"));
        let share = FitShare { matched: 260, missing: 3, mismatched: 1, ..share };
        assert_eq!(numbers(&share).as_deref(), Some("260 of 264 modules, 3 missing, 1 of another shape"));
        assert_eq!(numbers(&FitShare::default()), None);
    }
}
