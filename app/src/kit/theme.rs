//! Light, dark, or as the machine has it.

use super::{Glyph, Segmented};
use leptos::prelude::*;

/// Chooses the theme; kept in this browser. What is stored is read after hydration, so that the first render is the same everywhere.
#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let theme = RwSignal::new("auto".to_owned());
    Effect::new(move |_| theme.set(crate::dom::theme()));
    let choose = Callback::new(move |choice: String| {
        crate::dom::set_theme(&choice);
        theme.set(choice);
    });
    let choices =
        vec![("auto", "As the system", Some(Glyph::Auto)), ("light", "Light", Some(Glyph::Sun)), ("dark", "Dark", Some(Glyph::Moon))];
    view! { <Segmented name="theme" label="Theme" choices value=theme on_change=choose/> }
}
