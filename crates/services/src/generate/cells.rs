//! From one request to its pictures: a seed for each, or a cell of the sheet for each.

use super::check::registered;
use std::collections::HashMap;
use weft_domain::generation::{Axis, GenerationRequest, Variation};
use weft_domain::merge::ProfileValues;
use weft_domain::{AdapterId, CheckpointId, Problem};

/// The requests of the single pictures, in the order of their shots: a sheet goes row by row.
pub(super) fn cells(request: &GenerationRequest) -> Result<Vec<GenerationRequest>, Problem> {
    let base = GenerationRequest { axes: Vec::new(), count: 1, ..request.clone() };
    let seed = request.seed.unwrap_or(0);
    let Some(columns) = request.axes.first() else {
        let one = |i: u32| GenerationRequest { seed: Some(seed.wrapping_add(u64::from(i))), ..base.clone() };
        return Ok((0..request.count.max(1)).map(one).collect());
    };
    let rows = request.axes.get(1);
    let mut out = Vec::new();
    for row in 0..rows.map_or(1, Axis::len) {
        for column in 0..columns.len() {
            let mut cell = base.clone();
            apply(columns, column, &mut cell)?;
            if let Some(rows) = rows {
                apply(rows, row, &mut cell)?;
            }
            out.push(cell);
        }
    }
    Ok(out)
}

/// Puts the `at`-th value of an axis into a request.
fn apply(axis: &Axis, at: usize, request: &mut GenerationRequest) -> Result<(), Problem> {
    let strand = |request: &mut GenerationRequest, strand: usize, change: &dyn Fn(&mut weft_domain::generation::AdapterUse)| {
        let used =
            request.adapters.get_mut(strand).ok_or_else(|| Problem::invalid("axes", "An axis changes an adapter that is not there."))?;
        change(used);
        Ok(())
    };
    match axis {
        Axis::Checkpoint { values } => request.checkpoint = Some(values[at]),
        Axis::Adapter { strand: s, values } => strand(request, *s, &|used| used.adapter = values[at])?,
        Axis::Weight { strand: s, values } => strand(request, *s, &|used| used.weight = values[at])?,
        Axis::Profile { strand: s, values } => strand(request, *s, &|used| used.profile = Some(values[at].clone()))?,
        Axis::Block { strand: s, slot, values } => strand(request, *s, &|used| {
            // The layout is filled in where the adapter's is known.
            used.profile.get_or_insert_with(ProfileValues::default).slots.insert(slot.clone(), values[at]);
        })?,
        Axis::Sampler { values } => request.sampler = Some(values[at]),
        Axis::Schedule { values } => request.schedule = Some(values[at]),
        Axis::Seed { values } => request.seed = Some(values[at]),
        Axis::Number { name, values } => set(name, values[at], request)?,
        Axis::Words { find, values } => {
            request.prompt = request.prompt.replace(find, &values[at]);
            request.negative = request.negative.replace(find, &values[at]);
        }
    }
    Ok(())
}

fn set(name: &str, value: f64, request: &mut GenerationRequest) -> Result<(), Problem> {
    // Checked against the registry before: whole and small.
    let whole = value.round() as u32;
    let numbers = &mut request.numbers;
    match name {
        "steps" => numbers.steps = Some(whole),
        "cfg" => numbers.cfg = Some(value),
        "cfg_rescale" => numbers.cfg_rescale = Some(value),
        "guidance" => numbers.guidance = Some(value),
        "clip_skip" => numbers.clip_skip = Some(whole),
        "eta" => numbers.eta = Some(value),
        "s_noise" => numbers.s_noise = Some(value),
        "s_churn" => numbers.s_churn = Some(value),
        "shift" => numbers.shift = Some(value),
        "denoise" => request.start.iter_mut().for_each(|start| start.denoise = value),
        "variation" => {
            let seed = request.seed.unwrap_or(0).wrapping_add(1);
            request.variation = Some(Variation { strength: value, ..request.variation.unwrap_or(Variation { seed, strength: 0.0 }) });
        }
        other => return Err(registered(other).err().unwrap_or_else(Problem::internal)),
    }
    Ok(())
}

/// What adapters and checkpoints are called.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) adapters: HashMap<AdapterId, String>,
    pub(super) checkpoints: HashMap<CheckpointId, String>,
}

/// What stands at the edges of a sheet.
#[derive(Debug)]
pub(super) struct Heads {
    pub(super) columns: Vec<String>,
    /// Empty without a second axis.
    pub(super) rows: Vec<String>,
    /// What the axes are called, column first.
    pub(super) axes: Vec<String>,
}

impl Names {
    /// Labels and titles of a request's axes; all empty without any.
    pub(super) fn heads(&self, request: &GenerationRequest) -> Heads {
        let axes = &request.axes;
        let labels = |at: usize| axes.get(at).map(|axis| self.labels(axis)).unwrap_or_default();
        Heads { columns: labels(0), rows: labels(1), axes: axes.iter().map(|axis| self.title(axis, request)).collect() }
    }

    fn adapter(&self, id: AdapterId) -> String {
        self.adapters.get(&id).cloned().unwrap_or_else(|| format!("adapter {id}"))
    }

    fn strand(&self, request: &GenerationRequest, strand: usize) -> String {
        request.adapters.get(strand).map_or_else(String::new, |used| self.adapter(used.adapter))
    }

    /// What an axis changes.
    pub(super) fn title(&self, axis: &Axis, request: &GenerationRequest) -> String {
        match axis {
            Axis::Checkpoint { .. } => "Checkpoint".to_owned(),
            Axis::Adapter { .. } => "Adapter".to_owned(),
            Axis::Weight { strand, .. } => format!("Weight of {}", self.strand(request, *strand)),
            Axis::Block { strand, slot, .. } => format!("{slot} of {}", self.strand(request, *strand)),
            Axis::Profile { strand, .. } => format!("Profile of {}", self.strand(request, *strand)),
            Axis::Sampler { .. } => "Sampler".to_owned(),
            Axis::Schedule { .. } => "Schedule".to_owned(),
            Axis::Seed { .. } => "Seed".to_owned(),
            Axis::Number { name, .. } => registered(name).map_or_else(|_| name.clone(), |number| number.label.to_owned()),
            Axis::Words { find, .. } => format!("“{}”", short(find)),
        }
    }

    /// One label for each value of an axis.
    pub(super) fn labels(&self, axis: &Axis) -> Vec<String> {
        match axis {
            Axis::Checkpoint { values } => {
                values.iter().map(|id| self.checkpoints.get(id).cloned().unwrap_or_else(|| format!("checkpoint {id}"))).collect()
            }
            Axis::Adapter { values, .. } => values.iter().map(|id| self.adapter(*id)).collect(),
            Axis::Weight { values, .. } | Axis::Block { values, .. } | Axis::Number { values, .. } => {
                values.iter().map(|v| format!("{}", (v * 1e6).round() / 1e6)).collect()
            }
            Axis::Profile { values, .. } => {
                let name = |(i, p): (usize, &ProfileValues)| p.name.clone().unwrap_or_else(|| format!("Profile {}", i + 1));
                values.iter().enumerate().map(name).collect()
            }
            Axis::Sampler { values } => values.iter().map(|v| v.label().to_owned()).collect(),
            Axis::Schedule { values } => values.iter().map(|v| v.label().to_owned()).collect(),
            Axis::Seed { values } => values.iter().map(u64::to_string).collect(),
            Axis::Words { values, .. } => {
                values.iter().map(|v| if v.trim().is_empty() { "(nothing)".to_owned() } else { short(v) }).collect()
            }
        }
    }
}

fn short(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST { text.to_owned() } else { text.chars().take(MOST - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_domain::generation::{AdapterUse, Sampler};

    fn fox() -> GenerationRequest {
        let used = AdapterUse { adapter: AdapterId(7), weight: 1.0, text_weight: None, profile: None, start: 0.0, stop: 1.0 };
        GenerationRequest { prompt: "a red fox".to_owned(), seed: Some(u64::MAX), adapters: vec![used], ..GenerationRequest::default() }
    }

    #[test]
    fn a_batch_counts_seeds_up_and_round() {
        let all = cells(&GenerationRequest { count: 3, ..fox() }).expect("cells");
        assert_eq!(all.iter().map(|c| c.seed).collect::<Vec<_>>(), [Some(u64::MAX), Some(0), Some(1)]);
        assert!(all.iter().all(|c| c.count == 1));
    }

    #[test]
    fn a_sheet_goes_row_by_row_with_one_seed() {
        let axes = vec![
            Axis::Weight { strand: 0, values: vec![0.0, 0.5, 1.0] },
            Axis::Words { find: "red".to_owned(), values: vec!["blue".to_owned(), "green".to_owned()] },
        ];
        let all = cells(&GenerationRequest { axes, count: 9, ..fox() }).expect("cells");
        let seen: Vec<(f64, &str)> = all.iter().map(|c| (c.adapters[0].weight, c.prompt.as_str())).collect();
        let (blue, green) = ("a blue fox", "a green fox");
        assert_eq!(seen, [(0.0, blue), (0.5, blue), (1.0, blue), (0.0, green), (0.5, green), (1.0, green)]);
        assert!(all.iter().all(|c| c.seed == Some(u64::MAX)));
    }

    #[test]
    fn every_number_of_the_registry_can_be_an_axis() {
        for number in weft_domain::generation::parameter::GENERATION {
            let axis = Axis::Number { name: number.name.to_owned(), values: vec![number.max] };
            let changed = cells(&GenerationRequest { axes: vec![axis], ..fox() }).expect(number.name);
            if number.name != "denoise" {
                assert_ne!((changed[0].numbers, changed[0].variation), (fox().numbers, fox().variation), "{}", number.name);
            }
        }
    }

    #[test]
    fn labels_are_for_people() {
        let names = Names { adapters: [(AdapterId(7), "Ink".to_owned())].into(), ..Names::default() };
        let weight = Axis::Weight { strand: 0, values: vec![0.1 + 0.2, -1.0] };
        assert_eq!(
            (names.title(&weight, &fox()).as_str(), names.labels(&weight)),
            ("Weight of Ink", vec!["0.3".to_owned(), "-1".to_owned()])
        );
        let sampler = Axis::Sampler { values: vec![Sampler::EulerA] };
        assert_eq!(names.labels(&sampler), ["Euler a"]);
        let number = Axis::Number { name: "cfg".to_owned(), values: vec![7.0] };
        assert_eq!(names.title(&number, &fox()), "CFG scale");
    }
}
