//! From what a person asks for to what the weights room does: limits checked by the parameter registry, names turned into files.

use super::members::Loaded;
use weft_domain::Problem;
use weft_domain::merge::{Form, Method, ProfileValues, RankPoint, Strand, Weave};
use weft_domain::parameter::{BLOCK, ENERGY, RANK, WEIGHT};
use weft_weights::layout::Layout;
use weft_weights::merge::{EnergyCurve, MergeError, MergeInput, MergePlan};
use weft_weights::profile::Profile;
use weft_weights::{layout, merge};

/// Most strands of one weave.
pub(crate) const STRANDS_MAX: usize = 32;

/// Checks everything that needs no file.
pub(crate) fn check(weave: &Weave) -> Result<(), Problem> {
    if weave.strands.is_empty() {
        return Err(Problem::invalid("strands", "Choose at least one adapter."));
    }
    if weave.strands.len() > STRANDS_MAX {
        return Err(Problem::invalid("strands", format!("At most {STRANDS_MAX} adapters can be woven at once."))
            .hint("Weave some of them first, then weave the results."));
    }
    for strand in &weave.strands {
        WEIGHT.check(strand.weight)?;
        for (slot, value) in strand.profile.iter().flat_map(|p| &p.slots) {
            BLOCK.check(*value).map_err(|problem| problem.detail(format!("{} is {value}.", slot.chars().take(40).collect::<String>())))?;
        }
    }
    if weave.method == Method::Average && weave.strands.iter().all(|s| s.weight == 0.0) {
        return Err(Problem::invalid("weight", "An average needs a weight other than 0."));
    }
    if let Some(rank) = weave.rank {
        RANK.check(f64::from(rank))?;
    }
    if let Some(energy) = weave.energy {
        ENERGY.check(energy)?;
    }
    if weave.method == Method::Svd && weave.rank.is_none() && weave.energy.is_none() {
        return Err(Problem::invalid("rank", "Say how far to compress: a rank, or the share of the energy to keep."));
    }
    Ok(())
}

/// The plan for the loaded strands. Rank and energy count for `svd` alone.
pub(crate) fn plan(weave: &Weave, loaded: &[Loaded], title: Option<String>) -> Result<MergePlan, Problem> {
    let mut plan = MergePlan::new(inputs(&weave.strands, loaded)?, weave.method, weave.dtype);
    if weave.method.takes_size() && weave.options.form != Form::Diff {
        plan.rank = weave.rank.and_then(|r| usize::try_from(r).ok());
        plan.energy = weave.energy;
    }
    plan.options = weave.options.clone();
    plan.title = title;
    Ok(plan)
}

/// Weight and profile of every strand, beside what its file is called.
pub(crate) fn inputs(strands: &[Strand], loaded: &[Loaded]) -> Result<Vec<MergeInput>, Problem> {
    let input = |(strand, member): (&Strand, &Loaded)| {
        let profile = strand.profile.as_ref().map(|p| profile(p, member)).transpose()?.filter(|p| !p.is_neutral());
        Ok(MergeInput { profile, sha256: member.sha256.clone(), ..MergeInput::new(member.label.clone(), strand.weight) })
    };
    strands.iter().zip(loaded).map(input).collect()
}

pub(crate) fn profile(values: &ProfileValues, member: &Loaded) -> Result<Profile, Problem> {
    profile_for(values, member.adapter.detection.layout, &member.name)
}

/// The profile for an adapter of the layout `own`; `name` is what people call it.
pub(crate) fn profile_for(values: &ProfileValues, own: Option<&'static Layout>, name: &str) -> Result<Profile, Problem> {
    let refuse = |why: String| Problem::invalid("profile", format!("The block profile of {name} cannot be used: {why}."));
    let layout = Layout::by_id(&values.layout).ok_or_else(|| refuse("its layout is not known".into()))?;
    match own {
        Some(own) if own.id != layout.id => return Err(refuse(format!("it is for {}, the adapter has {}", layout.id, own.id))),
        None => return Err(refuse("the block layout of the adapter is not known".into())),
        Some(_) => {}
    }
    let mut profile = Profile::neutral(layout);
    for (slot, value) in &values.slots {
        profile.set_named(slot, *value).map_err(|error| refuse(error.to_string()))?;
    }
    Ok(profile)
}

/// What went wrong in the weights room, for a person.
pub(crate) fn problem(error: MergeError) -> Problem {
    match error {
        MergeError::Incompatible(reasons) => {
            Problem::invalid("strands", "These adapters cannot be woven together.").detail(sentences(&reasons))
        }
        MergeError::Write(error) => {
            Problem::new(weft_domain::ProblemKind::Unavailable, "The new file could not be written.").detail(error.to_string())
        }
        MergeError::Cancelled(_) => Problem::new(weft_domain::ProblemKind::Unavailable, "The work was stopped."),
        other => Problem::invalid("strands", "These adapters cannot be woven.").detail(sentence(&other.to_string())),
    }
}

/// The reasons as sentences.
pub(crate) fn sentences(reasons: &[String]) -> String {
    reasons.iter().map(|r| sentence(r)).collect::<Vec<_>>().join(" ")
}

/// Ends with a full stop. Names of files keep their case.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// What the request as it stands will keep: measured for its own rank or energy, or all of it. The methods that work element by element have
/// another spectrum than the sum that was measured; theirs is known once they are woven.
pub(crate) fn chosen(curve: &EnergyCurve, weave: &Weave) -> Option<RankPoint> {
    match &curve.chosen {
        Some(found) => Some(point(found)),
        None if !weave.method.is_linear() => None,
        None => curve.ranks.last().map(point),
    }
}

/// A point of the weights room in the words of the request.
pub(crate) fn point(point: &merge::CurvePoint) -> RankPoint {
    RankPoint { rank: u32::try_from(point.rank).unwrap_or(u32::MAX), energy: point.energy, bytes: point.bytes }
}

/// Name of a layout by which the page finds its blocks.
pub(crate) fn shared_layout(loaded: &[Loaded]) -> Option<&'static layout::Layout> {
    let mut layouts = loaded.iter().filter_map(|m| m.adapter.detection.layout);
    let first = layouts.next()?;
    layouts.all(|l| l.id == first.id).then_some(first)
}
