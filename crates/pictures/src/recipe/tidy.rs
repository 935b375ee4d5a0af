//! What strangers wrote, within bounds.

use crate::limits;
use weft_domain::generation::Recipe;

/// Cuts what is too long, drops numbers that are none, and what is too much.
pub(super) fn tidy(recipe: &mut Recipe) {
    cut(&mut recipe.prompt, limits::PROMPT);
    cut(&mut recipe.negative, limits::PROMPT);
    for typed in [&mut recipe.typed, &mut recipe.typed_negative].into_iter().flatten() {
        cut(typed, limits::PROMPT);
    }
    recipe.styles.truncate(limits::STYLES);
    recipe.styles.iter_mut().for_each(|name| cut(name, 300));
    for text in [&mut recipe.engine, &mut recipe.checkpoint.name, &mut recipe.checkpoint.family] {
        cut(text, 300);
    }
    recipe.checkpoint.hash = recipe.checkpoint.hash.take().and_then(|hash| hex(&hash));
    recipe.adapters.retain(|adapter| !adapter.name.trim().is_empty() || adapter.hash.is_some());
    recipe.adapters.truncate(limits::ADAPTERS);
    for adapter in &mut recipe.adapters {
        cut(&mut adapter.name, 300);
        adapter.hash = adapter.hash.take().and_then(|hash| hex(&hash));
        adapter.weight = finite(adapter.weight).unwrap_or(1.0);
        adapter.text_weight = adapter.text_weight.and_then(finite);
        adapter.range = adapter.range.filter(|(from, to)| from.is_finite() && to.is_finite());
    }
    numbers(recipe);
    recipe.other = std::mem::take(&mut recipe.other).into_iter().filter(|(key, _)| key.len() <= 100).take(limits::OTHERS).collect();
    recipe.other.values_mut().for_each(|value| cut(value, limits::VALUE));
    recipe.width = recipe.width.min(limits::SIDE);
    recipe.height = recipe.height.min(limits::SIDE);
}

fn numbers(recipe: &mut Recipe) {
    let n = &mut recipe.numbers;
    for value in [&mut n.cfg, &mut n.cfg_rescale, &mut n.guidance, &mut n.eta, &mut n.s_noise, &mut n.s_churn, &mut n.shift] {
        *value = value.and_then(finite);
    }
    n.steps = n.steps.filter(|steps| (1..=100_000).contains(steps));
    n.clip_skip = n.clip_skip.filter(|skip| (1..=48).contains(skip));
    recipe.denoise = recipe.denoise.filter(|share| (0.0..=1.0).contains(share));
    recipe.variation = recipe.variation.filter(|variation| variation.strength.is_finite());
}

fn finite(value: f64) -> Option<f64> {
    (value.is_finite() && value.abs() <= 1e9).then_some(value)
}

/// Lower-case digits of a hash, or None for what is no hash.
fn hex(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.rsplit(':').next().unwrap_or(text).trim();
    let digits = text.strip_prefix("0x").unwrap_or(text).to_ascii_lowercase();
    ((6..=64).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(digits)
}

fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
    }
    if text.contains('\0') {
        *text = text.replace('\0', "\u{FFFD}");
    }
}
