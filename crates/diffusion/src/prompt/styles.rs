//! Pieces of prompts with names.

/// A saved style. `{prompt}` in it stands for what the user types; without it the style follows after a comma.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Style {
    pub prompt: String,
    pub negative: String,
}

/// Prompt and negative prompt with styles put around them, one after another, as A1111 does.
#[must_use]
pub fn apply_styles(styles: &[Style], prompt: &str, negative: &str) -> (String, String) {
    styles.iter().fold((prompt.to_owned(), negative.to_owned()), |(prompt, negative), style| {
        (apply(&style.prompt, &prompt), apply(&style.negative, &negative))
    })
}

fn apply(style: &str, prompt: &str) -> String {
    const PLACE: &str = "{prompt}";
    if style.contains(PLACE) {
        // Once only: a style of many places would otherwise multiply the text at each style.
        return style.replacen(PLACE, prompt, 1).replace(PLACE, "");
    }
    let both = [prompt.trim(), style.trim()];
    both.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
}
