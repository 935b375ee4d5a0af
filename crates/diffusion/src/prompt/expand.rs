//! Chance in a prompt: `{red|green}`, `{2$$a|b|c}`, wildcards `__animal__`.
//!
//! The syntax is that of Dynamic Prompts: `{3::a|b}` makes a three times as likely, `{1-2$$ and $$a|b|c}` takes one or two of them with
//! “ and ” between, `\{` is the letter. Values of wildcards may hold all of this again.

use crate::noise::philox4x32;
use std::collections::BTreeMap;

/// Lists by name.
pub type Wildcards = BTreeMap<String, Vec<String>>;

/// Braces in braces, and wildcards in wildcards.
const DEEPEST: usize = 64;
/// Wildcards looked up for one prompt, and letters that may come out.
const MOST_LOOKUPS: usize = 10_000;
const LONGEST: usize = 4 << 20;
const LONGEST_NAME: usize = 128;

/// A prompt with its choices made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expansion {
    pub text: String,
    /// Names of wildcards that no list has; they stay in the text as they were typed.
    pub unknown: Vec<String>,
}

/// Why a prompt has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("braces or wildcards are nested more than {DEEPEST} deep: a wildcard that names itself never ends")]
    TooDeep,
    #[error("the wildcards of this prompt name more than {MOST_LOOKUPS} others")]
    TooMany,
    #[error("the prompt grows past {} MiB", LONGEST >> 20)]
    TooLong,
}

/// Makes the choices of a prompt. The same text, lists and seed give the same words on every machine.
///
/// # Errors
/// When the text is nested too deep or grows without bound.
pub fn expand(text: &str, wildcards: &Wildcards, seed: u64) -> Result<Expansion, Refused> {
    let mut expander = Expander { wildcards, dice: Dice { seed, thrown: 0 }, lookups: 0, unknown: Vec::new() };
    let text = expander.expand(text, 0)?;
    Ok(Expansion { text, unknown: expander.unknown })
}

/// Random numbers of a seed, one after another.
struct Dice {
    seed: u64,
    thrown: u32,
}

impl Dice {
    /// Uniform in [0, 1).
    fn throw(&mut self) -> f64 {
        /// Sets these numbers apart from the noise of the same seed ("word" in ASCII).
        const WORD: u32 = u32::from_be_bytes(*b"word");
        let [a, b, ..] = philox4x32([self.thrown, 0, 0, WORD], self.seed);
        self.thrown = self.thrown.wrapping_add(1);
        ((u64::from(a) << 21) ^ u64::from(b >> 11)) as f64 / (1_u64 << 53) as f64
    }

    /// An index by weight; the last one when rounding leaves nothing.
    fn pick(&mut self, weights: &[f64]) -> usize {
        let mut left = self.throw() * weights.iter().sum::<f64>();
        for (i, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return i;
            }
        }
        weights.len().saturating_sub(1)
    }
}

struct Expander<'a> {
    wildcards: &'a Wildcards,
    dice: Dice,
    lookups: usize,
    unknown: Vec<String>,
}

/// Braces that are open.
#[derive(Default)]
struct Open {
    /// What stood before `$$`, at most twice: how many, and what goes between them.
    heads: Vec<String>,
    options: Vec<String>,
}

impl Expander<'_> {
    /// `depth` counts wildcards within wildcards; braces are counted by the stack. Recursion is as deep as `DEEPEST` allows.
    fn expand(&mut self, text: &str, depth: usize) -> Result<String, Refused> {
        let mut stack: Vec<(Open, String)> = Vec::new();
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['\\', '{', '}', '|', '$', '_']) {
            out.push_str(&rest[..at]);
            let sign = &rest[at..];
            let inside = !stack.is_empty();
            let taken = match sign.as_bytes()[0] {
                b'\\' => escape(sign, &mut out),
                b'{' => {
                    if stack.len() + depth >= DEEPEST {
                        return Err(Refused::TooDeep);
                    }
                    stack.push((Open::default(), std::mem::take(&mut out)));
                    1
                }
                b'}' if inside => {
                    if let Some((mut open, before)) = stack.pop() {
                        open.options.push(std::mem::replace(&mut out, before));
                        let chosen = self.choose(open);
                        out.push_str(&chosen);
                    }
                    1
                }
                b'|' if inside => {
                    let option = std::mem::take(&mut out);
                    stack.last_mut().into_iter().for_each(|(open, _)| open.options.push(option.clone()));
                    1
                }
                b'$' if sign.starts_with("$$") && stack.last().is_some_and(|(open, _)| open.options.is_empty() && open.heads.len() < 2) => {
                    let head = std::mem::take(&mut out);
                    stack.last_mut().into_iter().for_each(|(open, _)| open.heads.push(head.clone()));
                    2
                }
                b'_' => self.wildcard(sign, &mut out, stack.len() + depth)?,
                _ => copy_one(sign, &mut out),
            };
            rest = &sign[taken..];
            if out.len() > LONGEST {
                return Err(Refused::TooLong);
            }
        }
        out.push_str(rest);
        // Braces that nobody closed are letters.
        while let Some((open, mut before)) = stack.pop() {
            before.push('{');
            open.heads.iter().for_each(|head| before.extend([head.as_str(), "$$"]));
            open.options.iter().for_each(|option| before.extend([option.as_str(), "|"]));
            before.push_str(&out);
            out = before;
        }
        if out.len() > LONGEST { Err(Refused::TooLong) } else { Ok(out) }
    }

    /// The value of the wildcard that may begin at a `_`; how much of `sign` it took.
    fn wildcard(&mut self, sign: &str, out: &mut String, depth: usize) -> Result<usize, Refused> {
        let Some(name) = wildcard_name(sign) else { return Ok(copy_one(sign, out)) };
        let whole = name.len() + 4;
        self.lookups += 1;
        if self.lookups > MOST_LOOKUPS {
            return Err(Refused::TooMany);
        }
        let values = self.wildcards.get(name).or_else(|| {
            let same = |other: &&String| other.eq_ignore_ascii_case(name);
            self.wildcards.keys().find(same).and_then(|key| self.wildcards.get(key))
        });
        match values.filter(|values| !values.is_empty()) {
            None => {
                if !self.unknown.iter().any(|known| known == name) {
                    self.unknown.push(name.to_owned());
                }
                out.push_str(&sign[..whole]);
            }
            Some(_) if depth >= DEEPEST => return Err(Refused::TooDeep),
            Some(values) => {
                let at = (self.dice.throw() * values.len() as f64) as usize;
                let value = values[at.min(values.len() - 1)].as_str();
                let value = self.expand(value, depth + 1)?;
                out.push_str(&value);
            }
        }
        Ok(whole)
    }

    /// One of the options, or several with what goes between them.
    fn choose(&mut self, open: Open) -> String {
        let (mut weights, mut texts): (Vec<f64>, Vec<String>) = open.options.into_iter().map(weighted).unzip();
        let Some((low, high)) = open.heads.first().map_or(Some((1, 1)), |head| range(head)) else {
            return open.heads.join("$$") + "$$" + &texts.join("|");
        };
        let span = high.saturating_sub(low) + 1;
        let count = (low + (self.dice.throw_if(span > 1) * span as f64) as usize).min(texts.len());
        let between = open.heads.get(1).map_or(", ", String::as_str);
        let mut chosen = Vec::with_capacity(count);
        for _ in 0..count {
            let at = self.dice.pick(&weights);
            weights.swap_remove(at);
            chosen.push(texts.swap_remove(at));
        }
        chosen.join(between)
    }
}

impl Dice {
    /// A number where there is something to decide.
    fn throw_if(&mut self, open: bool) -> f64 {
        if open { self.throw() } else { 0.0 }
    }
}

/// Copies the letter behind a backslash when it is one of ours, else the backslash.
fn escape(sign: &str, out: &mut String) -> usize {
    match sign.as_bytes().get(1) {
        Some(letter) if b"{}|$_".contains(letter) => {
            out.push(char::from(*letter));
            2
        }
        _ => copy_one(sign, out),
    }
}

fn copy_one(sign: &str, out: &mut String) -> usize {
    let letter = sign.chars().next().unwrap_or_default();
    out.push(letter);
    letter.len_utf8()
}

/// The name in `__name__`: letters, digits, `-`, `/`, `.`, and `_` where it does not end the name.
fn wildcard_name(sign: &str) -> Option<&str> {
    let rest = sign.strip_prefix("__")?;
    let window = &rest.as_bytes()[..rest.len().min(LONGEST_NAME)];
    let len = window.windows(2).position(|pair| pair == b"__")?;
    let name = rest.get(..len)?;
    let fine = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '/' | '.' | '_' | ' '));
    (fine && !name.trim().is_empty()).then_some(name)
}

/// `3::text` has weight 3.
fn weighted(option: String) -> (f64, String) {
    let weight = option.split_once("::").and_then(|(number, rest)| Some((super::tags::number(number)?, rest)));
    match weight {
        Some((weight, rest)) if weight >= 0.0 => (weight, rest.to_owned()),
        _ => (1.0, option),
    }
}

/// `2`, `1-3`, `-3` (none to three), `2-` (two to all).
fn range(head: &str) -> Option<(usize, usize)> {
    let head = head.trim();
    let number = |text: &str, empty: usize| if text.trim().is_empty() { Some(empty) } else { text.trim().parse().ok() };
    match head.split_once('-') {
        Some((low, high)) => {
            let (low, high): (usize, usize) = (number(low, 0)?, number(high, 1 << 20)?);
            (low <= high).then_some((low, high.min(1 << 20)))
        }
        None => head.parse().ok().map(|n: usize| (n, n)),
    }
}
