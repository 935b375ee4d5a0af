// Inner products of the components of two factors, 16×16 of them and up to 1024 summands per workgroup.
// Sums of 64 are added up to sums of 1024, those in `total` by groups of 16: no partial sum has more than 64 + 16 roundings.

struct Job {
    // Where the two factors begin: word, and value after it.
    x: u32,
    x_first: u32,
    y: u32,
    y_first: u32,
    x_code: u32,
    y_code: u32,
    x_rank: u32,
    y_rank: u32,
    // Summands, and distance between two rows of A (its columns; 0 for B, whose components are columns).
    depth: u32,
    columns: u32,
    unused_a: u32,
    unused_b: u32,
}

struct Size {
    count: u32,
    width: u32,
    unused_a: u32,
    unused_b: u32,
}

const SPAN: u32 = 1024u;
const BLOCK: u32 = 64u;
const STRIDE: u32 = 17u;

@group(0) @binding(0) var<storage, read> data: array<u32>;
@group(0) @binding(1) var<storage, read> jobs: array<Job>;
// (job, span, row tile, column tile)
@group(0) @binding(2) var<storage, read> items: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
@group(0) @binding(4) var<uniform> size: Size;

var<workgroup> xs: array<f32, 1088>;
var<workgroup> ys: array<f32, 1088>;

fn value(code: u32, word: u32, i: u32) -> f32 {
    return decode(code, data[word + (i >> shift_of(code))], i);
}

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = group.y * size.width + group.x;
    if (index >= size.count) { return; }
    let item = items[index];
    let job = jobs[item.x];
    let end = min(job.depth, (item.y + 1u) * SPAN);
    var total = 0.0;
    for (var start = item.y * SPAN; start < end; start += BLOCK) {
        for (var e = lane; e < 1024u; e += 256u) {
            // Neighbours in a workgroup read neighbours in memory, whichever way the factor lies.
            let rows = job.columns != 0u;
            let component = select(e & 15u, e >> 6u, rows);
            let at = select(e >> 4u, e & 63u, rows);
            let k = start + at;
            let p = item.z * 16u + component;
            let q = item.w * 16u + component;
            var x = 0.0;
            var y = 0.0;
            if (k < end && p < job.x_rank) {
                x = value(job.x_code, job.x, job.x_first + select(k * job.x_rank + p, p * job.columns + k, rows));
            }
            if (k < end && q < job.y_rank) {
                y = value(job.y_code, job.y, job.y_first + select(k * job.y_rank + q, q * job.columns + k, rows));
            }
            xs[at * STRIDE + component] = x;
            ys[at * STRIDE + component] = y;
        }
        workgroupBarrier();
        var part = 0.0;
        for (var k = 0u; k < BLOCK; k++) {
            part = fma(xs[k * STRIDE + id.y], ys[k * STRIDE + id.x], part);
        }
        total += part;
        workgroupBarrier();
    }
    sums[index * 256u + lane] = total;
}
