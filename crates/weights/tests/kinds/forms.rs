//! Rows, factors and norms of the four forms agree with each other and with plain float64 sums.

use crate::open::{all, data, gap, norm, whole};
use weft_weights::delta::{Delta, Dense, Form, KronSide, Product, needs_base};

/// A small generator: values in −1..1.
fn values(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    };
    (0..n).map(|_| next()).collect()
}

fn product(seed: u64, m: usize, n: usize, rank: usize) -> Product {
    Product { m, n, rank, b: values(seed, m * rank), a: values(seed + 1, rank * n) }
}

fn matrix(seed: u64, m: usize, n: usize) -> Dense {
    Dense { m, n, values: values(seed, m * n) }
}

/// One entry of the form by its definition.
fn entry(form: &Form, i: usize, j: usize) -> f64 {
    let of =
        |p: &Product, i: usize, j: usize| (0..p.rank).map(|k| f64::from(p.b[i * p.rank + k]) * f64::from(p.a[k * p.n + j])).sum::<f64>();
    let side = |s: &KronSide, i: usize, j: usize| match s {
        KronSide::Dense(d) => f64::from(d.values[i * d.n + j]),
        KronSide::Product(p) => of(p, i, j),
    };
    match form {
        Form::Product(p) => of(p, i, j),
        Form::Hadamard(one, two) => of(one, i, j) * of(two, i, j),
        Form::Dense(d) => f64::from(d.values[i * d.n + j]),
        Form::Kron(one, two) => {
            let (m2, n2) = two.shape();
            side(one, i / m2, j / n2) * side(two, i % m2, j % n2)
        }
    }
}

fn forms() -> Vec<Form> {
    let (dense, factored) = (|d| KronSide::Dense(d), |p| KronSide::Product(p));
    vec![
        Form::Product(product(1, 33, 17, 5)),
        Form::Product(product(2, 1, 7, 1)),
        Form::Hadamard(product(3, 70, 19, 4), product(5, 70, 19, 3)),
        Form::Kron(dense(matrix(7, 4, 3)), dense(matrix(8, 6, 10))),
        Form::Kron(dense(matrix(9, 4, 3)), factored(product(10, 6, 10, 2))),
        Form::Kron(factored(product(12, 5, 8, 3)), factored(product(14, 7, 4, 2))),
        // A rank above the side's own dimensions.
        Form::Kron(factored(product(16, 2, 3, 4)), dense(matrix(18, 5, 9))),
        Form::Dense(matrix(20, 12, 1)),
    ]
}

#[test]
fn rows_of_every_tile_are_the_definition() {
    for form in forms() {
        let delta = Delta { scale: -0.75, form };
        let (m, n) = delta.shape();
        let truth: Vec<f64> = (0..m).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| -0.75 * entry(&delta.form, i, j)).collect();
        for (start, end) in [(0, m), (0, 0), (m / 3, m), (m / 2, (m / 2 + 2).min(m)), (m - 1, m), (0, 1)] {
            let mut out = vec![9.0; (end - start) * n];
            delta.rows(start..end, &mut out);
            let off = gap(&out, &truth[start * n..end * n]);
            assert!(off < 1e-6, "{:?} rows {start}..{end}: {off:e}", delta.shape());
        }
        let exact = norm(truth.iter().copied());
        assert!((delta.frobenius() - exact).abs() < 1e-6 * exact, "{:?}: {} is not {exact}", delta.shape(), delta.frobenius());
    }
}

#[test]
fn factors_are_exact_and_as_small_as_stated() {
    for form in forms() {
        let delta = Delta { scale: 3.0, form };
        let Some(rank) = delta.factor_rank() else {
            assert!(delta.factors(usize::MAX).is_none());
            continue;
        };
        assert!(delta.factors(rank - 1).is_none());
        let factors = delta.factors(rank).unwrap();
        assert_eq!((factors.rank, (factors.m, factors.n)), (rank, delta.shape()));
        let unscaled = Delta { scale: 1.0, form: delta.form.clone() };
        let truth: Vec<f64> = whole(&unscaled).into_iter().map(f64::from).collect();
        let off = gap(&whole(&Delta { scale: 1.0, form: Form::Product(factors.into_owned()) }), &truth);
        assert!(off < 1e-6, "{:?}: {off:e}", delta.shape());
    }
}

#[test]
fn strengths_of_all_golden_files_are_those_of_float64() {
    let told: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(data().join("expected.json")).unwrap()).unwrap();
    let mut checked = 0;
    for (name, opened) in all() {
        for module in opened.adapter.modules.iter().filter(|m| !needs_base(m)) {
            let Some(want) = told[&name]["modules"][&module.name]["frobenius"].as_f64() else { continue };
            let delta = opened.load(module, None).unwrap();
            assert!((delta.frobenius() - want).abs() < 1e-5 * want, "{name} {}: {} is not {want}", module.name, delta.frobenius());
            if module.out_dim * module.in_dim < 1 << 20 {
                let dense = norm(whole(&delta).into_iter().map(f64::from));
                assert!((dense - want).abs() < 1e-5 * want, "{name} {}: rows have {dense}, not {want}", module.name);
            }
            checked += 1;
        }
    }
    assert!(checked > 300, "only {checked} modules");
}
