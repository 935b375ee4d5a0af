//! Two pictures under one slider: on each side what it has of its own.

use super::Viewer;
use super::facts::{adapter_line, settings};
use crate::api;
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::generation::{PictureDetails, Recipe};

/// Most differences that are named; more would hide the pictures.
const MOST: usize = 4;
/// Letters of a text.
const LETTERS: usize = 80;

/// All that made a picture as (name, value), in the order of importance.
fn told(recipe: &Recipe) -> Vec<(String, String)> {
    let list = |names: Vec<String>, none: &str| if names.is_empty() { none.to_owned() } else { names.join(", ") };
    let mut out = vec![
        ("Adapters".to_owned(), list(recipe.adapters.iter().map(adapter_line).collect(), "none")),
        ("Checkpoint".to_owned(), recipe.checkpoint.name.clone()),
        ("Seed".to_owned(), recipe.seed.map(|s| s.to_string()).unwrap_or_default()),
        ("Prompt".to_owned(), recipe.prompt.clone()),
        ("Negative".to_owned(), recipe.negative.clone()),
    ];
    out.extend(settings(recipe));
    out
}

/// What differs, each as (name, of the first, of the second).
fn differences(first: &Recipe, second: &Recipe) -> Vec<(String, String, String)> {
    let (first, second) = (told(first), told(second));
    let value = |list: &[(String, String)], name: &str| list.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default();
    let mut names: Vec<&String> = first.iter().map(|(n, _)| n).collect();
    names.extend(second.iter().map(|(n, _)| n).filter(|n| first.iter().all(|(other, _)| other != *n)));
    let both = names.into_iter().map(|name| (name.clone(), value(&first, name), value(&second, name)));
    both.filter(|(_, a, b)| a != b).collect()
}

/// A line for people.
fn line(name: &str, value: &str) -> String {
    let short: String = value.chars().take(LETTERS).collect();
    let end = if short.len() < value.len() { "…" } else { "" };
    if value.trim().is_empty() { format!("{name}: none") } else { format!("{name}: {}{end}", short.trim()) }
}

/// The words at both lower corners while two pictures are compared.
#[component]
pub(super) fn Captions() -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let other = RwSignal::new(None::<PictureDetails>);
    let id = Memo::new(move |_| viewer.desk.viewing.with(|v| v.as_ref().and_then(|v| v.against.as_ref().map(|c| c.id))));
    Effect::new(move |_| {
        let Some(id) = id.get() else { return };
        spawn_local(async move {
            // Without an answer there is nothing to say; the pictures are there.
            if let Ok(details) = api::picture_details(id).await {
                drop(other.try_set(Some(details)));
            }
        });
    });
    let lines = Memo::new(move |_| {
        let mine = viewer.known()?;
        let other = other.with(|o| o.clone().filter(|o| Some(o.card.id) == id.get()))?;
        let all = differences(&mine.recipe, &other.recipe);
        let side = |pick: fn(&(String, String, String)) -> &String, card: weft_domain::PictureId| {
            let told: Vec<String> = all.iter().take(MOST).map(|d| line(&d.0, pick(d))).collect();
            if told.is_empty() { vec![format!("Picture {card}, made alike")] } else { told }
        };
        Some((side(|d| &d.1, mine.card.id), side(|d| &d.2, other.card.id)))
    });
    let note = |class: &'static str, lines: Vec<String>| {
        view! { <p class=class>{lines.into_iter().map(|text| view! { <span>{text}</span> }).collect_view()}</p> }
    };
    move || {
        lines.get().map(|(left, right)| {
            view! { {note("versus versus-left", left)} {note("versus versus-right", right)} }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_domain::generation::{Numbers, UsedAdapter};

    #[test]
    fn only_what_differs_is_told() {
        let adapter = UsedAdapter { name: "night-blue".to_owned(), weight: 0.6, ..UsedAdapter::default() };
        let numbers = Numbers { steps: Some(20), ..Numbers::default() };
        let first = Recipe { prompt: "a fox".to_owned(), seed: Some(7), adapters: vec![adapter], numbers, ..Recipe::default() };
        let bare = Recipe { adapters: Vec::new(), ..first.clone() };
        let named = |a: &Recipe, b: &Recipe| {
            differences(a, b).iter().map(|(n, a, b)| format!("{} | {}", line(n, a), line(n, b))).collect::<Vec<_>>()
        };
        assert_eq!(named(&first, &bare), ["Adapters: night-blue 0.6 | Adapters: none"]);
        let mut other = bare.clone();
        (other.seed, other.numbers.steps, other.numbers.cfg) = (Some(8), None, Some(4.0));
        assert_eq!(named(&bare, &other), ["Seed: 7 | Seed: 8", "Steps: 20 | Steps: none", "CFG scale: none | CFG scale: 4"]);
        assert!(named(&bare, &bare).is_empty());
        assert!(line("Prompt", &"ü".repeat(200)).ends_with("ü…"));
    }
}
