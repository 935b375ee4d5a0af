//! How the weft crosses the warp: one weave per kind of adapter. Each answers whether the weft of a row passes over a column.

fn tabby(row: usize, column: usize) -> bool {
    (row + column).is_multiple_of(2)
}

fn twill(row: usize, column: usize) -> bool {
    (row + column) % 4 < 2
}

fn herringbone(row: usize, column: usize) -> bool {
    let column = column % 16;
    let column = if column < 8 { column } else { 15 - column };
    (row + column) % 4 < 2
}

fn basket(row: usize, column: usize) -> bool {
    (row / 2 + column / 2).is_multiple_of(2)
}

fn satin(row: usize, column: usize) -> bool {
    (column * 2 + row) % 5 < 2
}

/// Weave and its period: plain for LoRA, others for other kinds.
pub(crate) fn weave_of(kind: &str) -> (fn(usize, usize) -> bool, usize) {
    match kind {
        "locon" | "full" => (twill, 4),
        "dora" => (herringbone, 4),
        "lokr" | "oft" | "boft" => (basket, 4),
        "loha" | "glora" | "ia3" => (satin, 5),
        _ => (tabby, 2),
    }
}
