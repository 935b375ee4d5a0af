// Adds up the spans of each 16×16 tile.

struct Size {
    count: u32,
    width: u32,
    unused_a: u32,
    unused_b: u32,
}

@group(0) @binding(0) var<storage, read> sums: array<f32>;
// (first item, items)
@group(0) @binding(1) var<storage, read> tiles: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> totals: array<f32>;
@group(0) @binding(3) var<uniform> size: Size;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = group.y * size.width + group.x;
    if (index >= size.count) { return; }
    let tile = tiles[index];
    var total = 0.0;
    for (var start = 0u; start < tile.y; start += 16u) {
        var part = 0.0;
        for (var i = start; i < min(start + 16u, tile.y); i++) {
            part += sums[(tile.x + i) * 256u + lane];
        }
        total += part;
    }
    totals[index * 256u + lane] = total;
}
