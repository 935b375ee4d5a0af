// W + Σ scale·B·A for a tile of rows; without W, the dense product. 64×64 values per workgroup, 4×4 per invocation, both factors
// through workgroup memory. Sums of 16 products are added up, so that a rank of 4096 has no more than 16 + 256 roundings.

struct Part {
    // Word where each factor begins.
    b: u32,
    a: u32,
    b_code: u32,
    a_code: u32,
    rank: u32,
    // Rows of the whole tile that B covers.
    first: u32,
    rows: u32,
    scale: f32,
}

struct Tile {
    rows: u32,
    columns: u32,
    // Distance between two rows of W and of the result: columns, up to a multiple of 4.
    stride: u32,
    parts: u32,
    // Type of W; NONE without one.
    from_code: u32,
    to_code: u32,
    // First row of this piece within the whole tile.
    row0: u32,
    unused: u32,
}

const NONE: u32 = 9u;

@group(0) @binding(0) var<storage, read> data: array<u32>;
@group(0) @binding(1) var<storage, read> parts: array<Part>;
@group(0) @binding(2) var<storage, read> weight: array<u32>;
@group(0) @binding(3) var<storage, read_write> result: array<u32>;
@group(0) @binding(4) var<uniform> tile: Tile;

// Four rows of a column of B, four columns of a row of A.
var<workgroup> bs: array<vec4<f32>, 256>;
var<workgroup> cs: array<vec4<f32>, 256>;

fn value(code: u32, word: u32, i: u32) -> f32 {
    return decode(code, data[word + (i >> shift_of(code))], i);
}

// B at (row of the whole tile, component).
fn left(part: Part, row: u32, p: u32) -> f32 {
    if (p >= part.rank || row < part.first || row >= part.first + part.rows) { return 0.0; }
    return value(part.b_code, part.b, (row - part.first) * part.rank + p);
}

// A at (component, column).
fn right(part: Part, p: u32, column: u32) -> f32 {
    if (p >= part.rank || column >= tile.columns) { return 0.0; }
    return value(part.a_code, part.a, p * tile.columns + column);
}

fn four(i: u32) -> vec4<f32> {
    let code = tile.from_code;
    let shift = shift_of(code);
    return vec4<f32>(
        decode(code, weight[i >> shift], i),
        decode(code, weight[(i + 1u) >> shift], i + 1u),
        decode(code, weight[(i + 2u) >> shift], i + 2u),
        decode(code, weight[(i + 3u) >> shift], i + 3u),
    );
}

// Writes four values that begin at a multiple of four.
fn store(i: u32, v: vec4<f32>) {
    switch tile.to_code {
        case F32: {
            result[i] = bitcast<u32>(v.x);
            result[i + 1u] = bitcast<u32>(v.y);
            result[i + 2u] = bitcast<u32>(v.z);
            result[i + 3u] = bitcast<u32>(v.w);
        }
        case F16: {
            result[i >> 1u] = to_f16(v.x) | (to_f16(v.y) << 16u);
            result[(i >> 1u) + 1u] = to_f16(v.z) | (to_f16(v.w) << 16u);
        }
        case BF16: {
            result[i >> 1u] = to_bf16(v.x) | (to_bf16(v.y) << 16u);
            result[(i >> 1u) + 1u] = to_bf16(v.z) | (to_bf16(v.w) << 16u);
        }
        default: {
            result[i >> 2u] = to_e4m3(v.x) | (to_e4m3(v.y) << 8u) | (to_e4m3(v.z) << 16u) | (to_e4m3(v.w) << 24u);
        }
    }
}

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row0 = group.y * 64u;
    let column0 = group.x * 64u;
    var t0 = vec4<f32>();
    var t1 = vec4<f32>();
    var t2 = vec4<f32>();
    var t3 = vec4<f32>();
    for (var which = 0u; which < tile.parts; which++) {
        let part = parts[which];
        var s0 = vec4<f32>();
        var s1 = vec4<f32>();
        var s2 = vec4<f32>();
        var s3 = vec4<f32>();
        for (var p0 = 0u; p0 < part.rank; p0 += 16u) {
            let bp = p0 + (lane & 15u);
            let row = tile.row0 + row0 + (lane >> 4u) * 4u;
            bs[(lane & 15u) * 16u + (lane >> 4u)] =
                vec4<f32>(left(part, row, bp), left(part, row + 1u, bp), left(part, row + 2u, bp), left(part, row + 3u, bp));
            let ap = p0 + (lane >> 4u);
            let column = column0 + (lane & 15u) * 4u;
            cs[lane] = vec4<f32>(
                right(part, ap, column),
                right(part, ap, column + 1u),
                right(part, ap, column + 2u),
                right(part, ap, column + 3u),
            );
            workgroupBarrier();
            var r0 = vec4<f32>();
            var r1 = vec4<f32>();
            var r2 = vec4<f32>();
            var r3 = vec4<f32>();
            for (var p = 0u; p < 16u; p++) {
                let b = bs[p * 16u + id.y];
                let c = cs[p * 16u + id.x];
                r0 = fma(vec4<f32>(b.x), c, r0);
                r1 = fma(vec4<f32>(b.y), c, r1);
                r2 = fma(vec4<f32>(b.z), c, r2);
                r3 = fma(vec4<f32>(b.w), c, r3);
            }
            s0 += r0;
            s1 += r1;
            s2 += r2;
            s3 += r3;
            workgroupBarrier();
        }
        t0 += part.scale * s0;
        t1 += part.scale * s1;
        t2 += part.scale * s2;
        t3 += part.scale * s3;
    }
    let column = column0 + id.x * 4u;
    if (column >= tile.stride) { return; }
    var rows = array<vec4<f32>, 4>(t0, t1, t2, t3);
    for (var i = 0u; i < 4u; i++) {
        let row = row0 + id.y * 4u + i;
        if (row >= tile.rows) { return; }
        let at = row * tile.stride + column;
        if (tile.from_code == NONE) {
            store(at, rows[i]);
        } else {
            // What no change touches stays as it is, -0 included.
            let w = four(at);
            store(at, select(w + rows[i], w, rows[i] == vec4<f32>()));
        }
    }
}
