//! The weave in the page's address, so that a reload, a bookmark and a shared link keep it.
//!
//! `ids=1,2&w=0.8,0.5` and, where they differ from the usual: `x` muted and `s` solo positions, `p` profiles (one per strand, `;` between),
//! `t` taming, `m` method, `o` its parameters, `c` compressed too, `r` rank or `e` energy, `d` number type, `n` name. A profile is written `@NAME~0_D00-18.S03~0.5_S07`: its preset,
//! then each value with the slots that have it. What cannot be read is passed over: an old link must not break the page.

use super::state::{MAX_STRANDS, SizeBy, WeaveState};
use std::collections::BTreeMap;
use weft_domain::AdapterId;
use weft_domain::merge::{Divisor, Elect, Form, Inner, Method, Options, OutDtype, Scope, Share, Vote};
use weft_domain::parameter::{BLOCK, DENSITY, ENERGY, EPSILON, GAMMA, MU, RANK, SEED, WEIGHT};

/// Longest name that is taken from an address, in characters.
const NAME_MAX: usize = 200;

/// Reads the address through `get`, which knows the decoded values by key.
#[must_use]
pub fn read(get: impl Fn(&str) -> Option<String>) -> WeaveState {
    let mut state = WeaveState::default();
    let list = |key: &str| -> Vec<String> { get(key).map(|v| v.split(',').map(str::to_owned).collect()).unwrap_or_default() };
    let mut weights = BTreeMap::new();
    let mut places = Vec::new();
    let given = list("w");
    for (at, id) in list("ids").iter().enumerate().take(MAX_STRANDS * 4) {
        let Ok(id) = id.trim().parse::<i64>() else { continue };
        if state.add(AdapterId(id)) {
            places.push(at);
            weights.insert(id, given.get(at).and_then(|w| w.parse::<f64>().ok()));
        }
    }
    let profiles: Vec<String> = get("p").map(|p| p.split(';').map(str::to_owned).collect()).unwrap_or_default();
    let marked = |key: &str| -> Vec<usize> { list(key).iter().filter_map(|v| v.parse().ok()).collect() };
    let (muted, solo) = (marked("x"), marked("s"));
    for (strand, place) in state.strands.iter_mut().zip(places) {
        if let Some(Some(weight)) = weights.get(&strand.adapter.0) {
            strand.weight = WEIGHT.check(*weight).unwrap_or(WEIGHT.default);
        }
        (strand.muted, strand.solo) = (muted.contains(&place), solo.contains(&place));
        if let Some(text) = profiles.get(place) {
            (strand.preset, strand.factors) = read_profile(text);
        }
    }
    state.tame = get("t").map(|t| read_profile(&t).1).unwrap_or_default();
    read_result(&mut state, get);
    state
}

fn read_result(state: &mut WeaveState, get: impl Fn(&str) -> Option<String>) {
    let word = |key: &str| get(key).unwrap_or_default();
    state.method = Method::ALL.into_iter().find(|m| m.as_str() == word("m")).unwrap_or_default();
    state.options = read_options(&word("o"));
    state.compress = word("c") == "1";
    state.dtype = OutDtype::ALL.into_iter().find(|d| d.as_str() == word("d")).unwrap_or_default();
    if let Some(rank) = word("r").parse::<u32>().ok().filter(|r| RANK.check(f64::from(*r)).is_ok()) {
        state.rank = rank;
    }
    if let Some(energy) = word("e").parse::<f64>().ok().filter(|e| ENERGY.check(*e).is_ok()) {
        (state.energy, state.size_by) = (energy, SizeBy::Energy);
    }
    state.name = word("n").chars().take(NAME_MAX).collect();
}

/// The query string of a weave, without `?`; empty for an empty weave.
#[must_use]
pub fn write(state: &WeaveState) -> String {
    if state.strands.is_empty() {
        return String::new();
    }
    let join = |values: Vec<String>| values.join(",");
    let positions = |on: &dyn Fn(usize) -> bool| join((0..state.strands.len()).filter(|i| on(*i)).map(|i| i.to_string()).collect());
    let usual = WeaveState::default();
    let mut pairs = vec![
        ("ids", join(state.strands.iter().map(|s| s.adapter.to_string()).collect())),
        ("w", join(state.strands.iter().map(|s| number(s.weight)).collect())),
        ("x", positions(&|i| state.strands[i].muted)),
        ("s", positions(&|i| state.strands[i].solo)),
    ];
    let profiles: Vec<String> = state.strands.iter().map(|s| write_profile(s.preset.as_deref(), &s.factors)).collect();
    if profiles.iter().any(|p| !p.is_empty()) {
        pairs.push(("p", profiles.join(";")));
    }
    pairs.push(("t", write_profile(None, &state.tame)));
    if state.method != usual.method {
        pairs.push(("m", state.method.as_str().to_owned()));
    }
    pairs.push(("o", write_options(&state.options)));
    if state.compress {
        pairs.push(("c", "1".to_owned()));
    }
    match state.size_by {
        SizeBy::Energy => pairs.push(("e", number(state.energy))),
        SizeBy::Rank if state.rank != usual.rank => pairs.push(("r", state.rank.to_string())),
        SizeBy::Rank => {}
    }
    if state.dtype != usual.dtype {
        pairs.push(("d", state.dtype.as_str().to_owned()));
    }
    pairs.push(("n", state.name.clone()));
    pairs.retain(|(_, value)| !value.is_empty());
    pairs.iter().map(|(key, value)| format!("{key}={}", escape(value))).collect::<Vec<_>>().join("&")
}

/// `density_0.3,inner_tsv`: what differs from the default.
fn write_options(options: &Options) -> String {
    let own = Options::default();
    let mut out: Vec<String> = Vec::new();
    let mut say = |name: &str, value: Option<String>| out.extend(value.map(|v| format!("{name}_{v}")));
    let figure = |value: f64, usual: f64| (value != usual).then(|| number(value));
    say("divisor", (options.divisor != own.divisor).then(|| options.divisor.as_str().to_owned()));
    say("scope", (options.scope != own.scope).then(|| options.scope.as_str().to_owned()));
    say("density", options.density.map(number));
    say("epsilon", figure(options.epsilon, own.epsilon));
    say("gamma", figure(options.gamma, own.gamma));
    say("mu", options.mu.map(number));
    say("seed", (options.seed != own.seed).then(|| options.seed.to_string()));
    say("elect", options.elect.map(|e| e.as_str().to_owned()));
    say("vote", (options.vote != own.vote).then(|| options.vote.as_str().to_owned()));
    say("share", (options.share != own.share).then(|| options.share.as_str().to_owned()));
    say("inner", (options.inner != own.inner).then(|| options.inner.as_str().to_owned()));
    say("form", (options.form != own.form).then(|| options.form.as_str().to_owned()));
    out.join(",")
}

fn read_options(text: &str) -> Options {
    let mut options = Options::default();
    for (name, word) in text.split(',').filter_map(|pair| pair.split_once('_')) {
        let own = options.clone();
        let figure = |spec: weft_domain::parameter::Number| word.parse().ok().and_then(|v: f64| spec.check(v).ok());
        match name {
            "divisor" => options.divisor = Divisor::by_word(word).unwrap_or(own.divisor),
            "scope" => options.scope = Scope::by_word(word).unwrap_or(own.scope),
            "density" => options.density = figure(DENSITY),
            "epsilon" => options.epsilon = figure(EPSILON).unwrap_or(own.epsilon),
            "gamma" => options.gamma = figure(GAMMA).unwrap_or(own.gamma),
            "mu" => options.mu = figure(MU),
            "seed" => options.seed = figure(SEED).map_or(own.seed, |v| v as u64),
            "elect" => options.elect = Elect::by_word(word),
            "vote" => options.vote = Vote::by_word(word).unwrap_or(own.vote),
            "share" => options.share = Share::by_word(word).unwrap_or(own.share),
            "inner" => options.inner = Inner::by_word(word).unwrap_or(own.inner),
            "form" => options.form = Form::by_word(word).unwrap_or(own.form),
            _ => {}
        }
    }
    options
}

fn number(value: f64) -> String {
    let text = format!("{:.4}", value + 0.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Percent-encodes all that is not plain in a query value.
fn escape(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b',' | b';' | b'@' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

fn write_profile(preset: Option<&str>, factors: &BTreeMap<String, f64>) -> String {
    let mut by_value: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (slot, value) in factors {
        by_value.entry(number(*value)).or_default().push(slot);
    }
    let name = preset.filter(|n| !n.contains(['~', ';'])).map(|n| format!("@{n}"));
    let values = by_value.iter().map(|(value, slots)| format!("{value}_{}", shorten(slots)));
    name.into_iter().chain(values).collect::<Vec<_>>().join("~")
}

/// `D00.D01.D02.S07` becomes `D00-02.S07`. The slots are sorted.
fn shorten(slots: &[&str]) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut open: Option<(&str, u32, u32)> = None;
    let close = |run: Option<(&str, u32, u32)>, out: &mut Vec<String>| match run {
        Some((stem, a, b)) if a == b => out.push(format!("{stem}{a:02}")),
        Some((stem, a, b)) => out.push(format!("{stem}{a:02}-{b:02}")),
        None => {}
    };
    for slot in slots {
        match (numbered(slot), open) {
            (Some((stem, n)), Some((s, a, b))) if stem == s && n == b + 1 => open = Some((s, a, n)),
            (Some((stem, n)), run) => {
                close(run, &mut out);
                open = Some((stem, n, n));
            }
            (None, run) => {
                close(run, &mut out);
                open = None;
                out.push((*slot).to_owned());
            }
        }
    }
    close(open, &mut out);
    out.join(".")
}

/// Letters and a two-digit number: `D07` is ("D", 7). `TE1` is no such slot.
fn numbered(slot: &str) -> Option<(&str, u32)> {
    let at = slot.find(|c: char| c.is_ascii_digit())?;
    let (stem, digits) = slot.split_at(at);
    (digits.len() == 2 && !stem.is_empty()).then_some(())?;
    digits.parse().ok().map(|n| (stem, n))
}

fn read_profile(text: &str) -> (Option<String>, BTreeMap<String, f64>) {
    let (mut preset, mut factors) = (None, BTreeMap::new());
    for token in text.split('~') {
        if let Some(name) = token.strip_prefix('@') {
            preset = Some(name.chars().take(NAME_MAX).collect());
            continue;
        }
        let Some((value, slots)) = token.split_once('_') else { continue };
        let Some(value) = value.parse::<f64>().ok().filter(|v| BLOCK.check(*v).is_ok() && *v != 1.0) else { continue };
        for slot in slots.split('.') {
            for name in spread(slot) {
                if factors.len() < 256 {
                    factors.insert(name, value);
                }
            }
        }
    }
    (preset, factors)
}

/// `D00-02` names three slots, `TE1` one.
fn spread(text: &str) -> Vec<String> {
    if let Some((first, last)) = text.split_once('-')
        && let (Some((stem, a)), Ok(b)) = (numbered(first), last.parse::<u32>())
        && b < 100
    {
        return (a..=b).map(|n| format!("{stem}{n:02}")).collect();
    }
    let plain = !text.is_empty() && text.len() <= 16 && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if plain { vec![text.to_owned()] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a browser would decode it.
    fn back(query: &str) -> WeaveState {
        let pairs: BTreeMap<String, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.replace("%20", " ").replace("%2B", "+")))
            .collect();
        read(|key| pairs.get(key).cloned())
    }

    #[test]
    fn a_weave_survives_its_address() {
        let mut state = WeaveState::default();
        for id in [7, 3, 12] {
            state.add(AdapterId(id));
        }
        state.strands[0].weight = -0.35;
        state.strands[1].muted = true;
        state.strands[2].solo = true;
        for slot in ["D00", "D01", "D02", "D18", "S03", "TE1"] {
            state.strands[2].factors.insert(slot.to_owned(), 0.0);
        }
        state.strands[2].factors.insert("S37".to_owned(), -1.25);
        state.strands[2].preset = Some("DOUBLE LATE".to_owned());
        state.tame = [("S21".to_owned(), 0.79)].into();
        (state.method, state.size_by, state.energy) = (Method::Svd, SizeBy::Energy, 0.995);
        (state.dtype, state.name) = (OutDtype::Bf16, "Nordic + Aurora".to_owned());
        state.compress = true;
        state.options = Options { density: Some(0.35), elect: Some(Elect::Frequency), seed: 42, inner: Inner::Tsv, ..Options::default() };
        let query = write(&state);
        assert!(query.contains("0_D00-02.D18.S03.TE1"), "{query}");
        assert_eq!(back(&query), state);
    }

    #[test]
    fn an_empty_weave_has_an_empty_address() {
        assert_eq!(write(&WeaveState::default()), "");
        assert_eq!(back(""), WeaveState::default());
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        let state = back("ids=1,x,1,2&w=9,1,1,nan&p=@a~5_D00~0_D00-9999999.<b>~_~0.5;;;&t=x&m=best&r=0&e=7&d=f8");
        assert_eq!(state.ids(), [AdapterId(1), AdapterId(2)]);
        assert_eq!((state.strands[0].weight, state.strands[1].weight), (1.0, 1.0));
        assert!(state.strands[0].factors.is_empty() && state.tame.is_empty());
        assert_eq!((state.method, state.size_by, state.rank), (Method::Svd, SizeBy::Rank, 32));
    }
}
