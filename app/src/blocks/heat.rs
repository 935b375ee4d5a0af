//! Strips of heat: one cell per block, in steps of colour. What works against something is hatched too, so that colour never speaks alone.

use super::axis::Axis;
use super::plot::push_rect;
use leptos::prelude::*;

/// Height of a strip in its own units.
const HEIGHT: f64 = 14.0;

/// What a cell says: −4 (apart) over 0 (unrelated) to 4 (together).
pub(crate) type Step = i8;

/// How much two things agree, from −4 (opposed) to 4 (the same), 0 for unrelated.
///
/// Adapters trained apart have cosines of a few ten-thousandths, so the steps are logarithmic: 0.003, 0.02, 0.1, 0.4.
#[must_use]
pub(crate) fn agreement(cosine: f64) -> Step {
    let steps = [0.003, 0.02, 0.1, 0.4].into_iter().filter(|limit| cosine.abs() >= *limit).count() as i8;
    if cosine < 0.0 { -steps } else { steps }
}

/// How far a share lies above what chance gives, 0 to 4.
#[must_use]
pub(crate) fn above_chance(share: f64, chance: f64) -> Step {
    let room = (1.0 - chance).max(1e-9);
    [0.02, 0.1, 0.3, 0.6].into_iter().filter(|limit| (share - chance) / room >= *limit).count() as i8
}

/// Class of a cell.
pub(crate) fn class(step: Option<Step>) -> String {
    match step {
        None => "agree alone".to_owned(),
        Some(0) => "agree unrelated".to_owned(),
        Some(n) if n < 0 => format!("agree apart a{}", n.unsigned_abs()),
        Some(n) => format!("agree together a{n}"),
    }
}

/// One strip. None draws an empty cell: nothing to compare there.
#[component]
pub(crate) fn HeatStrip(#[prop(into)] axis: Signal<Axis>, #[prop(into)] cells: Signal<Vec<Option<Step>>>) -> impl IntoView {
    let drawn = Memo::new(move |_| {
        // −4 to 4, then the empty ones.
        let mut steps = vec![String::new(); 10];
        axis.with(|axis| {
            cells.with(|cells| {
                for (at, cell) in cells.iter().enumerate().take(axis.count()) {
                    let (x, width) = axis.bar(at);
                    let step = cell.map_or(9, |step| usize::try_from(i16::from(step.clamp(-4, 4)) + 4).unwrap_or(4));
                    push_rect(&mut steps[step], x, 0.0, width, HEIGHT);
                }
            });
        });
        steps
    });
    let path = move |step: usize| {
        let named = (step < 9).then(|| i8::try_from(step).unwrap_or(4) - 4);
        view! { <path class=class(named) d=move || drawn.with(|d| d[step].clone())></path> }
    };
    view! {
        <svg class="strip" viewBox="0 0 1000 14" preserveAspectRatio="none" aria-hidden="true">
            {(0..10).map(path).collect_view()}
            <path class="hatching" d=move || drawn.with(|d| d[..4].concat())></path>
        </svg>
    }
}

/// The pattern behind `.hatching`; once on a page that has strips.
#[component]
pub(crate) fn Hatch() -> impl IntoView {
    view! {
        <svg class="patterns" width="0" height="0" aria-hidden="true">
            <defs>
                <pattern id="weave-hatch" width="7" height="7" patternUnits="userSpaceOnUse">
                    <path class="hatch" d="M-2 2L2 -2M0 7L7 0M5 9L9 5"></path>
                </pattern>
            </defs>
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_has_a_direction_and_a_size() {
        assert_eq!([0.0, 0.001, 0.01, -0.05, 0.9, -1.0].map(agreement), [0, 0, 1, -2, 4, -4]);
    }

    #[test]
    fn what_chance_gives_is_nothing() {
        assert_eq!([0.1, 0.05, 0.12, 0.5, 1.0].map(|share| above_chance(share, 0.1)), [0, 0, 1, 3, 4]);
        assert_eq!(above_chance(1.0, 1.0), 0, "no room above chance");
    }

    #[test]
    fn every_step_has_a_look_of_its_own() {
        let looks: std::collections::BTreeSet<String> = (-4..=4).map(Some).chain([None]).map(class).collect();
        assert_eq!(looks.len(), 10);
    }
}
