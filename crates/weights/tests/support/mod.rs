//! Files in memory and a naive float64 reference for them.

use std::collections::BTreeMap;
use std::io::Cursor;
use weft_weights::adapter::{Adapter, Component, Factors, Module};
use weft_weights::dtype::{Dtype, decode_f64, encode_f32};
use weft_weights::header::Header;
use weft_weights::merge::{Member, MergeError, MergePlan, MergeReport, merge_into};
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;
use weft_weights::write::{Planned, TensorWriter, header_bound};

/// A small generator for test data.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    }

    pub(crate) fn many(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.next()).collect()
    }
}

/// Tensors of a file to be.
#[derive(Default)]
pub(crate) struct Build {
    pub(crate) tensors: Vec<(String, Dtype, Vec<usize>, Vec<f32>)>,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Build {
    pub(crate) fn tensor(mut self, name: &str, dtype: Dtype, shape: &[usize], values: Vec<f32>) -> Self {
        self.tensors.push((name.to_owned(), dtype, shape.to_vec(), values));
        self
    }

    /// kohya pair of random numbers.
    pub(crate) fn kohya(self, stem: &str, (m, n, r): (usize, usize, usize), alpha: Option<f32>, rng: &mut Random) -> Self {
        let (b, a) = (rng.many(m * r), rng.many(n * r));
        self.kohya_of(stem, (m, n, r), alpha, b, a)
    }

    pub(crate) fn kohya_of(self, stem: &str, (m, n, r): (usize, usize, usize), alpha: Option<f32>, b: Vec<f32>, a: Vec<f32>) -> Self {
        let s = self.tensor(&format!("{stem}.lora_down.weight"), Dtype::F32, &[r, n], a).tensor(
            &format!("{stem}.lora_up.weight"),
            Dtype::F32,
            &[m, r],
            b,
        );
        match alpha {
            Some(v) => s.tensor(&format!("{stem}.alpha"), Dtype::F32, &[], vec![v]),
            None => s,
        }
    }

    /// PEFT / native pair.
    pub(crate) fn peft(self, stem: &str, (m, n, r): (usize, usize, usize), rng: &mut Random) -> Self {
        let (b, a) = (rng.many(m * r), rng.many(n * r));
        self.tensor(&format!("{stem}.lora_A.weight"), Dtype::F32, &[r, n], a).tensor(
            &format!("{stem}.lora_B.weight"),
            Dtype::F32,
            &[m, r],
            b,
        )
    }

    pub(crate) fn meta(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let planned: Vec<Planned> = self.tensors.iter().map(|t| Planned { name: t.0.clone(), dtype: t.1, shape: t.2.clone() }).collect();
        let mut w = TensorWriter::new(Cursor::new(Vec::new()), header_bound(&planned, &self.metadata)).unwrap();
        for (name, dtype, shape, values) in &self.tensors {
            let mut bytes = Vec::new();
            encode_f32(*dtype, values, &mut bytes).unwrap();
            w.tensor(name, *dtype, shape, &bytes).unwrap();
        }
        w.finish(&self.metadata).unwrap().into_inner()
    }
}

pub(crate) fn open(bytes: &[u8]) -> Adapter {
    Adapter::from_header(Header::read(&MemorySource(bytes)).unwrap(), None, None).unwrap()
}

pub(crate) fn merged(plan: &MergePlan, files: &[&[u8]]) -> Result<(Vec<u8>, MergeReport), MergeError> {
    let adapters: Vec<Adapter> = files.iter().map(|f| open(f)).collect();
    let sources: Vec<MemorySource<'_>> = files.iter().map(|f| MemorySource(f)).collect();
    let members: Vec<Member<'_>> = adapters.iter().zip(&sources).map(|(adapter, source)| Member { adapter, source }).collect();
    merge_into(plan, &members, Cursor::new(Vec::new()), &Silent).map(|(out, report)| (out.into_inner(), report))
}

fn values(adapter: &Adapter, bytes: &[u8], index: usize) -> Vec<f64> {
    let t = &adapter.header.tensors[index];
    let mut out = vec![0.0; t.elements()];
    decode_f64(t.dtype, &bytes[t.range.start as usize..t.range.end as usize], &mut out).unwrap();
    out
}

/// (A r×n row-major with a Tucker core expanded, B m×r row-major, scale), element by element in float64.
fn factors(adapter: &Adapter, bytes: &[u8], m: &Module) -> (Vec<f64>, Vec<f64>, f64) {
    let Factors::Pair(pair) = m.factors else { panic!("{} is no pair", m.name) };
    let (mut a, b) = (values(adapter, bytes, pair.down), values(adapter, bytes, pair.up));
    if let Some(mid) = pair.mid {
        let core = values(adapter, bytes, mid);
        let taps = m.kernel.map_or(1, |(h, w)| h * w);
        let inputs = m.in_dim / taps;
        let mut full = vec![0.0; m.rank * m.in_dim];
        for p in 0..m.rank {
            for i in 0..inputs {
                for k in 0..taps {
                    full[(p * inputs + i) * taps + k] = (0..m.rank).map(|q| core[(p * m.rank + q) * taps + k] * a[q * inputs + i]).sum();
                }
            }
        }
        a = full;
    }
    let scale = m.alpha.map_or(m.scale_from_metadata.unwrap_or(1.0), |i| values(adapter, bytes, i)[0] / m.rank as f64);
    (a, b, scale)
}

pub(crate) type Deltas = BTreeMap<(Component, String), (usize, usize, Vec<f64>)>;

/// ΔW of every weight as dense row-major float64 (rows, columns, values); windows in their place.
pub(crate) fn dense(bytes: &[u8]) -> Deltas {
    let adapter = open(bytes);
    let mut out = Deltas::new();
    for m in &adapter.modules {
        let (a, b, s) = factors(&adapter, bytes, m);
        let (row0, n) = (m.target.rows.map_or(0, |r| r.0), m.in_dim);
        let entry = out.entry((m.target.component, m.target.path.clone())).or_insert((0, n, Vec::new()));
        entry.0 = entry.0.max(row0 + m.out_dim);
        entry.2.resize(entry.0 * n, 0.0);
        for i in 0..m.out_dim {
            for j in 0..n {
                let v: f64 = (0..m.rank).map(|k| b[i * m.rank + k] * a[k * n + j]).sum();
                entry.2[(row0 + native_row(m, i)) * n + j] += s * v;
            }
        }
    }
    out
}

/// Where row `i` of the module stands in the native weight.
fn native_row(m: &Module, i: usize) -> usize {
    if m.swapped_halves { (i + m.out_dim / 2) % m.out_dim } else { i }
}

/// ΔW·x of every weight for one fixed x: a check of real shapes without dense matrices.
pub(crate) fn probe(bytes: &[u8]) -> BTreeMap<(Component, String), Vec<f64>> {
    let adapter = open(bytes);
    let mut out: BTreeMap<(Component, String), Vec<f64>> = BTreeMap::new();
    for m in &adapter.modules {
        let (a, b, s) = factors(&adapter, bytes, m);
        let x: Vec<f64> = (0..m.in_dim).map(|j| ((j * 7919 + 13) % 997) as f64 / 997.0 - 0.5).collect();
        let ax: Vec<f64> = a.chunks_exact(m.in_dim).map(|row| row.iter().zip(&x).map(|(a, x)| a * x).sum()).collect();
        let row0 = m.target.rows.map_or(0, |r| r.0);
        let y = out.entry((m.target.component, m.target.path.clone())).or_default();
        y.resize(y.len().max(row0 + m.out_dim), 0.0);
        for i in 0..m.out_dim {
            y[row0 + native_row(m, i)] += s * (0..m.rank).map(|k| b[i * m.rank + k] * ax[k]).sum::<f64>();
        }
    }
    out
}

pub(crate) fn norm(x: &[f64]) -> f64 {
    x.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Σ w·ΔW of several dense sets.
pub(crate) fn weighted(parts: &[(f64, &Deltas)]) -> Deltas {
    let mut out = Deltas::new();
    for (w, deltas) in parts {
        for (key, (rows, n, v)) in *deltas {
            let entry = out.entry(key.clone()).or_insert((0, *n, Vec::new()));
            entry.0 = entry.0.max(*rows);
            let len = entry.0 * n;
            entry.2.resize(len, 0.0);
            entry.2.iter_mut().zip(v).for_each(|(o, v)| *o += w * v);
        }
    }
    out
}

/// ‖a − b‖ / ‖b‖ over all weights; a missing weight counts as zero.
pub(crate) fn distance(a: &Deltas, b: &Deltas) -> f64 {
    let difference = weighted(&[(1.0, a), (-1.0, b)]);
    let all = |d: &Deltas| d.values().map(|v| norm(&v.2).powi(2)).sum::<f64>().sqrt();
    all(&difference) / all(b).max(1e-300)
}
