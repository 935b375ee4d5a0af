//! Unicode before the tokens: composed, in lower case, with the way back to the text.

use std::ops::Range;
use unicode_normalization::{IsNormalized, UnicodeNormalization, char::canonical_combining_class, is_nfc_quick};

/// Letters of a text and where each was typed.
pub type Letters = Vec<(char, Range<usize>)>;

/// The text in normal form C and lower case, letter by letter. `at` is where the text begins.
pub fn clip(text: &str, at: usize) -> Letters {
    let mut letters = Letters::new();
    let mut begin = 0;
    // A letter that combines with nothing before it begins a piece that is composed by itself.
    let borders = text.char_indices().filter(|(i, c)| *i > 0 && stands_alone(*c)).map(|(i, _)| i);
    for end in borders.chain([text.len()]) {
        let lower = text[begin..end].nfc().flat_map(char::to_lowercase);
        letters.extend(lower.map(|letter| (letter, at + begin..at + end)));
        begin = end;
    }
    letters
}

fn stands_alone(letter: char) -> bool {
    letter.is_ascii() || canonical_combining_class(letter) == 0 && is_nfc_quick(std::iter::once(letter)) == IsNormalized::Yes
}

/// Unicode's category N.
pub fn is_number(letter: char) -> bool {
    letter.is_numeric()
}

/// Unicode's category L: alphabetic, without what is alphabetic but no letter (numbers such as Ⅳ, vowel signs, letters in circles).
pub fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphabetic()
        || !letter.is_ascii()
            && letter.is_alphabetic()
            && !letter.is_numeric()
            && !unicode_normalization::char::is_combining_mark(letter)
            && !matches!(letter, '\u{24b6}'..='\u{24e9}' | '\u{1f130}'..='\u{1f149}' | '\u{1f150}'..='\u{1f169}' | '\u{1f170}'..='\u{1f189}')
}
