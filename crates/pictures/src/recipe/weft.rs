//! Our own JSON.

use weft_domain::generation::Recipe;

/// The recipe without ids: they mean nothing in another library, names and hashes do.
pub(crate) fn to_json(recipe: &Recipe) -> String {
    let mut plain = recipe.clone();
    plain.checkpoint.id = None;
    for adapter in &mut plain.adapters {
        adapter.id = None;
    }
    // Only maps with keys that are no text cannot become JSON, and a recipe has none.
    serde_json::to_string(&plain).unwrap_or_default()
}
