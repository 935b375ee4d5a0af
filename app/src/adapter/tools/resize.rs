//! A smaller file: how much of each module is kept, and what that costs, before anything is written.

use super::super::save::Saving;
use super::{dtype, dtypes, make::Make};
use crate::blocks::format::percent;
use crate::kit::{Notice, NumberField, Segmented, Select, Skeleton, Slider, Tone, Tooltip};
use crate::making::{Curve, Estimate, kept};
use leptos::prelude::*;
use weft_domain::AdapterDetails;
use weft_domain::merge::{MergeEstimate, Method, OutDtype, Strand, Weave};
use weft_domain::operation::{Keep, Operation};
use weft_domain::parameter::{ENERGY, Number, RANK, RATIO};

/// By what the size is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Energy,
    Strength,
    Ratio,
}

/// The strength is the root of the energy.
const STRENGTH: Number = Number {
    label: "Strength kept",
    default: 0.995,
    help: "Share of the strength (the Frobenius norm) that the result keeps; each module gets the rank it needs for it.",
    ..ENERGY
};

impl By {
    const ALL: [Self; 4] = [Self::Rank, Self::Energy, Self::Strength, Self::Ratio];

    const fn key(self) -> &'static str {
        match self {
            Self::Rank => "rank",
            Self::Energy => "energy",
            Self::Strength => "strength",
            Self::Ratio => "ratio",
        }
    }

    /// The number, with the adapter's own rank as the largest.
    fn spec(self, most: u32) -> Number {
        match self {
            Self::Rank => {
                let most = f64::from(most.max(2));
                Number { max: most, default: (most / 2.0).floor(), ..RANK }
            }
            Self::Energy => ENERGY,
            Self::Strength => STRENGTH,
            Self::Ratio => RATIO,
        }
    }

    fn keep(self, value: f64) -> Keep {
        match self {
            Self::Rank => Keep::Rank(value.round() as u32),
            Self::Energy => Keep::Energy(value),
            Self::Strength => Keep::Frobenius(value),
            Self::Ratio => Keep::Ratio(value),
        }
    }
}

/// What is asked of the server: the adapter alone, cut in the same way. A ratio has no estimate; its curve is asked for.
fn question(details: &AdapterDetails, keep: Keep, dtype: Option<OutDtype>) -> Weave {
    let (rank, energy) = match keep {
        Keep::Rank(rank) => (Some(rank), None),
        Keep::Energy(share) => (None, Some(share)),
        Keep::Frobenius(share) => (None, Some(share * share)),
        Keep::Ratio(_) | Keep::Cumulative(_) => (None, Some(1.0)),
    };
    let dtype = dtype.unwrap_or_else(|| stored(details));
    Weave {
        strands: vec![Strand { adapter: details.card.id, weight: 1.0, profile: None }],
        method: Method::Svd,
        rank,
        energy,
        dtype,
        ..Weave::default()
    }
}

/// The number type that the file has, where it has one that can be written.
fn stored(details: &AdapterDetails) -> OutDtype {
    let of = |word: &str| OutDtype::ALL.into_iter().find(|d| d.as_str().eq_ignore_ascii_case(word));
    details.dtypes.iter().find_map(|word| of(word)).unwrap_or_default()
}

/// `Ink` becomes `Ink r8`, `Ink 95 %`, `Ink ratio 20`.
fn suggested(name: &str, by: By, value: f64) -> String {
    match by {
        By::Rank => format!("{name} r{value:.0}"),
        By::Energy | By::Strength => format!("{name} {} %", crate::kit::number::number(value * 100.0, 1).trim_end_matches(".0")),
        By::Ratio => format!("{name} ratio {value:.0}"),
    }
}

/// The form.
#[component]
pub(super) fn Resize() -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let most = details.with_untracked(|d| d.card.rank_max.unwrap_or(128));
    let by = RwSignal::new(By::Rank);
    let values = By::ALL.map(|by| RwSignal::new(by.spec(most).default));
    let value = move || values[by.get() as usize].get();
    let word = RwSignal::new(String::new());
    let keep = Memo::new(move |_| by.get().keep(value()));
    let request = Memo::new(move |_| Some(details.with(|d| question(d, keep.get(), dtype(&word.get())))));
    let estimate = Estimate::follow(request);
    let operation = Memo::new(move |_| Some(Operation::Resize { keep: keep.get(), max_rank: None, dtype: dtype(&word.get()) }));
    let name = Memo::new(move |_| suggested(&details.with(|d| d.card.name.clone()), by.get(), value()));
    let pick = Callback::new(move |rank: u32| {
        values[By::Rank as usize].set(f64::from(rank.clamp(1, most.max(1))));
        by.set(By::Rank);
    });
    let good = Memo::new(move |_| estimate.answer.with(|a| a.as_ref().and_then(|a| a.as_ref().ok()).cloned()));
    view! {
        <div class="tool-form">
            <p class="tool-lead">"Every module keeps its strongest directions. The new file does nearly the same and is smaller; this one stays as it is."</p>
            <div class="tool-row">
                <Segmented
                    name="resize-by"
                    label="Keep by"
                    choices=vec![("rank", "Rank", None), ("energy", "Energy", None), ("strength", "Strength", None), ("ratio", "Ratio", None)]
                    value=Signal::derive(move || by.get().key().to_owned())
                    on_change=move |key: String| by.set(By::ALL.into_iter().find(|b| b.key() == key).unwrap_or(By::Rank))
                />
                <Tooltip id="resize-help" text="Rank: the same size for every module. Energy and strength: each module gets the rank it needs. Ratio: everything weaker than the strongest direction by this factor goes."/>
            </div>
            {move || {
                let (now, spec) = (by.get(), by.get().spec(most));
                let value = values[now as usize];
                let set = move |v: f64| value.set(if now == By::Rank { v.round() } else { v });
                let field = if now == By::Ratio {
                    view! { <NumberField spec label=spec.label value on_change=set/> }.into_any()
                } else {
                    view! { <Slider spec label=spec.label value on_input=set/> }.into_any()
                };
                view! { <div class="tool-number"><span class="form-label">{spec.label}</span>{field}</div><p class="form-help">{spec.help}</p> }
            }}
            <Select label="Number type" show_label=true options=dtypes() value=word on_change=move |v: String| word.set(v)/>
        </div>
        <div class="tool-outlook">
            <Curve estimate=good stale=estimate.stale on_rank=pick/>
            <Outlook estimate known=Signal::derive(move || by.get() != By::Ratio)/>
        </div>
        <Make operation suggested=name button="Make the smaller file"/>
    }
}

/// What would be kept, and how large the file would be.
#[component]
fn Outlook(
    estimate: Estimate,
    /// The estimate tells what is kept.
    known: Signal<bool>,
) -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let now = Memo::new(move |_| details.with(|d| (u64::try_from(d.card.size).unwrap_or(0), d.card.rank_label())));
    let rows = move |e: &MergeEstimate| {
        let (size, rank) = now.get();
        let chosen = e.chosen.filter(|_| known.get())?;
        let row = |name: &'static str, value: String, was: Option<String>| {
            view! { <div class="stat"><dt>{name}</dt><dd class="num">{value}{was.map(|was| view! { <span class="hint">{was}</span> })}</dd></div> }
        };
        let saved = (size > 0 && chosen.bytes < size).then(|| percent(1.0 - chosen.bytes as f64 / size as f64));
        Some(view! {
            {row("Energy kept", kept(chosen.energy), None)}
            {row("What the adapter does changes by", percent((1.0 - chosen.energy).max(0.0).sqrt()), None)}
            {row("Rank", format!("r{}", chosen.rank), rank.map(|was| format!(" now {was}")))}
            {row("File", crate::format::bytes(chosen.bytes), Some(saved.map_or_else(|| format!(" now {}", crate::format::bytes(size)), |s| format!(" {s} smaller"))))}
        })
    };
    let shown = move || {
        match estimate.answer.get() {
        None => view! { <Skeleton lines=4 class="skeleton-row"/> }.into_any(),
        Some(Ok(e)) if known.get() => view! { <dl class="stats" class:stale=move || estimate.stale.get()>{rows(&e)}</dl> }.into_any(),
        Some(Ok(_)) => view! { <p class="form-help">"What a ratio keeps differs by module: it is known once the file is made. The curve shows what each rank would keep."</p> }.into_any(),
        Some(Err(error)) => {
            view! { <Notice tone=Tone::Dashed><p>"What would be kept cannot be told beforehand. "{error.line()}</p></Notice> }.into_any()
        }
    }
    };
    view! { <div class="outlook" role="status">{shown}</div> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_strength_is_asked_for_by_its_square() {
        let json = serde_json::json!({
            "card": {"id": 7, "name": "Ink", "file_name": "", "folder": "", "root": 1, "state": "ready", "error": null, "family": "sdxl", "family_label": "SDXL",
                "kind": "lora", "rank_min": 16, "rank_max": 16, "size": 1, "tags": [], "rating": null, "has_block_weights": true, "fallback": false,
                "preview": "portrait", "preview_version": "", "modified_ms": 0, "added_ms": 0},
            "path": "", "root_name": "", "notes": "", "version": 0, "family_confidence": 1.0, "evidence": [], "variant": null, "naming": null, "layout_id": null,
            "layout_version": null, "modules": 1, "alpha": null, "dtypes": ["I64", "BF16"], "frobenius": null, "te_frobenius": null, "mean": null, "variance": null,
            "blocks": [], "outside": [], "trigger_words": [], "training_tags": [], "description": null,
            "hashes": {"sha256": null, "autov2": null, "autov3": null}, "warnings": [], "metadata": [], "synthetic": false
        });
        let details: AdapterDetails = serde_json::from_value(json).unwrap_or_else(|why| unreachable!("{why}"));
        let asked = question(&details, Keep::Frobenius(0.9), None);
        assert!((asked.energy.unwrap_or(0.0) - 0.81).abs() < 1e-12 && asked.rank.is_none());
        assert_eq!(asked.dtype, OutDtype::Bf16, "as it is stored");
        assert_eq!(question(&details, Keep::Rank(4), Some(OutDtype::F32)).rank, Some(4));
    }

    #[test]
    fn names_say_what_was_kept() {
        assert_eq!(suggested("Ink", By::Rank, 8.0), "Ink r8");
        assert_eq!(
            (suggested("Ink", By::Energy, 0.95), suggested("Ink", By::Strength, 0.995)),
            ("Ink 95 %".to_owned(), "Ink 99.5 %".to_owned())
        );
    }

    #[test]
    fn the_rank_goes_no_higher_than_the_adapter() {
        assert_eq!((By::Rank.spec(16).max, By::Rank.spec(16).default, By::Rank.spec(1).max), (16.0, 8.0, 2.0));
    }
}
