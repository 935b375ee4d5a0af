//! Telling the family from keys and shapes. Widths are stronger than indices (partial adapters are common), shapes are
//! stronger than metadata, and "either of these" and "unknown" are answers.

mod fit;
mod tables;
mod text;
mod unet;

use super::hints::Hints;
use super::{Detection, Family};
use crate::adapter::Component;
use crate::keys::indexed;
use crate::layout::Layout;

/// What one module says about its model.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    pub component: Component,
    /// Path inside the network, flattened, prefixes removed.
    pub path: &'a str,
    /// Name in the file.
    pub stem: &'a str,
    /// Rows of the changed weight; 0 where unknown.
    pub out_dim: usize,
    /// Columns without the kernel; 0 where unknown.
    pub width: usize,
}

/// What the keys and shapes alone say.
#[derive(Debug, Default)]
struct Verdict {
    family: Option<Family>,
    /// A model that has no family here.
    looks_like: Option<&'static str>,
    confidence: f32,
    evidence: Vec<String>,
    layout: Option<&'static Layout>,
    /// Families that keys and shapes cannot rule out, `family` left out; metadata may choose among them.
    rivals: Vec<Candidate>,
    /// How many of the first rivals are as likely as `family`, so that the user should know of them.
    open: usize,
    variant: Option<String>,
}

/// A family with the layout and variant that go with it.
#[derive(Debug, Clone)]
struct Candidate {
    family: Family,
    layout: Option<&'static Layout>,
    variant: Option<String>,
}

impl Candidate {
    fn plain(family: Family) -> Self {
        Self { family, layout: Layout::for_family(family).next(), variant: None }
    }
}

impl Verdict {
    fn known(family: Family, confidence: f32, evidence: impl Into<String>) -> Self {
        let layout = Layout::for_family(family).next();
        Self { family: Some(family), confidence, evidence: vec![evidence.into()], layout, ..Self::default() }
    }

    fn foreign(label: &'static str, evidence: impl Into<String>) -> Self {
        let evidence = vec![evidence.into(), format!("It looks like {label}, which has no block layout here.")];
        Self { looks_like: Some(label), evidence, ..Self::default() }
    }

    fn nothing(evidence: impl Into<String>) -> Self {
        Self { evidence: vec![evidence.into()], ..Self::default() }
    }

    fn rivals(mut self, rivals: &[Family]) -> Self {
        self.rivals = rivals.iter().copied().filter(|f| Some(*f) != self.family).map(Candidate::plain).collect();
        self
    }
}

/// The denoiser's modules, with the questions that the tests ask.
struct Keys<'a>(Vec<Evidence<'a>>);

impl<'a> Keys<'a> {
    fn any(&self, test: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|e| test(e.path))
    }

    fn begins(&self, prefix: &str) -> bool {
        self.any(|p| p.starts_with(prefix))
    }

    fn has(&self, part: &str) -> bool {
        self.any(|p| p.contains(part))
    }

    /// The width that most modules with `test` have.
    fn width(&self, test: impl Fn(&str) -> bool) -> Option<usize> {
        let mut widths: Vec<usize> = self.0.iter().filter(|e| e.width > 0 && test(e.path)).map(|e| e.width).collect();
        widths.sort_unstable();
        widths.chunk_by(|a, b| a == b).max_by_key(|run| run.len()).map(|run| run[0])
    }
}

/// Tells the family of the model that these modules belong to.
#[must_use]
pub fn detect(evidence: &[Evidence<'_>], hints: &Hints) -> Detection {
    let keys = Keys(evidence.iter().filter(|e| e.component == Component::Denoiser).copied().collect());
    let te2 = evidence.iter().any(|e| e.component == Component::TextEncoder(2));
    let verdict = if keys.0.is_empty() {
        text::detect(evidence)
    } else {
        tables::detect(&keys)
            .or_else(|| unet::detect(&keys, te2))
            .unwrap_or_else(|| Verdict::nothing("No key has the name of a block that is known."))
    };
    settle(verdict, hints)
}

/// Weighs the verdict against the metadata.
fn settle(mut verdict: Verdict, hints: &Hints) -> Detection {
    weigh(&mut verdict, hints);
    let family = verdict.family.unwrap_or_default();
    let variant = variant(family, verdict.variant, hints);
    let confidence = if family == Family::Unknown { 0.0 } else { verdict.confidence };
    let rivals: Vec<Family> = verdict.rivals.iter().take(verdict.open).map(|c| c.family).collect();
    if !rivals.is_empty() {
        let names: Vec<&str> = rivals.iter().map(|f| f.label()).collect();
        let it = verdict.family.map_or("It may be for", |_| "It may as well be for");
        verdict.evidence.push(format!(
            "{it} {}: these keys and shapes fit {} too.",
            list(&names),
            if names.len() == 1 { "it" } else { "them" }
        ));
    }
    Detection { family, confidence, evidence: verdict.evidence, variant, layout: verdict.layout, looks_like: verdict.looks_like, rivals }
}

fn weigh(verdict: &mut Verdict, hints: &Hints) {
    // What names say counts only where keys and shapes leave a choice; what metadata says is weighed in every case.
    let named =
        || hints.named().filter(|(f, _)| verdict.open > 0 && (verdict.family == Some(*f) || verdict.rivals.iter().any(|c| c.family == *f)));
    let Some((claim, place)) = hints.claim().or_else(named) else { return };
    let place = place.to_owned();
    let rival = verdict.rivals.iter().position(|c| c.family == claim);
    match (verdict.family, rival) {
        (Some(own), _) if own == claim => {
            verdict.confidence = (verdict.confidence + if verdict.open > 0 { 0.25 } else { 0.1 }).min(0.99);
            verdict.open = 0;
            verdict.evidence.push(format!("The metadata says the same ({place})."));
        }
        (own, Some(rival)) => {
            verdict.evidence.push(match own {
                Some(own) => {
                    format!("Keys and shapes fit {} as well as {}; the metadata decides ({place}).", own.label(), claim.label())
                }
                None => format!("The metadata says {} ({place}).", claim.label()),
            });
            verdict.confidence = if own.is_some() { verdict.confidence.clamp(0.5, 0.8) } else { 0.5 };
            verdict.open = 0;
            let chosen = verdict.rivals[rival].clone();
            (verdict.family, verdict.layout, verdict.variant) = (Some(chosen.family), chosen.layout, chosen.variant);
        }
        (Some(own), None) => {
            verdict.confidence = (verdict.confidence - 0.1).max(0.1);
            verdict.evidence.push(format!(
                "The metadata says {} ({place}), but keys and shapes are those of {}; they count more.",
                claim.label(),
                own.label()
            ));
        }
        (None, None) => {
            verdict.evidence.push(format!("The metadata says {} ({place}), but nothing in the keys confirms it.", claim.label()));
        }
    }
}

/// `a`, `a or b`, `a, b or c`.
fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [head @ .., last] => format!("{} or {last}", head.join(", ")),
    }
}

/// Finer than the family, from shapes first, then from names.
fn variant(family: Family, shape: Option<String>, hints: &Hints) -> Option<String> {
    let shape = shape.filter(|s| !s.is_empty());
    match family {
        Family::Flux1 => hints.flux().map(str::to_owned),
        Family::Sdxl => hints.sdxl().map(str::to_owned),
        Family::Wan => {
            let shape = shape?;
            let expert = hints.wan_expert().filter(|_| shape.starts_with("14B"));
            Some(expert.map_or(shape.clone(), |e| format!("{shape}, {e}")))
        }
        Family::Sd2 => hints.word("768 v").then(|| "768-v".to_owned()),
        _ => shape,
    }
}

#[cfg(test)]
mod tests;
