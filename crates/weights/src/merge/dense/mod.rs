//! Merges element by element. The dense ΔW of each input is computed by tiles from its factors, as often as a pass needs it; the merged
//! difference is kept only while its module is decomposed, and only where it is of moderate size.
//!
//! An input is first thinned ([`thin`]), then the thinned inputs are brought together ([`agree`]). The methods are pairs of the two:
//!
//! | Method | Thinned by | Brought together by |
//! |---|---|---|
//! | ties | magnitude | election, mean of those that agree |
//! | dare | chance | sum |
//! | dare_ties | chance | election, mean |
//! | della | chance that rises with the rank in the row | election, mean |
//! | magnitude_prune | magnitude | sum |
//! | breadcrumbs | magnitude, both ends | sum |
//! | sce | variance between the inputs | election, mean by energy |

mod agree;
mod cut;
mod sce;
mod thin;
mod voice;

pub(crate) use voice::{Body, Operand, Voice};

use super::compute::{Built, Context, Way};
use super::plan::{MergeError, Method};
use super::targets::Group;
use crate::linalg::dense::{Aim, Approximation, Failed, approximate};
use crate::linalg::random::Stream;
use crate::linalg::tiles::{Held, Rows, fold, squares};
use crate::linalg::{Stack, Truncation};
use crate::progress::Progress;
use agree::Rule;
use std::ops::Range;
use thin::{Scratch, Thin};
use weft_domain::merge::{Elect, Options};

/// A merged difference up to this size is computed once and held while it is decomposed; a larger one is computed anew for every pass.
const HELD: usize = 320 << 20;

/// Largest rank of a sum whose own directions are cheap to find.
const NEAR_RANK: usize = 512;

/// Values of one input that are worked on together: with those of the others they stay in the second-level cache.
const NEAR: usize = 1 << 14;

/// The merged difference of one weight of the network.
pub(crate) struct Merged<'a> {
    pub(crate) m: usize,
    pub(crate) n: usize,
    voices: &'a [Voice],
    /// What is dropped of each voice.
    thins: Vec<Thin>,
    rule: Rule,
    /// Weight of each voice.
    weights: Vec<f32>,
    sce: Option<sce::Selection>,
}

impl<'a> Merged<'a> {
    /// The plain weighted sum.
    pub(crate) fn sum(voices: &'a [Voice], (m, n): (usize, usize), options: &Options) -> Self {
        let rule = Rule { elect: Elect::None, vote: options.vote, share: options.share };
        let thins = voices.iter().map(|_| Thin::Whole).collect();
        Self { m, n, voices, thins, rule, weights: voices.iter().map(|v| v.weight as f32).collect(), sce: None }
    }

    /// What `method` makes of the voices. `name` tells random streams of different weights apart.
    pub(crate) fn of(
        method: Method,
        options: &Options,
        voices: &'a [Voice],
        (m, n): (usize, usize),
        name: &str,
        progress: &dyn Progress,
    ) -> Result<Self, MergeError> {
        let mut merged = Self::sum(voices, (m, n), options);
        merged.rule.elect = options.elect_of(method);
        let stream = Stream::new(options.seed, name);
        for (thin, voice) in merged.thins.iter_mut().zip(voices) {
            *thin = Thin::of(method, options, voice, stream.child(voice.member as u64), progress)?;
        }
        if method == Method::Sce {
            merged.sce = Some(sce::Selection::of(voices, options.density_of(method), progress)?);
        }
        Ok(merged)
    }
}

impl Rows for Merged<'_> {
    fn shape(&self) -> (usize, usize) {
        (self.m, self.n)
    }

    fn rows(&self, rows: Range<usize>, out: &mut [f32]) {
        let mut scratch = Scratch::default();
        let torn = |thin: &Thin| thin.is_torn_at(rows.start, self.n);
        let torn = self.thins.iter().any(torn) || self.sce.as_ref().is_some_and(|s| s.is_torn_at(rows.start, self.n));
        let step = if torn { rows.len() } else { (NEAR / self.n.max(1)).next_multiple_of(8).min(rows.len()) }.max(1);
        let mut tiles: Vec<(f32, Vec<f32>)> = self.voices.iter().map(|_| (0.0, vec![0f32; step * self.n])).collect();
        for (i, out) in out.chunks_mut((step * self.n).max(1)).enumerate() {
            let first = rows.start + i * step;
            let range = first..rows.end.min(first + step);
            for (((tile, voice), thin), weight) in tiles.iter_mut().zip(self.voices).zip(&self.thins).zip(&self.weights) {
                tile.0 = *weight;
                tile.1.truncate(out.len());
                voice.rows(range.clone(), &mut tile.1);
                thin.apply(&mut tile.1, first, self.n, &mut scratch);
            }
            match &self.sce {
                Some(selection) => selection.merge(&mut tiles, self.rule, first, self.n, out),
                None => self.rule.merge(&tiles, out),
            }
        }
    }
}

/// Computes one module. None: beyond the range of the stored type.
pub(super) fn build(
    context: &Context<'_>,
    group: &Group,
    way: Way,
    name: &str,
    progress: &dyn Progress,
) -> Result<Option<Built>, MergeError> {
    if way.diff || group.vector {
        let voices = context.voices(group)?;
        return encoded(context, &merged(context, group, &voices, progress)?, progress);
    }
    let found = approximated(context, group, way.rank, name, progress)?;
    Ok(context.stored(&found.stack, found.energy))
}

/// The merged difference of a group.
fn merged<'v>(context: &Context<'_>, group: &Group, voices: &'v [Voice], progress: &dyn Progress) -> Result<Merged<'v>, MergeError> {
    let (plan, shape) = (context.plan, (group.m, group.n));
    // Biases and norms are a column each: there is nothing to thin or to elect in them.
    if plan.method.is_dense() && !group.vector {
        Merged::of(plan.method, &plan.options, voices, shape, &path(group), progress)
    } else {
        Ok(Merged::sum(voices, shape, &plan.options))
    }
}

/// Its best approximation: of `rank` where one is given, else as the plan says.
pub(super) fn approximated(
    context: &Context<'_>,
    group: &Group,
    rank: Option<usize>,
    name: &str,
    progress: &dyn Progress,
) -> Result<Approximation, MergeError> {
    let options = &context.plan.options;
    let voices = context.voices(group)?;
    let merged = merged(context, group, &voices, progress)?;
    let planned = context.truncation.unwrap_or_default();
    let wanted = match rank {
        Some(rank) => Truncation { rank: Some(rank), energy: None },
        None if planned == Truncation::default() => Truncation { rank: Some(group.bulk()), energy: None },
        None => planned,
    };
    let stream = Stream::new(options.seed, &path(group)).child(u64::MAX);
    let near = near(&voices);
    let aim = Aim { truncation: wanted, exact: options.exact, near: near.as_ref(), stream };
    let run = |rows: &dyn Rows| approximate(rows, aim, progress);
    let found = if group.m * group.n * size_of::<f32>() <= HELD { run(&Held::of(&merged, progress)?) } else { run(&merged) };
    found.map_err(|failed| match failed {
        Failed::Cancelled => MergeError::Cancelled(crate::progress::Cancelled),
        Failed::Numeric => MergeError::Numeric(name.into()),
    })
}

/// The plain weighted sum of the inputs, where all have factors of a moderate rank: what thinning and electing leave of it has much the same
/// strongest directions.
fn near(voices: &[Voice]) -> Option<Stack> {
    let first = voices.first()?;
    let mut stack = Stack::new(first.m, first.n);
    for (voice, operand) in voices.iter().flat_map(|v| v.operands.iter().map(move |o| (v, o))) {
        let Body::Factors(f) = &operand.body else { return None };
        stack.push(&f.b, &f.a, operand.row0, voice.weight * operand.factor * f.scale);
    }
    (stack.rank() <= NEAR_RANK.min(first.m.min(first.n) / 2)).then_some(stack)
}

/// A stack of components, stored whole.
pub(super) fn whole(context: &Context<'_>, stack: &Stack, progress: &dyn Progress) -> Result<Option<Built>, MergeError> {
    encoded(context, &stack.rows(), progress)
}

/// Identity of a weight, for random streams: the same whatever the file calls it.
fn path(group: &Group) -> String {
    format!("{:?}/{}/{:?}", group.target.component, group.target.path, group.target.rows)
}

/// Encodes all rows tile by tile.
fn encoded(context: &Context<'_>, rows: &dyn Rows, progress: &dyn Progress) -> Result<Option<Built>, MergeError> {
    let (m, n) = rows.shape();
    let parts = fold(
        rows,
        16,
        progress,
        || (Some(Vec::new()), 0.0),
        |(bytes, energy): &mut (Option<Vec<u8>>, f64), _, tile| {
            *energy += squares(tile);
            *bytes = bytes.take().and_then(|mut b| {
                b.extend_from_slice(&context.encode(tile)?);
                Some(b)
            });
        },
    )?;
    let energy: f64 = parts.iter().map(|p| p.1).sum();
    let mut down = Vec::with_capacity(m * n * context.dtype.size());
    for (bytes, _) in parts {
        let Some(bytes) = bytes else { return Ok(None) };
        down.extend_from_slice(&bytes);
    }
    let rank = if energy > 0.0 { m.min(n).max(1) } else { 0 };
    Ok(Some(Built { rank, down, up: None, energy: Some((energy, energy)) }))
}
