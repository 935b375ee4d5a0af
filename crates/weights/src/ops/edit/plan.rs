//! What happens to each tensor of the input.

use super::{EditOptions, EditedModule, OpError, Via};
use crate::adapter::{Adapter, Component, Factors, Kind, Module, Side};
use crate::keys::{self, Role};
use crate::layout::{Extra, Layout, SlotRef};
use std::collections::{BTreeSet, HashMap};

/// Largest factor: what is meant as a strength is far below it.
const LIMIT: f64 = 1e4;

/// What happens to one tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Action {
    Copy,
    Drop,
    /// Every value times this.
    Scale(f64),
    /// As `Scale`, stored as f32.
    Alpha(f64),
}

/// Everything decided but the numbers.
#[derive(Debug)]
pub(super) struct Plan {
    /// One per tensor of the file.
    pub(super) actions: Vec<Action>,
    pub(super) changed: Vec<EditedModule>,
    pub(super) left: usize,
}

impl Plan {
    pub(super) fn of(input: super::Member<'_>, options: &EditOptions) -> Result<Self, OpError> {
        let adapter = input.adapter;
        let drop = check(options, adapter)?;
        let mut plan = Self { actions: vec![Action::Copy; adapter.header.tensors.len()], changed: Vec::new(), left: 0 };
        let mut dropped: HashMap<&str, bool> = HashMap::new();
        for module in &adapter.modules {
            let factor = factor(options, &drop, module);
            if factor != 1.0 {
                let slot = module.slot.map(|s| adapter.detection.layout.map_or_else(|| bare(s), |l| s.label(l)).to_owned());
                plan.changed.push(EditedModule { name: module.name.clone(), slot, factor });
            }
            let gone = dropped.entry(module.name.as_str()).or_insert(true);
            *gone &= factor == 0.0;
            plan.left += usize::from(factor != 0.0);
            if factor != 0.0 && factor != 1.0 {
                plan.scale(module, factor, options.via)?;
            } else if factor == 0.0 {
                module.parts.iter().for_each(|(_, i)| plan.actions[*i] = Action::Drop);
            }
        }
        if plan.left == 0 {
            return Err(OpError::Options("nothing would be left: every module has the factor 0".into()));
        }
        plan.drop_strays(adapter, &dropped);
        Ok(plan)
    }

    fn scale(&mut self, module: &Module, factor: f64, via: Via) -> Result<(), OpError> {
        if via == Via::Alpha && module.kind == Kind::Full && module.rank > 0 && module.alpha.is_some() {
            // A bias beside a pair is multiplied by the pair's alpha, which takes the factor.
            return Ok(());
        }
        if let Some(alpha) = module.alpha.filter(|_| via == Via::Alpha && linear_in_alpha(module)) {
            self.actions[alpha] = Action::Alpha(factor);
            return Ok(());
        }
        let takers = takers(module).map_err(|why| OpError::module(&module.name, why))?;
        takers.into_iter().for_each(|i| self.actions[i] = Action::Scale(factor));
        Ok(())
    }

    /// Tensors that bear the name of a dropped module but are no part of it (a stray alpha, a bias) go with it.
    fn drop_strays(&mut self, adapter: &Adapter, dropped: &HashMap<&str, bool>) {
        let owned: BTreeSet<usize> = adapter.modules.iter().flat_map(|m| m.parts.iter().map(|(_, i)| *i)).collect();
        for (i, tensor) in adapter.header.tensors.iter().enumerate() {
            let stray = !owned.contains(&i) && keys::parse(&tensor.name).is_some_and(|k| dropped.get(k.stem).copied().unwrap_or(false));
            if stray {
                self.actions[i] = Action::Drop;
            }
        }
    }
}

fn bare(slot: SlotRef) -> &'static str {
    match slot {
        SlotRef::Extra(e) => e.label(),
        SlotRef::Block(_) => "OTHER",
    }
}

/// Checks the options against the file and resolves the parts to drop.
fn check(options: &EditOptions, adapter: &Adapter) -> Result<BTreeSet<SlotRef>, OpError> {
    let bad = |why: String| Err(OpError::Options(why));
    for (what, value) in [("scale", Some(options.scale)), ("text encoder scale", options.te_scale)] {
        if value.is_some_and(|v| !v.is_finite() || v.abs() > LIMIT) {
            return bad(format!("the {what} must lie between -{LIMIT} and {LIMIT}"));
        }
    }
    let layout = adapter.detection.layout;
    if let Some(profile) = &options.profile {
        let wanted = profile.layout().id;
        match layout {
            Some(layout) if layout.id == wanted => {}
            Some(layout) => return bad(format!("the profile is for {wanted}, the file has the layout {}", layout.id)),
            None => return bad("the file has no known block layout, so a profile cannot be applied".into()),
        }
    }
    let mut drop = BTreeSet::new();
    for name in &options.drop {
        drop.extend(parse_drop(name, layout)?);
    }
    Ok(drop)
}

/// The parts that a name of `--drop` stands for: a slot's label, a range of labels (`D03-D07`), `TE1`, `IN`, `MOD`, `REF`, `OUT`, `OTHER`, or `te`.
///
/// # Errors
/// [`OpError::Options`] for a name that the layout does not have.
pub fn parse_drop(name: &str, layout: Option<&Layout>) -> Result<Vec<SlotRef>, OpError> {
    let name = name.trim();
    if name.eq_ignore_ascii_case("te") {
        return Ok(Extra::ALL.into_iter().filter(|e| e.is_text_encoder()).map(SlotRef::Extra).collect());
    }
    if let Some(extra) = Extra::ALL.into_iter().find(|e| e.label().eq_ignore_ascii_case(name)) {
        return Ok(vec![SlotRef::Extra(extra)]);
    }
    let known = |label: &str| {
        let slot = layout.and_then(|l| l.slot(label.trim()));
        slot.map(|s| s.id).ok_or_else(|| {
            let of = layout.map_or("a file without a known block layout", |l| l.id);
            OpError::Options(format!("{} is no part of {of}", crate::text::shown(label)))
        })
    };
    let (first, last) = name.split_once('-').unwrap_or((name, name));
    let (first, last) = (known(first)?, known(last)?);
    if first > last {
        return Err(OpError::Options(format!("{} runs backwards", crate::text::shown(name))));
    }
    Ok((first..=last).map(SlotRef::Block).collect())
}

/// Weight × block factor; 0 for what is dropped.
fn factor(options: &EditOptions, drop: &BTreeSet<SlotRef>, module: &Module) -> f64 {
    let te = matches!(module.target.component, Component::TextEncoder(_));
    let all_te = drop.contains(&SlotRef::Extra(Extra::Te1)) && drop.contains(&SlotRef::Extra(Extra::Te2));
    if module.slot.is_some_and(|s| drop.contains(&s)) || (te && all_te && drop.contains(&SlotRef::Extra(Extra::Te3))) {
        return 0.0;
    }
    let weight = if te { options.te_scale.unwrap_or(options.scale) } else { options.scale };
    let block = options.profile.as_ref().zip(module.slot).map_or(1.0, |(p, slot)| p.factor(slot));
    weight * block
}

/// True where ΔW is alpha times something.
fn linear_in_alpha(module: &Module) -> bool {
    match &module.factors {
        Factors::Pair(_) | Factors::Loha { .. } => matches!(module.kind, Kind::Lora | Kind::Locon | Kind::Loha),
        Factors::Lokr { w1, w2, .. } => module.kind == Kind::Lokr && (matches!(w1, Side::Product(..)) || matches!(w2, Side::Product(..))),
        // The bias beside a pair shares its alpha.
        Factors::Other(_) => module.kind == Kind::Full && module.rank > 0,
    }
}

/// The tensors that ΔW is linear in, taken together once; else why there are none.
fn takers(module: &Module) -> Result<Vec<usize>, String> {
    let not_linear =
        |what: &str| Err(format!("{what}; it can be kept (factor 1) or dropped (factor 0), any other factor needs the base model"));
    match (module.kind, &module.factors) {
        (Kind::Dora, _) => not_linear("a DoRA's change does not grow in proportion with any of its tensors, for its magnitude is absolute"),
        (Kind::Oft | Kind::Boft, _) => not_linear("a rotation cannot be made weaker by scaling its tensors"),
        (Kind::Set | Kind::Unknown, _) => not_linear("it replaces a weight instead of adding to it"),
        (_, Factors::Pair(pair)) => Ok(vec![pair.up]),
        (_, Factors::Loha { w1a, .. }) => Ok(vec![*w1a]),
        (_, Factors::Lokr { w1: Side::Whole(i) | Side::Product(i, _), .. }) => Ok(vec![*i]),
        (kind, _) => {
            let tensors = module.parts.iter().filter(|(role, _)| takes(kind, *role)).map(|(_, i)| *i).collect::<Vec<_>>();
            if tensors.is_empty() { not_linear("none of its tensors takes a factor") } else { Ok(tensors) }
        }
    }
}

/// Kinds that are kept as lists of tensors: the roles that ΔW is linear in.
fn takes(kind: Kind, role: Role) -> bool {
    match kind {
        Kind::Full => !matches!(role, Role::Alpha | Role::Scale),
        // PEFT's vector multiplies, LyCORIS' is added to 1: only the second is linear.
        Kind::Ia3 => role == Role::Ia3,
        // One tensor of each of the two products.
        Kind::Glora => matches!(role, Role::GloraA1 | Role::GloraB1),
        _ => false,
    }
}
