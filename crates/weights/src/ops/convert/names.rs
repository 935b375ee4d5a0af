//! Which modules a weight becomes under the chosen names.

use super::Convention;
use crate::adapter::{Adapter, Component, Module, Naming, Target};
use crate::family::Family;
use crate::family::model;
use crate::keys::{Rows, names};

/// A module of the result, or the rows of one weight that become it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// Key stem.
    pub(super) stem: String,
    /// (first row, rows) of the whole weight.
    pub(super) rows: (usize, usize),
    /// Its halves stand in the other order than in the whole weight.
    pub(super) swapped: bool,
}

/// What all names of a file depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) to: Convention,
    pub(super) family: Family,
    last_block: Option<usize>,
    adapter: &'a Adapter,
}

impl<'a> Names<'a> {
    pub(super) fn of(adapter: &'a Adapter, to: Convention) -> Self {
        let last_block = adapter.detection.layout.and_then(|l| l.slots.len().checked_sub(1));
        Self { to, family: adapter.detection.family, last_block, adapter }
    }

    /// Height of the whole weight of `path`, whose columns are `n`, when only leaves of it are there.
    pub(super) fn height(&self, path: &str, n: usize, leaves: &[&Module]) -> Option<usize> {
        let known = names::rows(self.family, path, n);
        let reach = leaves.iter().filter_map(|m| m.target.rows).map(|(start, rows)| start + rows).max()?;
        known.filter(|m| *m >= reach)
    }

    /// The modules that the whole weight of `path` (m×n) becomes; None when its name is not known. `modules` are those of the input.
    pub(super) fn units(&self, component: Component, path: &str, (m, n): (usize, usize), modules: &[&Module]) -> Option<Vec<Unit>> {
        if self.to.pairs_only() {
            return self.diffusers(component, path, (m, n), modules);
        }
        let windows = self.own_windows(component, path, n, modules);
        if let Some(units) = windows {
            return Some(units);
        }
        let stem = self.whole(component, path, modules)?;
        Some(vec![Unit { stem, rows: (0, m), swapped: false }])
    }

    /// Files in circulation have kohya's names for the leaves of some fused weights: leaves keep them.
    fn own_windows(&self, component: Component, path: &str, n: usize, modules: &[&Module]) -> Option<Vec<Unit>> {
        if self.to != Convention::Kohya {
            return None;
        }
        let mut rows: Vec<(usize, usize)> = modules.iter().map(|m| m.target.rows).collect::<Option<_>>()?;
        rows.sort_unstable();
        rows.dedup();
        let unit = |rows: (usize, usize)| {
            let target = Target { component, path: path.to_owned(), rows: Some(rows) };
            Some(Unit { stem: names::kohya(self.family, &target, n)?, rows, swapped: false })
        };
        rows.into_iter().map(unit).collect()
    }

    /// The stem of a whole weight in original names.
    pub(super) fn whole(&self, component: Component, path: &str, modules: &[&Module]) -> Option<String> {
        let target = Target { component, path: path.to_owned(), rows: None };
        match (self.to, component) {
            (Convention::Kohya, _) => Some(names::kohya_stem(self.family, &target)),
            (_, Component::Denoiser) => {
                let dotted = names::native(self.family, &target).or_else(|| self.stated(path, modules))?;
                Some(format!("diffusion_model.{dotted}"))
            }
            (_, Component::TextEncoder(number)) => {
                let encoder = match number {
                    1 if self.family == Family::Sd2 => "clip_h",
                    1 => "clip_l",
                    2 => "clip_g",
                    3 => "t5xxl",
                    _ => return None,
                };
                Some(format!("text_encoders.{encoder}.transformer.{}", self.twin(component, path)?))
            }
        }
    }

    /// Where no table knows the path, the dotted one that the file itself has.
    fn stated(&self, path: &str, modules: &[&Module]) -> Option<String> {
        let stem = modules.iter().find(|m| m.naming != Naming::Kohya && m.target.rows.is_none()).map(|m| m.name.as_str())?;
        (0..stem.len())
            .filter(|at| *at == 0 || stem.as_bytes()[at - 1] == b'.')
            .map(|at| &stem[at..])
            .find(|tail| tail.replace('.', "_") == path)
            .map(str::to_owned)
    }

    /// diffusers' path of a weight that is one there too.
    fn twin(&self, component: Component, path: &str) -> Option<String> {
        let twins = names::twins(self.family, component, path, self.last_block);
        if let [one] = twins.as_slice() { Some(one.name.clone()) } else { None }
    }

    fn diffusers(&self, component: Component, path: &str, (m, n): (usize, usize), modules: &[&Module]) -> Option<Vec<Unit>> {
        let prefix = self.prefix(component)?;
        let twins = names::twins(self.family, component, path, self.last_block);
        if twins.is_empty() {
            let unknown = model::of(self.family).is_none() && !self.family.is_unet();
            let stated = self.stated(path, modules).filter(|_| unknown && component == Component::Denoiser)?;
            return Some(vec![Unit { stem: format!("{prefix}{stated}"), rows: (0, m), swapped: false }]);
        }
        let rows: Vec<Rows> = twins.iter().map(|t| t.rows).collect();
        let windows = windows(&rows, m, n)?;
        let unit = |(twin, rows): (names::Twins, _)| Unit { stem: format!("{prefix}{}", twin.name), rows, swapped: twin.swapped_halves };
        Some(twins.into_iter().zip(windows).map(unit).collect())
    }

    fn prefix(&self, component: Component) -> Option<&'static str> {
        if self.to == Convention::Peft {
            return Some("base_model.model.");
        }
        Some(match component {
            Component::Denoiser if self.family.is_unet() => "unet.",
            Component::Denoiser => "transformer.",
            Component::TextEncoder(1) => "text_encoder.",
            Component::TextEncoder(2) => "text_encoder_2.",
            // T5 is the second encoder of Flux.1, the third of SD 3.
            Component::TextEncoder(3) if self.family == Family::Flux1 => "text_encoder_2.",
            Component::TextEncoder(3) if self.family == Family::Sd3 => "text_encoder_3.",
            Component::TextEncoder(_) => return None,
        })
    }

    /// True where the layer is a convolution in the model, so that diffusers wants factors with four dimensions.
    pub(super) fn convolution(&self, path: &str) -> bool {
        let ends = |list: &[&str]| list.iter().any(|e| path.ends_with(e));
        self.family.is_unet()
            && (ends(&["_conv", "conv_in", "conv_out", "_conv1", "_conv2", "conv_shortcut"])
                || (self.family == Family::Sd1 && ends(&["_proj_in", "_proj_out"])))
    }

    /// A name for messages.
    pub(super) fn family_label(&self) -> &'static str {
        self.adapter.detection.family.label()
    }
}

/// (first row, rows) of each part of an m×n weight; None when the parts do not fill it.
fn windows(parts: &[Rows], m: usize, n: usize) -> Option<Vec<(usize, usize)>> {
    if let [Rows::All] = parts {
        return Some(vec![(0, m)]);
    }
    let equal = parts.iter().filter(|r| matches!(r, Rows::Nth(_))).count();
    let columns = parts.iter().find_map(|r| if let Rows::After { columns, .. } = r { Some(*columns) } else { None });
    // The equal ones fill the weight, or as many rows as the others begin after.
    let front = columns.map_or(m, |c| c * n);
    let behind = parts.len() - equal;
    let (near, far) = (front.checked_div(equal)?, m.checked_sub(front)?.checked_div(behind).unwrap_or(0));
    let made: Vec<(usize, usize)> = parts
        .iter()
        .map(|r| match r {
            Rows::Nth(_) => r.window(near, n),
            _ => r.window(far, n),
        })
        .collect::<Option<_>>()?;
    (made.iter().map(|w| w.1).sum::<usize>() == m && made.iter().all(|w| w.1 > 0)).then_some(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_the_weight() {
        let qkv = [Rows::Nth(0), Rows::Nth(1), Rows::Nth(2)];
        assert_eq!(windows(&qkv, 12, 4), Some(vec![(0, 4), (4, 4), (8, 4)]));
        assert_eq!(windows(&[qkv[0], qkv[1], qkv[2], Rows::AFTER_QKV], 28, 4), Some(vec![(0, 4), (4, 4), (8, 4), (12, 16)]));
        let grouped = [Rows::Nth(0), Rows::After { columns: 1, own: 0 }, Rows::After { columns: 1, own: 1 }];
        assert_eq!(windows(&grouped, 10, 6), Some(vec![(0, 6), (6, 2), (8, 2)]));
        assert_eq!(windows(&[Rows::All], 7, 3), Some(vec![(0, 7)]));
        assert_eq!(windows(&qkv, 13, 4), None);
        assert_eq!(windows(&grouped, 5, 6), None);
    }
}
