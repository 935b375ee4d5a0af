//! Changing a prompt's text: weights around a selection, words added at the end, marks carried along while one types.

/// Step of a weight.
const STEP: f64 = 0.1;
/// Weights of a prompt stay inside these.
const RANGE: (f64, f64) = (-2.0, 3.0);

/// A text with a selection in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    pub text: String,
    pub start: usize,
    pub end: usize,
}

/// Makes the selection heavier or lighter by 0.1: `(fox:1.1)`. Without a selection the word at the caret is taken. A selection that is
/// weighted already, with or without its brackets, gets another number; weight 1 takes the brackets away.
#[must_use]
pub fn reweigh(text: &str, start: usize, end: usize, up: bool) -> Option<Selected> {
    let (start, end) = if start == end { word_at(text, start)? } else { trimmed(text, start, end)? };
    let found = weighted_around(text, start, end);
    let (outer, inner, weight) = found.unwrap_or(((start, end), (start, end), 1.0));
    let step = if up { STEP } else { -STEP };
    let next = ((weight + step) * 100.0).round() / 100.0;
    let next = next.clamp(RANGE.0, RANGE.1);
    let body = text.get(inner.0..inner.1)?;
    let (head, tail) = (text.get(..outer.0)?, text.get(outer.1..)?);
    if (next - 1.0).abs() < 1e-9 {
        return Some(Selected { text: format!("{head}{body}{tail}"), start: outer.0, end: outer.0 + body.len() });
    }
    let start = outer.0 + 1;
    Some(Selected { text: format!("{head}({body}:{next}){tail}"), start, end: start + body.len() })
}

/// `(body:weight)` whose body, or which as a whole, is the selection: outer range, inner range, weight.
type Around = ((usize, usize), (usize, usize), f64);

fn weighted_around(text: &str, start: usize, end: usize) -> Option<Around> {
    let whole = text.get(start..end)?;
    if let Some(inside) = whole.strip_prefix('(').and_then(|w| w.strip_suffix(')'))
        && let Some((body, weight)) = inside.rsplit_once(':')
        && let Ok(weight) = weight.trim().parse()
    {
        return Some(((start, end), (start + 1, start + 1 + body.len()), weight));
    }
    let before = text.get(..start)?.strip_suffix('(')?.len();
    let rest = text.get(end..)?.strip_prefix(':')?;
    let close = rest.find(')')?;
    let weight = rest.get(..close)?.trim().parse().ok()?;
    Some(((before, end + 1 + close + 1), (start, end), weight))
}

/// The word that the caret stands in or at.
fn word_at(text: &str, at: usize) -> Option<(usize, usize)> {
    let edge = |c: char| c.is_whitespace() || ",()[]{}|:".contains(c);
    let start = text.get(..at)?.rfind(edge).map_or(0, |i| i + text[i..].chars().next().map_or(1, char::len_utf8));
    let end = text.get(at..)?.find(edge).map_or(text.len(), |i| at + i);
    (start < end).then_some((start, end))
}

/// Without the blanks at both ends.
fn trimmed(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let part = text.get(start..end)?;
    let lead = part.len() - part.trim_start().len();
    let core = part.trim().len();
    (core > 0).then_some((start + lead, start + lead + core))
}

/// The prompt with these words at its end, unless it has them.
#[must_use]
pub fn with_words(prompt: &str, words: &str) -> String {
    if has_words(prompt, words) {
        return prompt.to_owned();
    }
    let prompt = prompt.trim_end().trim_end_matches(',');
    if prompt.is_empty() { words.to_owned() } else { format!("{prompt}, {words}") }
}

/// The prompt names these words.
#[must_use]
pub fn has_words(prompt: &str, words: &str) -> bool {
    prompt.to_lowercase().contains(&words.trim().to_lowercase())
}

/// A weighted piece: byte range and weight.
pub type Mark = (u32, u32, f64);

/// Marks of `old` where they lie in `new`: those before and after the change stay, those that it touches go. So marks stand still while
/// the answer for the new text is on its way.
#[must_use]
pub fn carried(old: &str, new: &str, marks: &[Mark]) -> Vec<Mark> {
    let same_head = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - same_head;
    let same_tail = old.bytes().rev().zip(new.bytes().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let grown = new.len() as i64 - old.len() as i64;
    let shift = |at: u32| u32::try_from(i64::from(at) + grown).unwrap_or(0);
    let kept = |&(from, to, weight): &Mark| {
        if to as usize <= same_head {
            Some((from, to, weight))
        } else if from as usize >= old.len() - same_tail {
            Some((shift(from), shift(to), weight))
        } else {
            None
        }
    };
    marks.iter().filter_map(kept).collect()
}

/// The text in pieces with their weights, in order; what no mark covers weighs 1. Marks that cannot be are passed over.
#[must_use]
pub fn pieces(text: &str, marks: &[Mark]) -> Vec<(String, f64)> {
    let mut out = Vec::new();
    let mut at = 0;
    for &(from, to, weight) in marks {
        let (from, to) = (from as usize, to as usize);
        let Some((plain, marked)) = text.get(at..from).zip(text.get(from..to)) else { continue };
        if !plain.is_empty() {
            out.push((plain.to_owned(), 1.0));
        }
        if !marked.is_empty() {
            out.push((marked.to_owned(), weight));
        }
        at = to;
    }
    if let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        out.push((rest.to_owned(), 1.0));
    }
    out
}

/// Byte offset of a place that the browser counts in UTF-16.
#[must_use]
pub fn byte_at(text: &str, utf16: u32) -> usize {
    let mut left = utf16 as usize;
    for (at, c) in text.char_indices() {
        if left == 0 {
            return at;
        }
        left = left.saturating_sub(c.len_utf16());
    }
    text.len()
}

/// The place of a byte offset as the browser counts it.
#[must_use]
pub fn utf16_at(text: &str, byte: usize) -> u32 {
    text.get(..byte).map_or(0, |head| u32::try_from(head.encode_utf16().count()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(text: &str, part: &str, up: bool) -> String {
        let at = text.find(part).unwrap_or(0);
        reweigh(text, at, at + part.len(), up).map(|s| s.text).unwrap_or_default()
    }

    #[test]
    fn weights_go_up_and_down_and_vanish_at_one() {
        assert_eq!(press("a red fox", "red", true), "a (red:1.1) fox");
        assert_eq!(press("a (red:1.1) fox", "red", true), "a (red:1.2) fox");
        assert_eq!(press("a (red:1.1) fox", "(red:1.1)", false), "a red fox");
        assert_eq!(press("a (red:1.1) fox", "red", false), "a red fox");
        assert_eq!(press("a red fox ", " red fox ", false), "a (red fox:0.9) ");
        let caret = reweigh("über alles", 2, 2, true);
        assert_eq!(caret, Some(Selected { text: "(über:1.1) alles".to_owned(), start: 1, end: 6 }));
        assert_eq!(reweigh("a  b", 2, 2, true), None);
    }

    #[test]
    fn pressing_twice_keeps_the_selection() {
        let once = reweigh("a red fox", 2, 5, true).map(|s| reweigh(&s.text, s.start, s.end, true));
        assert_eq!(once.flatten().map(|s| s.text), Some("a (red:1.2) fox".to_owned()));
    }

    #[test]
    fn marks_stay_with_their_words_while_one_types() {
        let marks = [(0, 3, 1.2), (8, 11, 0.5)];
        assert_eq!(carried("red and fox", "red and a fox", &marks), [(0, 3, 1.2), (10, 13, 0.5)]);
        assert_eq!(carried("red and fox", "rd and fox", &marks), [(7, 10, 0.5)]);
        assert_eq!(pieces("red and fox", &marks).iter().map(|(t, _)| t.as_str()).collect::<Vec<_>>(), ["red", " and ", "fox"]);
        assert_eq!(pieces("x", &[(0, 9, 2.0), (3, 1, 2.0)]), [("x".to_owned(), 1.0)]);
    }

    #[test]
    fn places_are_counted_as_the_browser_counts_them() {
        let text = "a😀ü";
        assert_eq!([byte_at(text, 0), byte_at(text, 1), byte_at(text, 3), byte_at(text, 4)], [0, 1, 5, 7]);
        assert_eq!([utf16_at(text, 5), utf16_at(text, 7)], [3, 4]);
    }

    #[test]
    fn words_are_added_once() {
        assert_eq!(with_words("a fox, ", "ink style"), "a fox, ink style");
        assert_eq!(with_words("a fox, Ink Style", "ink style"), "a fox, Ink Style");
        assert_eq!(with_words("", "ink"), "ink");
    }
}
