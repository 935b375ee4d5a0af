//! Nothing to show: because nothing is there yet, or because nothing fits.

use super::head::ClearFilters;
use super::state::Gallery;
use super::ways::WaysIn;
use crate::kit::{EmptyState, Glyph};
use leptos::prelude::*;

/// No adapter fits the question.
#[component]
pub(super) fn NoResults() -> impl IntoView {
    let gallery = expect_context::<Gallery>();
    let words = move || gallery.list.query.with(|query| query.text.trim().to_owned());
    view! {
        <EmptyState title="Nothing fits" glyph=Glyph::Search>
            <p>
                {move || {
                    let words = words();
                    if words.is_empty() { "No adapter has all of these properties.".to_owned() } else { format!("No adapter has all of: {words}") }
                }}
            </p>
            <ClearFilters/>
        </EmptyState>
    }
}

/// The first visit: two ways in.
#[component]
pub(super) fn EmptyLibrary() -> impl IntoView {
    view! {
        <section class="welcome">
            <WelcomeCloth/>
            <h2>"Your adapters, on one loom"</h2>
            <p class="lead">
                "Weft reads LoRA files where they lie, shows where in the network each one works, and weaves several into one. "
                "It never changes a file of yours."
            </p>
            <WaysIn
                folder=("Add a folder", "Point Weft at the folder that holds your adapters. Only headers are read at first, so the library fills in seconds.")
                samples=("Try it with samples", "A tiny model that paints on any machine, eight adapters for it, and 24 synthetic ones of every family, in Weft's own data folder. You can remove them at any time.")
            />
        </section>
    }
}

/// Strength of each thread of the cloth, in hundredths: invented, but as lively as a real adapter's.
const THREADS: [u32; 57] = [
    81, 91, 76, 53, 52, 65, 68, 60, 65, 87, 96, 79, 55, 49, 45, 26, 6, 6, 21, 31, 23, 18, 29, 32, 12, 6, 6, 6, 12, 10, 24, 55, 73, 64, 53,
    58, 65, 55, 41, 51, 78, 91, 84, 82, 92, 91, 65, 36, 31, 38, 33, 21, 26, 45, 50, 30, 11,
];
/// Tenths of a unit between two warps, and between two wefts.
const WARP: u32 = 134;
const WEFT: u32 = 120;
const WEFTS: u32 = 11;

/// A rectangle around a middle as path commands, in tenths of a unit.
fn rect(x: u32, y: u32, width: u32, height: u32) -> String {
    let tenths = |n: u32| format!("{}.{}", n / 10, n % 10);
    format!("M{} {}h{}v{}h-{}z", tenths(x - width / 2), tenths(y - height / 2), tenths(width), tenths(height), tenths(width))
}

/// A piece of cloth: the idea of the program in one picture. Warps are blocks, as wide as they are strong; wefts pass under and over.
#[component]
fn WelcomeCloth() -> impl IntoView {
    let x = |i: u32| i * WARP + WARP / 2;
    let y = |j: u32| j * WEFT + WEFT / 2;
    let threads = || (0..).zip(THREADS);
    let height = WEFTS * WEFT;
    let warps = move |third: u32| {
        let mine = threads().filter(move |(i, _)| i / 19 == third);
        mine.map(|(i, strength)| rect(x(i), height / 2, 18 + strength * WARP * 7 / 1000, height)).collect::<String>()
    };
    let under = (0..WEFTS).map(|j| rect(57 * WARP / 2, y(j), 57 * WARP, 16)).collect::<String>();
    let over = move |tone: u32| {
        (0..WEFTS)
            .filter(move |j| (j % 3 == 0) == (tone == 0))
            .flat_map(|j| {
                threads()
                    .filter(move |(i, _)| (i + j) % 2 == 0)
                    .map(move |(i, strength)| rect(x(i), y(j), WARP * 9 / 10, 22 + strength * 38 / 100))
            })
            .collect::<String>()
    };
    view! {
        <svg class="cloth" viewBox="0 0 763.8 132" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
            <path class="cloth-under" d=under></path>
            <path class="cloth-1" d=warps(0)></path>
            <path class="cloth-2" d=warps(1)></path>
            <path class="cloth-3" d=warps(2)></path>
            <path class="cloth-4" d=over(0)></path>
            <path class="cloth-5" d=over(1)></path>
        </svg>
    }
}
