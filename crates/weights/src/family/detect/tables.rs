//! Families whose denoiser is a table of weights: the file's modules are looked up in every family, and the one that knows most of
//! them, in the right shapes, wins.

use super::fit::{Against, Named, classes};
use super::{Candidate, Keys, Verdict, list};
use crate::family::Family;
use crate::family::model::{self, Size};

/// Least share of the modules that must be known by name.
const SHARE: f64 = 0.4;

/// A family that knows the file, at its best size.
struct Candidacy {
    family: Family,
    /// Modules with a known name and a possible shape, less three for each with an impossible one.
    score: isize,
    against: Against,
    /// Sizes that fit equally well, the more common one first.
    sizes: Vec<&'static Size>,
}

/// None when the names are those of no family with a table.
pub(super) fn detect(keys: &Keys<'_>) -> Option<Verdict> {
    let classes = classes(keys);
    let total: usize = keys.0.len();
    let known: Vec<Named<'_>> =
        model::all().map(|m| Named::new(m, &classes)).filter(|n| n.modules as f64 >= SHARE * total as f64).collect();
    if known.is_empty() {
        return None;
    }
    let mut list: Vec<Candidacy> = known.iter().filter_map(candidacy).collect();
    let Some(best) = list.iter().map(|c| c.score).max() else { return Some(odd_widths(&known, total)) };
    list.retain(|c| c.score == best);
    // Runs of blocks that are there from first to last speak for the model that has just so many.
    let complete = list.iter().any(|c| c.against.complete);
    let (front, back): (Vec<_>, Vec<_>) = list.into_iter().partition(|c| c.against.complete == complete);
    Some(verdict(&front, &back, total))
}

/// The family's best size; None when more modules contradict each than agree.
fn candidacy(named: &Named<'_>) -> Option<Candidacy> {
    let tried: Vec<(&'static Size, Against)> = named.model.sizes.iter().map(|s| (s, named.against(s))).collect();
    let least = tried.iter().map(|(_, a)| a.wrong).min()?;
    let fits = || tried.iter().filter(|(_, a)| a.wrong == least);
    let complete = fits().any(|(_, a)| a.complete);
    let sizes: Vec<_> = fits().filter(|(_, a)| a.complete == complete).map(|(s, _)| *s).collect();
    let against = fits().map(|(_, a)| *a).find(|a| a.complete == complete)?;
    let score = named.modules as isize - 4 * least as isize;
    (score > 0).then_some(Candidacy { family: named.model.family, score, against, sizes })
}

/// `front` fits; `back` fits as well, but has other numbers of blocks than the file.
fn verdict(front: &[Candidacy], back: &[Candidacy], total: usize) -> Verdict {
    let first = &front[0];
    let measured = first.against.measured > 0;
    let mut evidence = vec![told(first, total)];
    let open = front.len() - 1;
    let mut confidence: f32 = match (front.len(), measured) {
        (1, true) if back.is_empty() => 0.97,
        (1, true) => 0.8,
        (1, false) => 0.7,
        _ => 0.6,
    };
    let unknown = total as isize - first.score;
    if unknown > 0 {
        confidence -= 0.3 * unknown as f32 / total as f32;
    }
    if !back.is_empty() {
        let names: Vec<&str> = back.iter().map(|c| c.family.label()).collect();
        evidence.push(format!(
            "{} would fit as well, but the runs of blocks end where those of {} do.",
            list(&names),
            first.family.label()
        ));
    }
    if !measured {
        evidence.push("No width could be compared.".to_owned());
    }
    let rivals = front[1..].iter().chain(back).map(candidate).collect();
    let Candidate { family, layout, variant } = candidate(first);
    Verdict { family: Some(family), confidence, evidence, layout, rivals, open, variant, looks_like: None }
}

/// The size is told where all that fit agree on it; else the more common one's layout is taken.
fn candidate(c: &Candidacy) -> Candidate {
    let size = c.sizes[0];
    // Sizes that differ in what the file does not hold are told by the first, the plain one, as long as its shapes were compared.
    let variant = (c.against.measured > 0).then(|| size.label.to_owned());
    Candidate { family: c.family, layout: size.layout(), variant }
}

fn told(c: &Candidacy, total: usize) -> String {
    let size = c.sizes[0];
    let label = if size.label.is_empty() { c.family.label().to_owned() } else { format!("{} {}", c.family.label(), size.label) };
    let agreeing = usize::try_from(c.score.max(0)).unwrap_or(0);
    let how_many = if agreeing >= total { format!("All {total}") } else { format!("{agreeing} of {total}") };
    if c.against.measured > 0 {
        format!("{how_many} changed weights have the names and shapes of {label}, {} wide.", size.widths[0])
    } else {
        format!("{how_many} changed weights have the names of {}.", c.family.label())
    }
}

/// Names of a family, but widths that none of its models has: a model of another size, or a small one for a test.
fn odd_widths(known: &[Named<'_>], total: usize) -> Verdict {
    let solved: Vec<_> = known
        .iter()
        .map(|n| {
            let (widths, wrong) = n.solve();
            (n, widths, n.modules as isize - wrong as isize)
        })
        .collect();
    let best = solved.iter().map(|(.., score)| *score).max().unwrap_or(0);
    let fits: Vec<_> = solved.iter().filter(|(.., score)| *score == best).collect();
    let Some((first, widths, _)) = fits.first().filter(|_| best > 0) else {
        return Verdict::nothing("The blocks have names that are known, but shapes that fit no family with such names.");
    };
    let of = |n: &Named<'_>| {
        let size = n.model.sizes.iter().find(|s| n.within(s));
        Candidate { family: n.model.family, layout: size.and_then(Size::layout), variant: None }
    };
    let rivals: Vec<Candidate> = fits[1..].iter().map(|(n, ..)| of(n)).collect();
    let width = widths[0].map_or_else(|| "of a width that is not told".to_owned(), |w| format!("{w} wide, which no known model of it is"));
    let names = format!("{} of {total} changed weights have the names of {}", first.modules, first.model.family.label());
    let own = of(first);
    if rivals.is_empty() || !first.stems_are_common() {
        let (open, confidence) = if rivals.is_empty() { (0, 0.5) } else { (rivals.len(), 0.3) };
        let (evidence, layout) = (vec![format!("{names}, {width}.")], own.layout);
        return Verdict { family: Some(own.family), confidence, evidence, layout, rivals, open, ..Verdict::default() };
    }
    let rivals: Vec<_> = std::iter::once(own).chain(rivals).collect();
    Verdict { open: rivals.len(), rivals, evidence: vec![format!("{names} and of others, {width}.")], ..Verdict::default() }
}
