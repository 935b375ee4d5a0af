//! Takes code out of the module that can never run, but that the linker must keep.
//!
//! Leptos has two ways to take a server-rendered page over: at once (`hydrate_body`, ours), and step by step while parts of the
//! program are still being fetched (`hydrate_lazy`). Every view implements both, and every type-erased view holds pointers to both,
//! so the second way, a fifth of the module, survives dead-code elimination although nothing ever begins it. Here each of its
//! functions becomes a single `unreachable`. Should the page begin to use lazy hydration, its entry point is in the module, and
//! nothing is taken out.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module, ModuleConfig};

/// In the names of all functions of the lazy way, and of no other.
const LAZY: &str = "hydrate_async";
/// What begins the lazy way.
const ENTRIES: [&str; 2] = ["hydrate_lazy", "hydrate_from_async"];

/// The module without the lazy way; unchanged if the page uses that way.
pub(crate) fn lazy_hydration(wasm: &[u8], keep_names: bool) -> Result<Module> {
    let mut module = ModuleConfig::new()
        .strict_validate(false)
        .generate_name_section(keep_names)
        .generate_producers_section(false)
        .parse(wasm)
        .context("the compiled module")?;
    if module.funcs.iter().filter_map(|function| function.name.as_deref()).any(|name| ENTRIES.iter().any(|entry| name.contains(entry))) {
        return Ok(module);
    }
    let exported: BTreeSet<FunctionId> = module.exports.iter().filter_map(|export| as_function(export.item)).collect();
    let dead: Vec<FunctionId> = module
        .funcs
        .iter_local()
        .map(|(id, _)| id)
        .filter(|id| !exported.contains(id) && module.funcs.get(*id).name.as_deref().is_some_and(|name| name.contains(LAZY)))
        .collect();
    for id in dead {
        empty(&mut module, id);
    }
    Ok(module)
}

fn as_function(item: walrus::ExportItem) -> Option<FunctionId> {
    match item {
        walrus::ExportItem::Function(id) => Some(id),
        _ => None,
    }
}

/// Replaces a function's body by `unreachable`; its type, and so every table that holds it, stays.
fn empty(module: &mut Module, id: FunctionId) {
    let FunctionKind::Local(old) = &module.funcs.get(id).kind else { return };
    let (ty, args) = (old.ty(), old.args.clone());
    let (params, results) = module.types.params_results(ty);
    let (params, results) = (params.to_vec(), results.to_vec());
    let mut body = FunctionBuilder::new(&mut module.types, &params, &results);
    body.func_body().unreachable();
    module.funcs.get_mut(id).kind = FunctionKind::Local(body.local_func(args));
}
