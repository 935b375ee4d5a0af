//! The community's notation: `v,v,…` or `NAME:v,v,…`, one preset per line, `#` comments.

use super::{Profile, ProfileError, checked};
use crate::layout::{Entry, Extra, Layout, SlotRef, View};

/// Longest text that is read.
const LIMIT: usize = 1 << 20;

/// One line of a preset file.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedProfile {
    /// What stands before the colon.
    pub name: Option<String>,
    /// Notation that the count of values belongs to.
    pub view: &'static str,
    /// The profile.
    pub profile: Profile,
}

impl Profile {
    /// Reads one vector, with or without a name. `seed` allows `R`, a random factor from 0 to 1 with three digits, and decides its values.
    pub fn parse(line: &str, layout: &'static Layout, seed: Option<u64>) -> Result<NamedProfile, ProfileError> {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (name, values) = match line.rsplit_once(':') {
            Some((name, values)) => (Some(name.trim()).filter(|n| !n.is_empty()), values),
            None => (None, line),
        };
        let mut random = seed.map(Random);
        let values: Vec<&str> = values.split(',').map(str::trim).collect();
        if values.iter().all(|v| v.is_empty()) {
            return Err(ProfileError::Text("there is no value".into()));
        }
        let view = view_for(layout, values.len())?;
        let values = values.iter().enumerate().map(|(i, v)| number(v, i + 1, &mut random)).collect::<Result<Vec<_>, _>>()?;
        let profile = apply(layout, view, &values)?;
        Ok(NamedProfile { name: name.map(|n| n.chars().take(200).collect()), view: view.id, profile })
    }

    /// Reads a preset file. Every line that holds something must be right; the error says which one is not.
    pub fn parse_lines(text: &str, layout: &'static Layout, seed: Option<u64>) -> Result<Vec<NamedProfile>, ProfileError> {
        if text.len() > LIMIT {
            return Err(ProfileError::Text("this is too long for a preset file".into()));
        }
        let lines = text.lines().enumerate().filter(|(_, l)| !l.split('#').next().unwrap_or_default().trim().is_empty());
        lines
            .map(|(i, line)| {
                let seed = seed.map(|s| s.wrapping_add(i as u64));
                Self::parse(line, layout, seed).map_err(|e| ProfileError::Text(format!("line {}: {e}", i + 1)))
            })
            .collect()
    }
}

/// The vector of a profile in one notation, and whether it says all that the profile says. Where one number stands for several blocks that
/// differ, it is their mean.
#[must_use]
pub fn to_text(profile: &Profile, view: &View) -> (String, bool) {
    let values: Vec<f64> = view.entries.iter().map(|e| value(profile, e)).collect();
    let text: Vec<String> = values.iter().map(|v| format!("{}", (v * 1e4).round() / 1e4)).collect();
    let exact = view.layout == profile.layout().id && apply(profile.layout(), view, &values).is_ok_and(|back| same(&back, profile));
    (text.join(","), exact)
}

/// Equal for every place there is, to the four digits that are written.
fn same(a: &Profile, b: &Profile) -> bool {
    let blocks = (0..a.blocks().len()).map(|i| SlotRef::Block(i as u16));
    blocks.chain(Extra::ALL.map(SlotRef::Extra)).all(|slot| (a.factor(slot) - b.factor(slot)).abs() <= 5e-5)
}

fn value(profile: &Profile, entry: &Entry) -> f64 {
    let extra = |e| profile.factor(SlotRef::Extra(e));
    match entry {
        Entry::Base => profile.base(),
        Entry::Clip => extra(Extra::Te1),
        Entry::T5 => extra(Extra::Te3),
        Entry::In => extra(Extra::In),
        Entry::Out => extra(Extra::Out),
        Entry::Slot(i) => profile.factor(SlotRef::Block(*i)),
        Entry::Slots(all) => all.iter().map(|i| profile.factor(SlotRef::Block(*i))).sum::<f64>() / all.len().max(1) as f64,
        Entry::Empty => 1.0,
    }
}

/// The notation with this many values; several of the same count never exist within one layout.
fn view_for(layout: &'static Layout, count: usize) -> Result<&'static View, ProfileError> {
    if let Some(view) = layout.views().find(|v| v.entries.len() == count) {
        return Ok(view);
    }
    let mut fits: Vec<_> = layout.views().map(|v| (v.entries.len(), v.id)).collect();
    fits.sort_unstable();
    Err(ProfileError::Count { found: count, layout: layout.id, fits })
}

/// Blocks that the notation does not name keep the factor 1.
fn apply(layout: &'static Layout, view: &View, values: &[f64]) -> Result<Profile, ProfileError> {
    let mut profile = Profile::neutral(layout);
    let mut set: Vec<Option<f64>> = vec![None; layout.slots.len()];
    for (entry, &v) in view.entries.iter().zip(values) {
        match entry {
            Entry::Base => profile.set_base(v)?,
            Entry::Clip => {
                profile.set(SlotRef::Extra(Extra::Te1), v)?;
                profile.set(SlotRef::Extra(Extra::Te2), v)?;
            }
            Entry::T5 => profile.set(SlotRef::Extra(Extra::Te3), v)?,
            Entry::In => profile.set(SlotRef::Extra(Extra::In), v)?,
            Entry::Out => profile.set(SlotRef::Extra(Extra::Out), v)?,
            Entry::Slot(i) => put(&mut set, *i, v, layout)?,
            Entry::Slots(all) => all.iter().try_for_each(|i| put(&mut set, *i, v, layout))?,
            Entry::Empty => {}
        }
    }
    for (i, value) in set.iter().enumerate() {
        if let Some(value) = value {
            profile.set(SlotRef::Block(i as u16), *value)?;
        }
    }
    Ok(profile)
}

/// In a finer notation several values fall into one block: they must agree.
fn put(set: &mut [Option<f64>], slot: u16, value: f64, layout: &'static Layout) -> Result<(), ProfileError> {
    let place = &mut set[usize::from(slot)];
    if place.is_some_and(|old| old != value) {
        let label = layout.slots[usize::from(slot)].label;
        return Err(ProfileError::Text(format!("several values fall into {label} and differ; write one value per block instead")));
    }
    *place = Some(value);
    Ok(())
}

fn number(text: &str, position: usize, random: &mut Option<Random>) -> Result<f64, ProfileError> {
    let refuse = |hint| Err(ProfileError::Number { text: text.chars().take(40).collect(), position, hint });
    match (text, random) {
        ("R", Some(random)) => Ok(random.next()),
        ("R", None) => refuse(": R is a random factor, which a stored profile cannot be; write the number you want"),
        ("U", _) => refuse(": U is a random factor from another program; write the number you want"),
        ("X", _) => refuse(": X is filled in by a grid script; write the number you want"),
        _ => match text.parse::<f64>() {
            Ok(value) => checked(value, &format!("the value at position {position}")),
            Err(_) => refuse(""),
        },
    }
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % 1001) as f64 / 1000.0
    }
}
