//! Empty and error states: what this is, what to do.

use super::{Glyph, Icon, Tone};
use crate::api::ApiError;
use leptos::prelude::*;
use weft_domain::Problem;

/// What stands where there is nothing yet.
#[component]
pub fn EmptyState(#[prop(into)] title: String, #[prop(optional)] glyph: Option<Glyph>, children: Children) -> impl IntoView {
    view! {
        <section class="empty">
            {glyph.map(|glyph| view! { <span class="empty-mark"><Icon glyph/></span> })}
            <h2>{title}</h2>
            {children()}
        </section>
    }
}

/// A boxed sentence with its meaning in an icon and a colour.
#[component]
pub fn Notice(#[prop(optional)] tone: Tone, children: Children) -> impl IntoView {
    let (class, glyph) = match tone {
        Tone::Good => ("notice notice-good", Glyph::Check),
        Tone::Warn => ("notice notice-warn", Glyph::Warning),
        Tone::Bad => ("notice notice-bad", Glyph::Warning),
        Tone::Dashed => ("notice notice-dashed", Glyph::Info),
        Tone::Plain | Tone::Accent => ("notice", Glyph::Info),
    };
    view! {
        <div class=class>
            <Icon glyph/>
            <div class="notice-text">{children()}</div>
        </div>
    }
}

/// A problem in words: what happened, what to do, details folded.
#[component]
pub fn ProblemView(#[prop(into)] error: ApiError) -> impl IntoView {
    let Problem { title, detail, hint, .. } = error.0;
    view! {
        <div class="notice notice-bad" role="alert">
            <Icon glyph=Glyph::Warning/>
            <div class="notice-text">
                <b>{title}</b>
                {hint.map(|hint| view! { <span>" "{hint}</span> })}
                {detail.map(|detail| view! { <details><summary>"Details"</summary><code class="wrap">{detail}</code></details> })}
            </div>
        </div>
    }
}
