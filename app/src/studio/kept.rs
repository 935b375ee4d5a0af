//! What this browser keeps of the studio between two visits.

use super::form::Form;
use crate::dom;
use leptos::prelude::*;
use std::time::Duration;

const FORM: &str = "weft-studio-form";
const PACE: &str = "weft-studio-pace";
/// A mask longer than this is not kept: browsers give a page five million characters.
const MASK_MAX: usize = 400_000;
/// Pause after the last change.
const PAUSE: Duration = Duration::from_millis(400);

/// The form as it was left.
pub fn form() -> Option<Form> {
    serde_json::from_str(&dom::stored(FORM)?).ok()
}

/// Keeps a form once it has been the same for a moment.
pub fn later(now: RwSignal<Form>, form: Form) {
    let keep = move || {
        if now.try_with_untracked(|now| *now == form) != Some(true) {
            return;
        }
        let mut form = form.clone();
        if let Some(start) = form.start.as_mut().filter(|s| s.mask.as_ref().is_some_and(|m| m.len() > MASK_MAX)) {
            start.mask = None;
        }
        if let Ok(text) = serde_json::to_string(&form) {
            dom::store(FORM, &text);
        }
    };
    set_timeout(keep, PAUSE);
}

/// Milliseconds for a million pixels and one call of the model, as measured last.
pub fn pace() -> Option<f64> {
    dom::stored(PACE)?.parse().ok().filter(|p: &f64| p.is_finite() && *p > 0.0)
}

/// Keeps it.
pub fn set_pace(pace: f64) {
    dom::store(PACE, &format!("{pace:.1}"));
}
