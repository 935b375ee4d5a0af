//! Our own JSON.

use weft_domain::generation::Recipe;

/// The recipe without ids: they mean nothing in another library, names and hashes do.
pub(crate) fn to_json(recipe: &Recipe) -> String {
    // Only maps with keys that are no text cannot become JSON, and a recipe has none.
    serde_json::to_string(&without_ids(recipe.clone())).unwrap_or_default()
}

pub(super) fn read(text: &str) -> Option<Recipe> {
    serde_json::from_str(text).ok().map(without_ids)
}

fn without_ids(mut recipe: Recipe) -> Recipe {
    recipe.checkpoint.id = None;
    recipe.adapters.iter_mut().for_each(|adapter| adapter.id = None);
    recipe
}
