"""Makes the golden data of `weft-weights`. Knows nothing of the Rust code: every rule is written here a second time."""
