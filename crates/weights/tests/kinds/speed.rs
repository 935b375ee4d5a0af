//! How long ΔW of real sizes takes: `cargo test --release -p weft-weights --test kinds speed -- --ignored --nocapture`.

use std::time::Instant;
use weft_weights::delta::{Delta, Dense, Form, KronSide, Product};

fn values(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + 13) % 997) as f32 / 997.0 - 0.5).collect()
}

fn product(m: usize, n: usize, rank: usize) -> Product {
    Product { m, n, rank, b: values(m * rank), a: values(rank * n) }
}

fn time(name: &str, values: usize, mut work: impl FnMut()) {
    work();
    let runs = 5;
    let start = Instant::now();
    (0..runs).for_each(|_| work());
    let seconds = start.elapsed().as_secs_f64() / f64::from(runs);
    println!("{name:<44} {:8.1} ms  {:6.2} G values/s", seconds * 1e3, values as f64 / seconds / 1e9);
}

#[test]
#[ignore = "a measurement"]
fn tiles_norms_and_factors() {
    let (m, n) = (12288, 3072);
    let side = |m, n| KronSide::Dense(Dense { m, n, values: values(m * n) });
    let forms = [
        ("LoRA r16", Form::Product(product(m, n, 16))),
        ("LoRA r64", Form::Product(product(m, n, 64))),
        ("LoHa r8", Form::Hadamard(product(m, n, 8), product(m, n, 8))),
        ("LoKr 16 whole", Form::Kron(side(16, 16), side(m / 16, n / 16))),
        ("LoKr 16, r8", Form::Kron(side(16, 16), KronSide::Product(product(m / 16, n / 16, 8)))),
    ];
    let tile = 4096;
    let mut out = vec![0f32; tile * n];
    for (name, form) in forms {
        let delta = Delta { scale: 0.5, form };
        time(&format!("{name}, 4096 rows of {n}"), tile * n, || delta.rows(4096..8192, &mut out));
        time(&format!("{name}, norm of {m}×{n}"), m * n, || assert!(delta.frobenius() > 0.0));
        if delta.factor_rank().is_some_and(|r| r <= 256) {
            time(&format!("{name}, factors"), m * n, || assert!(delta.factors(256).is_some()));
        }
    }
}
