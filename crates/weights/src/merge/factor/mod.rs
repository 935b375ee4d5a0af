//! Merges in the space of the factors: nothing larger than a thin matrix is formed, and the result has factors of its own, exactly.

mod align;
mod inner;

use super::compute::Context;
use super::dense::{Body, Merged, Operand, Voice};
use super::plan::{MergeError, Method};
use super::targets::{Group, Part};
use crate::delta::{Delta, Dense, Form};
use crate::linalg::Stack;
use crate::linalg::tiles::{Rows, tile_rows};
use crate::progress::Silent;
use align::Span;
use faer::Mat;
use weft_domain::merge::Options;

/// One input's ΔW as a run of a stack's components, its weight outside.
#[derive(Debug, Clone)]
struct Member {
    /// Index of the input.
    index: usize,
    weight: f64,
    span: Span,
}

/// The merged difference as a stack of components.
pub(super) fn merge(context: &Context<'_>, group: &Group, name: &str) -> Result<Stack, MergeError> {
    let (stack, members) = gather(context, group)?;
    let options = &context.plan.options;
    let merged = match context.plan.method {
        Method::NullSpace => null_space(&stack, &members, options),
        Method::Core => core(&stack, &members, options),
        _ => knots(&stack, &members, options),
    };
    merged.ok_or_else(|| MergeError::Numeric(name.into()))
}

/// Components of all parts, input by input.
fn gather(context: &Context<'_>, group: &Group) -> Result<(Stack, Vec<Member>), MergeError> {
    let mut parts: Vec<&Part> = group.parts.iter().collect();
    parts.sort_by_key(|p| p.member);
    let mut stack = Stack::new(group.m, group.n);
    let mut members: Vec<Member> = Vec::new();
    for part in parts {
        let loaded = context.readers[part.member].load(part)?;
        let start = stack.rank();
        if members.last().is_none_or(|m| m.index != part.member) {
            members.push(Member { index: part.member, weight: context.weight(part), span: start..start });
        }
        if let Some(member) = members.last_mut() {
            // All parts of an input mostly share its weight; where a profile tells them apart, the quotient goes into the part.
            let relative = context.weight(part) / member.weight;
            stack.push(&loaded.b, &loaded.a, part.row0, loaded.scale * relative);
            member.span.end = stack.rank();
        }
    }
    Ok((stack, members))
}

/// KnOTS (Stoica and others 2024): [ΔW₁ … ΔW_N] = U·Σ·[V₁ … V_N]ᵀ; the pieces Σ·Vᵢᵀ are merged, U brings the result back.
fn knots(stack: &Stack, members: &[Member], options: &Options) -> Option<Stack> {
    let spans: Vec<Span> = members.iter().map(|m| m.span.clone()).collect();
    let basis = align::left(stack.b_view(), stack.at_view(), &spans)?;
    // Σ·Vᵢᵀ = Uᵀ·ΔWᵢ = (UᵀBᵢ)·Aᵢ.
    let piece = |s: &Span| {
        let ub = basis.transpose() * stack.b_view().subcols(s.start, s.len());
        ub * stack.at_view().subcols(s.start, s.len()).transpose()
    };
    let merged = inner::merge(Method::Knots, options, members, spans.iter().map(piece).collect())?;
    Some(joined(stack, &basis, &merged))
}

/// Core Space (Panariello and others 2025): with bases U and V of everything that the inputs write to and read from, Mᵢ = Uᵀ·ΔWᵢ·V holds each
/// input exactly in a matrix of Σr × Σr. The bases are those of [ΔW₁ … ΔW_N] and of the ΔWᵢ over each other, so they do not depend on how
/// the scale of an input is shared between its factors.
fn core(stack: &Stack, members: &[Member], options: &Options) -> Option<Stack> {
    let spans: Vec<Span> = members.iter().map(|m| m.span.clone()).collect();
    let u = align::left(stack.b_view(), stack.at_view(), &spans)?;
    let v = align::left(stack.at_view(), stack.b_view(), &spans)?;
    let piece = |s: &Span| {
        let ub = u.transpose() * stack.b_view().subcols(s.start, s.len());
        ub * (stack.at_view().subcols(s.start, s.len()).transpose() * &v)
    };
    let merged = inner::merge(Method::Core, options, members, spans.iter().map(piece).collect())?;
    Some(joined(stack, &u, &(merged * v.transpose())))
}

/// NP-LoRA (Chen and others 2025): the first input without what the others look at, ΔW_c·(I − μ/(1+μ)·V·Vᵀ), plus the others. V is an
/// orthonormal basis of the others' row space.
fn null_space(stack: &Stack, members: &[Member], options: &Options) -> Option<Stack> {
    let mut out = Stack { m: stack.m, n: stack.n, b: stack.b.clone(), a: stack.a.clone() };
    for member in members {
        out.b[member.span.start * stack.m..member.span.end * stack.m].iter_mut().for_each(|v| *v *= member.weight);
    }
    let styles: Vec<Span> = members.iter().filter(|m| m.index > 0).map(|m| m.span.clone()).collect();
    let Some(content) = members.iter().find(|m| m.index == 0) else { return Some(out) };
    if styles.is_empty() {
        return Some(out);
    }
    let v = align::left(stack.at_view(), stack.b_view(), &styles)?;
    let reach = options.mu.map_or(1.0, |mu| mu / (1.0 + mu));
    let a = stack.at_view().subcols(content.span.start, content.span.len());
    let seen = &v * (v.transpose() * a);
    for (j, component) in content.span.clone().enumerate() {
        let row = &mut out.a[component * stack.n..(component + 1) * stack.n];
        row.iter_mut().zip(seen.col(j).iter()).for_each(|(a, s)| *a -= reach * s);
    }
    Some(out)
}

/// basis·merged as a stack: a column of the basis and a row of what was merged for each component.
fn joined(stack: &Stack, basis: &Mat<f64>, merged: &Mat<f64>) -> Stack {
    let k = basis.ncols();
    let b = (0..k).flat_map(|j| basis.col(j).iter().copied().collect::<Vec<f64>>()).collect();
    let a = (0..k).flat_map(|i| merged.row(i).iter().copied().collect::<Vec<f64>>()).collect();
    Stack { m: stack.m, n: stack.n, b, a }
}

/// The dense methods on matrices that are small enough to hold.
fn elementwise(method: Method, options: &Options, members: &[Member], pieces: Vec<Mat<f64>>) -> Option<Mat<f64>> {
    let (m, n) = pieces.first().map(|p| (p.nrows(), p.ncols()))?;
    let voice = |(member, piece): (&Member, Mat<f64>)| {
        let values = (0..m * n).map(|x| piece[(x / n, x % n)] as f32).collect();
        let delta = Delta { scale: 1.0, form: Form::Dense(Dense { m, n, values }) };
        let body = Body::Any { delta, swap: false };
        Voice { m, n, member: member.index, weight: member.weight, operands: vec![Operand { row0: 0, rows: m, factor: 1.0, body }] }
    };
    let voices: Vec<Voice> = members.iter().zip(pieces).map(voice).collect();
    // Small enough to run to the end: the caller asks for cancellation between modules.
    let merged = Merged::of(method, options, &voices, (m, n), "", &Silent).ok()?;
    let mut values = vec![0f32; m * n];
    let step = tile_rows(n);
    for start in (0..m).step_by(step) {
        let end = m.min(start + step);
        merged.rows(start..end, &mut values[start * n..end * n]);
    }
    Some(Mat::from_fn(m, n, |i, j| f64::from(values[i * n + j])))
}
