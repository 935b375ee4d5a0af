//! What is asked for while somebody works on it. Plain data: kept in this browser as JSON, and turned into a request.

use super::numbers;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use weft_domain::generation::{
    AdapterUse, Axis, Defaults, Dialect, GenerationRequest, MAX_PICTURES, NoiseSource, Numbers, Recipe, Sampler, Schedule, StartPicture,
    Variation,
};
use weft_domain::merge::ProfileValues;
use weft_domain::parameter::WEIGHT;
use weft_domain::{AdapterId, CheckpointId, PictureId};

/// Most strands on one picture.
pub const MAX_STRANDS: usize = 12;

/// One adapter of the composition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Strand {
    pub adapter: AdapterId,
    /// In the image model, −2 to 2.
    pub weight: f64,
    /// In the text encoders; None: as `weight`.
    pub text_weight: Option<f64>,
    /// Layout of the factors.
    pub layout: Option<String>,
    /// Factor by slot; slots that are not named count 1.
    pub factors: BTreeMap<String, f64>,
    pub preset: Option<String>,
    /// Shares of the steps between which it works.
    pub start: f64,
    pub stop: f64,
    /// Left out for the moment.
    pub muted: bool,
    /// Number of its colour, from 0.
    pub colour: usize,
}

impl Default for Strand {
    fn default() -> Self {
        Self {
            adapter: AdapterId(0),
            weight: WEIGHT.default,
            text_weight: None,
            layout: None,
            factors: BTreeMap::new(),
            preset: None,
            start: 0.0,
            stop: 1.0,
            muted: false,
            colour: 0,
        }
    }
}

impl Strand {
    fn used(&self) -> AdapterUse {
        let profile = self.layout.clone().filter(|_| !self.factors.is_empty()).map(|layout| ProfileValues {
            layout,
            slots: self.factors.clone(),
            name: self.preset.clone(),
        });
        let Self { adapter, weight, text_weight, start, stop, .. } = *self;
        AdapterUse { adapter, weight, text_weight, profile, start, stop }
    }

    fn of(used: &AdapterUse, colour: usize) -> Self {
        let AdapterUse { adapter, weight, text_weight, start, stop, .. } = *used;
        let profile = used.profile.clone().unwrap_or_default();
        let layout = Some(profile.layout).filter(|l| !l.is_empty());
        Self { adapter, weight, text_weight, layout, factors: profile.slots, preset: profile.name, start, stop, muted: false, colour }
    }
}

/// What is taken over from a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    All,
    Prompt,
    Seed,
    Settings,
    Composition,
}

/// The whole form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Form {
    pub prompt: String,
    pub negative: String,
    /// Names of styles that are put around both, in order.
    pub styles: Vec<String>,
    pub dialect: Dialect,
    /// None: what the program would take.
    pub checkpoint: Option<CheckpointId>,
    pub strands: Vec<Strand>,
    /// Pixels; None: the family's own.
    pub size: Option<(u32, u32)>,
    pub sampler: Option<Sampler>,
    pub schedule: Option<Schedule>,
    pub numbers: Numbers,
    pub seed: Option<u64>,
    /// The seed stays from picture to picture.
    pub locked: bool,
    pub variation: Option<Variation>,
    pub noise: NoiseSource,
    pub start: Option<StartPicture>,
    /// Pictures at once; 0 and 1 are one.
    pub count: u32,
    /// The axes are in use.
    pub sheet: bool,
    pub axes: Vec<Axis>,
    pub parent: Option<PictureId>,
}

impl Form {
    /// Adds an adapter in the first free colour; false when it is there already or there is no room.
    pub fn add(&mut self, adapter: AdapterId) -> bool {
        if self.strands.len() >= MAX_STRANDS || self.strands.iter().any(|s| s.adapter == adapter) {
            return false;
        }
        let colour = self.free_colour();
        self.strands.push(Strand { adapter, colour, ..Strand::default() });
        true
    }

    fn free_colour(&self) -> usize {
        (0..MAX_STRANDS).find(|c| self.strands.iter().all(|s| s.colour != *c)).unwrap_or(0)
    }

    /// Takes these adapters in place of its own; an axis that looked at one of the old ones goes.
    pub fn compose(&mut self, uses: &[AdapterUse]) {
        self.strands = uses.iter().take(MAX_STRANDS).enumerate().map(|(colour, used)| Strand::of(used, colour)).collect();
        self.axes.retain(|axis| strand_of(axis).is_none());
    }

    /// Takes a strand out; axes follow the others to their new places.
    pub fn remove(&mut self, at: usize) -> Option<Strand> {
        if at >= self.strands.len() {
            return None;
        }
        let gone = self.strands.remove(at);
        self.axes.retain(|axis| strand_of(axis) != Some(at));
        for axis in &mut self.axes {
            if let Some(strand) = strand_mut(axis).filter(|strand| **strand > at) {
                *strand -= 1;
            }
        }
        Some(gone)
    }

    /// Moves a strand to another place; axes go with their strands.
    pub fn shift(&mut self, from: usize, to: usize) {
        if from >= self.strands.len() || to >= self.strands.len() || from == to {
            return;
        }
        let strand = self.strands.remove(from);
        self.strands.insert(to, strand);
        for axis in &mut self.axes {
            if let Some(at) = strand_mut(axis) {
                *at = moved(*at, from, to);
            }
        }
    }

    /// Axes that have values and count.
    fn in_use(&self) -> impl Iterator<Item = &Axis> {
        self.axes.iter().filter(|axis| self.sheet && !axis.is_empty()).take(2)
    }

    /// Pictures that it asks for.
    #[must_use]
    pub fn pictures(&self) -> usize {
        let axes: Vec<usize> = self.in_use().map(Axis::len).collect();
        if axes.is_empty() { usize::try_from(self.count.max(1)).unwrap_or(1) } else { axes.into_iter().product() }
    }

    /// Why it cannot be sent, in words for people.
    #[must_use]
    pub fn refused(&self) -> Option<String> {
        let pictures = self.pictures();
        (pictures > MAX_PICTURES).then(|| format!("{pictures} pictures are too many at once; {MAX_PICTURES} are the most."))
    }

    /// The request. A muted strand is left out, unless an axis is about it.
    #[must_use]
    pub fn request(&self) -> GenerationRequest {
        let mut axes: Vec<Axis> = self.in_use().cloned().collect();
        let wanted = |at: usize| axes.iter().any(|axis| strand_of(axis) == Some(at));
        let kept: Vec<usize> = (0..self.strands.len()).filter(|at| !self.strands[*at].muted || wanted(*at)).collect();
        for axis in &mut axes {
            if let Some(strand) = strand_mut(axis) {
                *strand = kept.iter().position(|at| at == strand).unwrap_or(0);
            }
        }
        GenerationRequest {
            prompt: self.prompt.clone(),
            negative: self.negative.clone(),
            styles: self.styles.clone(),
            dialect: self.dialect,
            checkpoint: self.checkpoint,
            adapters: kept.into_iter().map(|at| self.strands[at].used()).collect(),
            width: self.size.map(|size| size.0),
            height: self.size.map(|size| size.1),
            sampler: self.sampler,
            schedule: self.schedule,
            numbers: self.numbers,
            seed: self.seed.filter(|_| self.locked),
            variation: self.variation.filter(|v| v.strength > 0.0),
            noise: self.noise,
            start: self.start.clone(),
            count: if axes.is_empty() { self.count.max(1) } else { 1 },
            axes,
            parent: self.parent,
        }
    }

    /// Takes over what made a picture. Adapters that the library does not have are left out and named.
    pub fn take(&mut self, recipe: &Recipe, take: Take) -> Vec<String> {
        let mut missing = Vec::new();
        if matches!(take, Take::All | Take::Prompt) {
            self.prompt = recipe.typed.clone().unwrap_or_else(|| recipe.prompt.clone());
            self.negative = recipe.typed_negative.clone().unwrap_or_else(|| recipe.negative.clone());
            self.styles.clone_from(&recipe.styles);
            self.dialect = recipe.dialect.unwrap_or(self.dialect);
        }
        if matches!(take, Take::All | Take::Seed) {
            self.seed = recipe.seed.or(self.seed);
            self.locked = recipe.seed.is_some() || self.locked;
            self.variation = recipe.variation;
            self.noise = recipe.noise.unwrap_or_default();
        }
        if matches!(take, Take::All | Take::Settings) {
            self.checkpoint = recipe.checkpoint.id.or(self.checkpoint);
            (self.sampler, self.schedule, self.numbers) = (recipe.sampler, recipe.schedule, recipe.numbers);
            self.size = (recipe.width > 0 && recipe.height > 0).then_some((recipe.width, recipe.height));
        }
        if matches!(take, Take::All | Take::Composition) {
            missing = recipe.adapters.iter().filter(|a| a.id.is_none()).map(|a| a.name.clone()).collect();
            self.compose(&uses(recipe));
        }
        if take == Take::All {
            (self.sheet, self.start, self.parent) = (false, None, None);
            self.count = 1;
        }
        missing
    }
}

/// The adapters of a picture that the library has.
#[must_use]
pub fn uses(recipe: &Recipe) -> Vec<AdapterUse> {
    let used = |a: &weft_domain::generation::UsedAdapter| {
        let (start, stop) = a.range.unwrap_or((0.0, 1.0));
        Some(AdapterUse { adapter: a.id?, weight: a.weight, text_weight: a.text_weight, profile: a.profile.clone(), start, stop })
    };
    recipe.adapters.iter().filter_map(used).collect()
}

/// The request that paints a picture again, as one picture.
#[must_use]
pub fn again(recipe: &Recipe, parent: PictureId) -> GenerationRequest {
    let mut form = Form::default();
    drop(form.take(recipe, Take::All));
    // What was painted, not what was typed: alternatives stay as they were chosen, styles are in it already.
    (form.prompt, form.negative) = (recipe.prompt.clone(), recipe.negative.clone());
    form.styles.clear();
    form.parent = Some(parent);
    form.request()
}

/// The place of the strand that an axis is about.
#[must_use]
pub fn strand_of(axis: &Axis) -> Option<usize> {
    match axis {
        Axis::Adapter { strand, .. } | Axis::Weight { strand, .. } | Axis::Block { strand, .. } | Axis::Profile { strand, .. } => {
            Some(*strand)
        }
        _ => None,
    }
}

fn strand_mut(axis: &mut Axis) -> Option<&mut usize> {
    match axis {
        Axis::Adapter { strand, .. } | Axis::Weight { strand, .. } | Axis::Block { strand, .. } | Axis::Profile { strand, .. } => {
            Some(strand)
        }
        _ => None,
    }
}

/// Where place `at` is after `from` was moved to `to`.
const fn moved(at: usize, from: usize, to: usize) -> usize {
    if at == from {
        to
    } else if from < at && at <= to {
        at - 1
    } else if to <= at && at < from {
        at + 1
    } else {
        at
    }
}

/// Aspects in menu order: name, width : height.
const ASPECTS: [(&str, f64); 5] =
    [("Square", 1.0), ("Portrait", 2.0 / 3.0), ("Landscape", 1.5), ("Tall", 9.0 / 16.0), ("Wide", 16.0 / 9.0)];
/// How many times larger or smaller than the model's own a picture's area may be.
const AREA: f64 = 1.6;
/// How many times wider or narrower than its name says.
const SHAPE: f64 = 1.25;

/// The aspects that the model can do, each with its width and height: those that differ, at nearly its own area, in the steps that suit it
/// best, or else in all that it can take.
#[must_use]
pub fn aspects(defaults: &Defaults) -> Vec<(&'static str, (u32, u32))> {
    let mut out: Vec<(&str, (u32, u32))> = Vec::new();
    for (name, aspect) in ASPECTS {
        let new = |size: &(u32, u32)| out.iter().all(|(_, other)| other != size);
        if let Some(size) = [defaults.even_step, defaults.side_step].into_iter().find_map(|step| sized(defaults, step, aspect).filter(new))
        {
            out.push((name, size));
        }
    }
    out
}

/// Width and height that come nearest to an aspect and to the area of the model's own size, each by its ratio.
fn sized(defaults: &Defaults, step: u32, aspect: f64) -> Option<(u32, u32)> {
    if aspect > 1.0 {
        return sized(defaults, step, 1.0 / aspect).map(|(width, height)| (height, width));
    }
    let step = f64::from(step.max(1));
    let own = f64::from(defaults.width) * f64::from(defaults.height);
    let mut best: Option<(f64, (u32, u32))> = None;
    // No wider than a square of the largest area.
    for n in 1..=((own * AREA).sqrt() / step) as u32 {
        let width = f64::from(n) * step;
        let (shaped, filled) = (width / aspect / step, own / width / step);
        // Between the height that the aspect asks for and the one that the area asks for.
        for n in (shaped.min(filled).floor().max(1.0) as u32)..=(shaped.max(filled).ceil() as u32) {
            let height = f64::from(n) * step;
            let (shape, area) = ((width / height / aspect).ln().abs(), (width * height / own).ln().abs());
            let stands = width.total_cmp(&height) == aspect.total_cmp(&1.0);
            if stands && shape <= SHAPE.ln() && area <= AREA.ln() && best.is_none_or(|(least, _)| shape + area < least) {
                // Casts saturate.
                best = Some((shape + area, (width as u32, height as u32)));
            }
        }
    }
    best.map(|(_, size)| size)
}

/// How much work the form is, in millions of pixels times calls of the model.
#[must_use]
pub fn work(form: &Form, defaults: &Defaults) -> f64 {
    let (width, height) = form.size.unwrap_or((defaults.width, defaults.height));
    let sampler = form.sampler.unwrap_or(defaults.sampler);
    let steps = form.numbers.steps.or(defaults.numbers.steps).map_or(numbers::default("steps"), f64::from);
    f64::from(width) * f64::from(height) / 1e6 * steps * sampler.calls() as f64 * form.pictures() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Form {
        let mut form = Form::default();
        assert!([1, 2, 3].into_iter().all(|id| form.add(AdapterId(id))) && !form.add(AdapterId(2)));
        form
    }

    #[test]
    fn axes_follow_their_strands() {
        let mut form = three();
        form.axes = vec![Axis::Weight { strand: 2, values: vec![0.0, 1.0] }, Axis::Sampler { values: vec![] }];
        form.shift(2, 0);
        assert_eq!((form.strands[0].adapter, strand_of(&form.axes[0])), (AdapterId(3), Some(0)));
        form.shift(0, 1);
        assert_eq!(strand_of(&form.axes[0]), Some(1));
        assert!(form.remove(0).is_some());
        assert_eq!((strand_of(&form.axes[0]), form.axes.len()), (Some(0), 2));
        assert!(form.remove(0).is_some());
        assert_eq!(form.axes.len(), 1);
    }

    #[test]
    fn a_muted_strand_is_left_out_unless_an_axis_is_about_it() {
        let mut form = three();
        form.strands[0].muted = true;
        form.strands[1].muted = true;
        (form.sheet, form.axes) = (true, vec![Axis::Weight { strand: 1, values: vec![0.0, 0.5, 1.0] }, Axis::Seed { values: vec![] }]);
        let request = form.request();
        assert_eq!(request.adapters.iter().map(|a| a.adapter.0).collect::<Vec<_>>(), [2, 3]);
        assert_eq!((request.axes.len(), strand_of(&request.axes[0]), form.pictures()), (1, Some(0), 3));
        form.sheet = false;
        assert_eq!(form.request().adapters.len(), 1);
    }

    #[test]
    fn only_a_locked_seed_is_asked_for() {
        let mut form = Form { seed: Some(7), ..Form::default() };
        assert_eq!(form.request().seed, None);
        form.locked = true;
        assert_eq!((form.request().seed, form.request().count), (Some(7), 1));
    }

    #[test]
    fn aspects_differ_and_keep_area_and_step() {
        let offered = |side: u32, even: u32, step: u32| {
            let defaults = Defaults { width: side, height: side, even_step: even, side_step: step, ..some_defaults() };
            let all = aspects(&defaults);
            for (name, (w, h)) in &all {
                let area = f64::from(w * h) / f64::from(side * side);
                assert!(w % step == 0 && h % step == 0 && (0.6..1.65).contains(&area), "{name} {w} × {h}");
            }
            all.into_iter().map(|(_, size)| size).collect::<Vec<_>>()
        };
        assert_eq!(offered(128, 64, 64), [(128, 128), (128, 192), (192, 128)], "steps so coarse that tall is portrait");
        assert_eq!(offered(128, 64, 8), [(128, 128), (128, 192), (192, 128), (96, 168), (168, 96)]);
        assert_eq!(offered(128, 16, 16), [(128, 128), (112, 160), (160, 112), (96, 176), (176, 96)]);
        assert_eq!(offered(512, 64, 8), [(512, 512), (448, 640), (640, 448), (384, 704), (704, 384)]);
        assert_eq!(offered(1024, 32, 8).len(), 5);
        assert_eq!(offered(64, 64, 64), [(64, 64)]);
    }

    fn some_defaults() -> Defaults {
        Defaults {
            checkpoint: None,
            family: "sd1".to_owned(),
            sampler: Sampler::default(),
            schedule: Schedule::default(),
            numbers: Numbers::default(),
            width: 64,
            height: 64,
            side_step: 8,
            even_step: 64,
            example: String::new(),
            no_negative: false,
            refused: None,
        }
    }

    #[test]
    fn a_recipe_is_taken_whole_or_in_part() {
        let recipe = Recipe { prompt: "a fox".to_owned(), seed: Some(5), width: 64, height: 96, ..Recipe::default() };
        let mut form = Form { prompt: "mine".to_owned(), ..three() };
        assert!(form.take(&recipe, Take::Seed).is_empty());
        assert_eq!((form.prompt.as_str(), form.seed, form.locked, form.strands.len()), ("mine", Some(5), true, 3));
        assert!(form.take(&recipe, Take::All).is_empty());
        assert_eq!((form.prompt.as_str(), form.size, form.strands.len()), ("a fox", Some((64, 96)), 0));
        let styled = Recipe {
            prompt: "ink of a fox".to_owned(),
            negative: "dark, photo".to_owned(),
            typed: Some("a fox".to_owned()),
            typed_negative: Some("dark".to_owned()),
            styles: vec!["Ink".to_owned()],
            ..Recipe::default()
        };
        assert!(form.take(&styled, Take::Prompt).is_empty());
        assert_eq!((form.prompt.as_str(), form.negative.as_str(), form.request().styles), ("a fox", "dark", styled.styles.clone()));
        let twin = again(&styled, PictureId(1));
        assert_eq!((twin.prompt.as_str(), twin.negative.as_str(), twin.styles.len()), ("ink of a fox", "dark, photo", 0));
        let old: Form = serde_json::from_str(r#"{"prompt":"x","gone":1}"#).unwrap_or_default();
        assert_eq!(old.prompt, "x", "what an older page kept is read");
    }
}
