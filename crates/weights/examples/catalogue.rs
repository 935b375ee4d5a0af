//! Prints the weights of every family's models as JSON, for `tests/families/check_names.py`.

use serde_json::json;
use weft_weights::family::Family;
use weft_weights::keys::names::catalogue;

fn main() {
    let models: Vec<_> = Family::ALL
        .into_iter()
        .flat_map(catalogue)
        .map(|c| {
            let weights: Vec<_> = c
                .weights
                .iter()
                .map(|w| json!([w.native, w.shape, w.twins.iter().map(|(t, shape)| json!([t.name, shape])).collect::<Vec<_>>()]))
                .collect();
            json!({"family": c.family, "size": c.size, "weights": weights})
        })
        .collect();
    println!("{}", json!(models));
}
