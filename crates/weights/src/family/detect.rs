//! Telling the family from keys and shapes. Widths are stronger than indices (partial adapters are common), shapes are
//! stronger than metadata, and "unknown" is an answer.

mod transformer;
mod unet;

use super::hints::{Claim, Hints};
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
struct Verdict {
    claim: Option<Claim>,
    confidence: f32,
    evidence: Vec<String>,
    layout: Option<&'static Layout>,
    /// Families that keys and shapes cannot rule out; metadata may choose among them.
    rivals: Vec<Claim>,
    variant: Option<String>,
}

impl Verdict {
    fn known(family: Family, confidence: f32, evidence: impl Into<String>) -> Self {
        let layout = Layout::for_family(family).next();
        Self { claim: Some(Claim::Known(family)), confidence, evidence: vec![evidence.into()], layout, rivals: Vec::new(), variant: None }
    }

    fn foreign(label: &'static str, evidence: impl Into<String>) -> Self {
        let evidence = vec![evidence.into(), format!("It looks like {label}, which has no block layout here yet.")];
        Self { claim: Some(Claim::Foreign(label)), confidence: 0.8, evidence, layout: None, rivals: Vec::new(), variant: None }
    }

    fn nothing(evidence: impl Into<String>) -> Self {
        Self { claim: None, confidence: 0.0, evidence: vec![evidence.into()], layout: None, rivals: Vec::new(), variant: None }
    }

    fn rivals(mut self, rivals: &[Claim]) -> Self {
        self.rivals = rivals.to_vec();
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

    /// Highest index after `prefix`.
    fn max_index(&self, prefix: &str) -> Option<usize> {
        self.0.iter().filter_map(|e| indexed(e.path, prefix).map(|(i, _)| i)).max()
    }

    /// The width that most modules with `test` have.
    fn width(&self, test: impl Fn(&str) -> bool) -> Option<usize> {
        let mut widths: Vec<usize> = self.0.iter().filter(|e| e.width > 0 && test(e.path)).map(|e| e.width).collect();
        widths.sort_unstable();
        widths.chunk_by(|a, b| a == b).max_by_key(|run| run.len()).map(|run| run[0])
    }

    /// Rows per column of the first module with `test`, when it is a whole number.
    fn ratio(&self, test: impl Fn(&str) -> bool) -> Option<usize> {
        let e = self.0.iter().find(|e| e.width > 0 && e.out_dim > 0 && test(e.path))?;
        e.out_dim.is_multiple_of(e.width).then_some(e.out_dim / e.width)
    }
}

/// Tells the family of the model that these modules belong to.
#[must_use]
pub fn detect(evidence: &[Evidence<'_>], hints: &Hints) -> Detection {
    let keys = Keys(evidence.iter().filter(|e| e.component == Component::Denoiser).copied().collect());
    let te2 = evidence.iter().any(|e| e.component == Component::TextEncoder(2));
    let verdict = if keys.0.is_empty() {
        text_only(evidence)
    } else {
        transformer::detect(&keys)
            .or_else(|| unet::detect(&keys, te2))
            .unwrap_or_else(|| Verdict::nothing("No key has the name of a block that is known."))
    };
    settle(verdict, hints)
}

/// Weighs the verdict against the metadata.
fn settle(mut verdict: Verdict, hints: &Hints) -> Detection {
    if let Some((claim, place)) = &hints.claim {
        match verdict.claim {
            Some(own) if own == *claim => {
                verdict.confidence = (verdict.confidence + 0.1).min(0.99);
                verdict.evidence.push(format!("The metadata says the same ({place})."));
            }
            Some(own) if verdict.rivals.contains(claim) => {
                verdict.evidence.push(format!(
                    "Keys and shapes fit {} as well as {}; the metadata decides ({place}).",
                    own.label(),
                    claim.label()
                ));
                verdict.confidence = verdict.confidence.clamp(0.5, 0.8);
                follow(&mut verdict, *claim);
            }
            Some(own) => {
                verdict.confidence = (verdict.confidence - 0.1).max(0.1);
                verdict.evidence.push(format!(
                    "The metadata says {} ({place}), but keys and shapes are those of {}; they count more.",
                    claim.label(),
                    own.label()
                ));
            }
            None if verdict.rivals.contains(claim) => {
                verdict.confidence = 0.5;
                verdict.evidence.push(format!("The metadata says {} ({place}).", claim.label()));
                follow(&mut verdict, *claim);
            }
            None => verdict.evidence.push(format!("The metadata says {} ({place}), but nothing in the keys confirms it.", claim.label())),
        }
    }
    let family = match verdict.claim {
        Some(Claim::Known(family)) => family,
        _ => Family::Unknown,
    };
    let looks_like = match verdict.claim {
        Some(Claim::Foreign(label)) => Some(label),
        _ => None,
    };
    let variant = variant(family, verdict.variant, hints);
    let confidence = if family == Family::Unknown { 0.0 } else { verdict.confidence };
    Detection { family, confidence, evidence: verdict.evidence, variant, layout: verdict.layout, looks_like }
}

fn follow(verdict: &mut Verdict, claim: Claim) {
    verdict.claim = Some(claim);
    verdict.layout = match claim {
        Claim::Known(family) => Layout::for_family(family).next(),
        Claim::Foreign(_) => None,
    };
}

/// Finer than the family, from shapes first, then from names.
fn variant(family: Family, shape: Option<String>, hints: &Hints) -> Option<String> {
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

/// Files without a denoiser: the widths of the text encoders are all there is.
fn text_only(evidence: &[Evidence<'_>]) -> Verdict {
    let has = |n| evidence.iter().any(|e| e.component == Component::TextEncoder(n));
    let hidden =
        |e: &&Evidence<'_>| e.path.contains("q_proj") || e.path.contains("k_proj") || e.path.contains("v_proj") || e.path.contains("fc1");
    let width = evidence.iter().find(|e| hidden(e) && e.width > 0).map(|e| e.width);
    let all: Vec<Claim> = Family::ALL.into_iter().map(Claim::Known).collect();
    let only = "The file changes text encoders only";
    let verdict = match (has(1), has(2), has(3), width) {
        (_, true, true, _) => Verdict::known(Family::Sd3, 0.5, format!("{only}: two CLIP encoders and T5, as SD 3 has them.")),
        (_, _, true, _) => Verdict::known(Family::Flux1, 0.5, format!("{only}, T5 among them, as Flux.1 has it.")),
        (true, true, ..) => Verdict::known(Family::Sdxl, 0.7, format!("{only}: two CLIP encoders, as SDXL has them.")),
        (_, true, ..) => Verdict::known(Family::Sdxl, 0.6, format!("{only}: the second one, which SDXL has.")),
        (.., Some(1024)) => Verdict::known(Family::Sd2, 0.6, format!("{only}, 1024 wide, as in SD 2.")),
        (.., Some(1280)) => Verdict::known(Family::Sdxl, 0.5, format!("{only}, 1280 wide, as the second one of SDXL.")),
        (.., Some(768)) if evidence.iter().any(|e| e.stem.starts_with("lora_te1_")) => {
            Verdict::nothing(format!("{only}: CLIP-L, which SDXL, SD 3 and Flux.1 share."))
        }
        (.., Some(768)) => Verdict::known(Family::Sd1, 0.5, format!("{only}, 768 wide, as in SD 1 (SDXL and Flux.1 have the same one).")),
        _ => Verdict::nothing(format!("{only}, of no known width.")),
    };
    verdict.rivals(&all)
}

#[cfg(test)]
mod tests;
