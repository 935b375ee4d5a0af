//! Everything that made a picture.

use super::Viewer;
use crate::format;
use crate::kit::{Badge, CopyButton};
use crate::picture::thumbnail;
use leptos::prelude::*;
use weft_domain::generation::parameter::GENERATION;
use weft_domain::generation::{PictureCard, PictureDetails, Recipe, UsedAdapter};

use super::super::numbers;

/// Names and values of the settings, in the order of the form.
pub(super) fn settings(recipe: &Recipe) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut say = |name: &str, value: Option<String>| out.extend(value.map(|v| (name.to_owned(), v)));
    say("Size", (recipe.width > 0).then(|| format!("{} × {}", recipe.width, recipe.height)));
    say("Sampler", recipe.sampler.map(|s| s.label().to_owned()));
    say("Schedule", recipe.schedule.map(|s| s.label().to_owned()));
    for number in GENERATION {
        say(number.label, numbers::get(&recipe.numbers, number.name).map(|v| trimmed(v, number.digits)));
    }
    say("Variation", recipe.variation.map(|v| format!("{} · {}", v.seed, trimmed(v.strength, 2))));
    say("Denoise", recipe.denoise.map(|d| trimmed(d, 2)));
    say("Painted", recipe.inpainted.then(|| "a part anew".to_owned()));
    say("Noise", recipe.noise.map(|n| n.label().to_owned()));
    say("Weights read as", recipe.dialect.map(|d| d.label().to_owned()));
    say("Engine", (!recipe.engine.is_empty()).then(|| recipe.engine.clone()));
    for (name, value) in &recipe.other {
        say(name, Some(value.chars().take(400).collect()));
    }
    out
}

fn trimmed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[component]
pub(super) fn Facts(details: PictureDetails) -> impl IntoView {
    let PictureDetails { card, recipe, format, size, parent, children, .. } = details;
    let rows = settings(&recipe);
    let made = format!("{} UTC", format::date_time(card.created_ms));
    let file = format!("{} · {}", format.to_uppercase(), format::bytes(u64::try_from(size).unwrap_or(0)));
    let source = card.source.label();
    let checkpoint = recipe.checkpoint.clone();
    let parents: Vec<PictureCard> = parent.into_iter().collect();
    let typed = recipe.typed.clone().filter(|typed| *typed != recipe.prompt);
    let negative = recipe.typed_negative.clone().filter(|typed| *typed != recipe.negative);
    view! {
        <div class="facts-list">
            <Words title="Prompt" text=recipe.prompt.clone()/>
            {typed.map(|typed| view! { <Words title="As it was typed" text=typed/> })}
            <Words title="Negative prompt" text=recipe.negative.clone()/>
            {negative.map(|typed| view! { <Words title="Negative as it was typed" text=typed/> })}
            {(!recipe.styles.is_empty()).then(|| view! {
                <section>
                    <h2 class="label">"Styles"</h2>
                    <div class="chips">{recipe.styles.iter().cloned().map(|name| view! { <Badge>{name}</Badge> }).collect_view()}</div>
                </section>
            })}
            {(!checkpoint.name.is_empty()).then(|| view! {
                <section>
                    <h2 class="label">"Checkpoint"</h2>
                    {match checkpoint.id {
                        Some(id) => view! { <a class="link wrap" href=format!("/checkpoints?id={id}")>{checkpoint.name.clone()}</a> }.into_any(),
                        None => view! { <span class="wrap">{checkpoint.name.clone()}</span>" "<Badge>"not here"</Badge> }.into_any(),
                    }}
                </section>
            })}
            {(!recipe.adapters.is_empty()).then(|| view! {
                <section>
                    <h2 class="label">"Adapters"</h2>
                    <ul class="used">{recipe.adapters.iter().cloned().map(used).collect_view()}</ul>
                </section>
            })}
            {recipe.seed.map(|seed| view! {
                <section>
                    <h2 class="label">"Seed"</h2>
                    <span class="num">{seed.to_string()}</span><CopyButton text=seed.to_string() what="the seed"/>
                </section>
            })}
            <dl class="facts-table">
                {rows.into_iter().map(|(name, value)| view! { <div><dt>{name}</dt><dd class="wrap">{value}</dd></div> }).collect_view()}
                <div><dt>"Made"</dt><dd class="num">{made}</dd></div>
                <div><dt>"File"</dt><dd>{file}</dd></div>
                <div><dt>"Written by"</dt><dd>{source}</dd></div>
            </dl>
            <Family title="Made from" cards=parents/>
            <Family title="Made from this" cards=children/>
        </div>
    }
}

/// A text that can be copied.
#[component]
fn Words(title: &'static str, text: String) -> impl IntoView {
    (!text.trim().is_empty()).then(|| {
        view! {
            <section>
                <header class="words-head"><h2 class="label">{title}</h2><CopyButton text=text.clone() what=format!("the {}", title.to_lowercase())/></header>
                <p class="words wrap">{text}</p>
            </section>
        }
    })
}

/// How an adapter worked, in short words.
fn use_of(adapter: &UsedAdapter) -> Vec<String> {
    let UsedAdapter { weight, text_weight, profile, range, .. } = adapter;
    let mut facts = vec![trimmed(*weight, 2)];
    facts.extend(text_weight.map(|w| format!("words {}", trimmed(w, 2))));
    facts.extend(profile.as_ref().map(|p| p.name.as_ref().map_or_else(|| "own profile".to_owned(), |n| n.to_lowercase())));
    facts.extend(range.map(|(a, b)| format!("{:.0}–{:.0} %", a * 100.0, b * 100.0)));
    facts
}

/// An adapter and how it worked, on one line.
pub(super) fn adapter_line(adapter: &UsedAdapter) -> String {
    format!("{} {}", adapter.name, use_of(adapter).join(" · "))
}

/// An adapter with its weights.
fn used(adapter: UsedAdapter) -> impl IntoView {
    let facts = use_of(&adapter);
    let UsedAdapter { id, name, .. } = adapter;
    let name = match id {
        Some(id) => view! { <a class="link wrap" href=format!("/adapters/{id}")>{name}</a> }.into_any(),
        None => view! { <span class="wrap">{name}</span>" "<Badge>"not here"</Badge> }.into_any(),
    };
    view! { <li>{name}<span class="num hint">{facts.join(" · ")}</span></li> }
}

/// Parent and children as small pictures.
#[component]
fn Family(title: &'static str, cards: Vec<PictureCard>) -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let all = cards.clone();
    (!cards.is_empty()).then(move || {
        let tile = |card: PictureCard| {
            let (id, all) = (card.id, all.clone());
            let show = move |_| {
                viewer.desk.viewing.update(|v| {
                    if let Some(v) = v {
                        // So that arrows lead on among the relatives and back.
                        let strangers = all.iter().filter(|c| v.among.iter().all(|o| o.id != c.id)).cloned().collect::<Vec<_>>();
                        v.among.extend(strangers);
                    }
                });
                viewer.show(id);
            };
            view! {
                <button type="button" class="strip-pic" on:click=show>
                    <img src=thumbnail(id, 160) width="56" height="56" alt=format!("Picture {id}") loading="lazy"/>
                </button>
            }
        };
        view! { <section><h2 class="label">{title}</h2><div class="family">{cards.into_iter().map(tile).collect_view()}</div></section> }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_domain::generation::Numbers;

    #[test]
    fn settings_are_those_of_the_recipe_without_spare_digits() {
        let numbers = Numbers { steps: Some(20), cfg: Some(7.0), ..Numbers::default() };
        let recipe = Recipe { width: 64, height: 96, numbers, ..Recipe::default() };
        let rows: Vec<String> = settings(&recipe).into_iter().map(|(k, v)| format!("{k} {v}")).collect();
        assert_eq!(rows, ["Size 64 × 96", "Steps 20", "CFG scale 7"]);
    }
}
