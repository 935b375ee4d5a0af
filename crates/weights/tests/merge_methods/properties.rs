//! What must hold whatever the numbers are.

use crate::support::{Build, Deltas, Random, dense, distance, merged, norm, open, weighted};
use proptest::prelude::*;
use weft_weights::merge::{Divisor, Inner, Member, MergeInput, MergePlan, Method, Options, OutDtype, Scope, estimate};
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;

const Q: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
const K: &str = "lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn1_to_k";

fn plan(method: Method, weights: &[f64], options: Options) -> MergePlan {
    let inputs = weights.iter().enumerate().map(|(i, w)| MergeInput::new(format!("{i}"), *w)).collect();
    let rank = method.is_dense().then_some(1000);
    MergePlan { options, rank, ..MergePlan::new(inputs, method, OutDtype::F32) }
}

/// Nothing dropped.
fn open_handed() -> Options {
    Options { density: Some(1.0), epsilon: 0.0, gamma: 0.0, ..Options::default() }
}

fn file(seed: u64, (m, n): (usize, usize), rank: usize, gauge: f32) -> Vec<u8> {
    let mut rng = Random(seed);
    let mut build = Build::default();
    for stem in [Q, K] {
        let (b, a) = (rng.many(m * rank), rng.many(n * rank));
        let b = b.iter().map(|v| v * gauge).collect();
        let a = a.iter().map(|v| v / gauge).collect();
        build = build.kohya_of(stem, (m, n, rank), Some(2.0), b, a);
    }
    build.bytes()
}

fn result(plan: &MergePlan, files: &[&[u8]]) -> Deltas {
    dense(&merged(plan, files).unwrap_or_else(|e| panic!("{:?}: {e}", plan.method)).0)
}

/// All methods with what they may be varied by.
fn ways() -> Vec<(Method, Options)> {
    let mut out: Vec<(Method, Options)> = Method::ALL.into_iter().filter(|m| *m != Method::Svd).map(|m| (m, Options::default())).collect();
    for inner in [Inner::Sum, Inner::Tsv, Inner::Iso] {
        out.push((Method::Core, Options { inner, ..Options::default() }));
    }
    out.push((Method::Knots, Options { inner: Inner::Sum, ..Options::default() }));
    out.push((Method::Karcher, Options { scope: Scope::Global, ..Options::default() }));
    out.push((Method::Sum, Options { tame: Some(0.8), ..Options::default() }));
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn gauge_does_not_matter(m in 6usize..20, n in 6usize..20, r in 1usize..4, power in -6i32..7, seed: u64) {
        // Powers of two change no digit of the product, so that thresholds fall on the same elements.
        let c = 2f32.powi(power);
        let other = file(seed ^ 77, (m, n), r + 1, 1.0);
        for (method, options) in ways() {
            let plan = plan(method, &[0.8, 0.6], Options { seed, ..options });
            let plain = result(&plan, &[&file(seed, (m, n), r, 1.0), &other]);
            let scaled = result(&plan, &[&file(seed, (m, n), r, c), &other]);
            prop_assert!(distance(&scaled, &plain) < 1e-4, "{method:?} {:?}: {}", plan.options, distance(&scaled, &plain));
        }
    }

    #[test]
    fn one_input_at_weight_one_and_density_one_is_itself(m in 5usize..20, n in 5usize..20, r in 1usize..4, seed: u64) {
        let f = file(seed, (m, n), r, 1.0);
        for method in Method::ALL.into_iter().filter(|m| !matches!(m, Method::Svd | Method::Slerp | Method::NullSpace)) {
            let mut options = vec![open_handed()];
            if matches!(method, Method::Core) {
                options.extend([Inner::Sum, Inner::Tsv].map(|inner| Options { inner, ..open_handed() }));
            }
            for options in options {
                let out = result(&plan(method, &[1.0], options.clone()), &[&f]);
                prop_assert!(distance(&out, &dense(&f)) < 1e-5, "{method:?} {options:?}: {}", distance(&out, &dense(&f)));
            }
        }
        // Slerp between a file and itself stays there.
        let out = result(&plan(Method::Slerp, &[0.3, 0.9], Options::default()), &[&f, &f]);
        prop_assert!(distance(&out, &dense(&f)) < 1e-5);
    }

    #[test]
    fn order_does_not_matter_where_it_should_not(m in 6usize..16, n in 6usize..16, seed: u64, w in prop::array::uniform3(0.2f64..1.5)) {
        let f: Vec<Vec<u8>> = (0..3).map(|i| file(seed ^ i, (m, n), 1 + i as usize, 1.0)).collect();
        let ordered = |method: Method| !matches!(method, Method::NullSpace | Method::Dare | Method::DareTies | Method::Della | Method::Slerp);
        for (method, options) in ways().into_iter().filter(|(m, _)| ordered(*m)) {
            let there = result(&plan(method, &w, options.clone()), &[&f[0], &f[1], &f[2]]);
            let back = result(&plan(method, &[w[2], w[0], w[1]], options.clone()), &[&f[2], &f[0], &f[1]]);
            prop_assert!(distance(&back, &there) < 1e-4, "{method:?} {options:?}: {}", distance(&back, &there));
        }
    }

    #[test]
    fn sums_inside_of_a_space_are_the_plain_sum(m in 6usize..20, n in 6usize..20, seed: u64, w in prop::array::uniform2(-1.5f64..1.5)) {
        let f = [file(seed, (m, n), 2, 1.0), file(seed ^ 3, (m, n), 3, 1.0)];
        let refs = [f[0].as_slice(), f[1].as_slice()];
        let sum = result(&plan(Method::Sum, &w, Options::default()), &refs);
        let inner = Options { inner: Inner::Sum, ..Options::default() };
        for (method, options) in [(Method::Knots, inner.clone()), (Method::Core, inner), (Method::NullSpace, Options { mu: Some(0.0), ..Options::default() })] {
            prop_assert!(distance(&result(&plan(method, &w, options), &refs), &sum) < 1e-5, "{method:?}");
        }
        for method in [Method::Dare, Method::MagnitudePrune, Method::Breadcrumbs] {
            prop_assert!(distance(&result(&plan(method, &w, open_handed()), &refs), &sum) < 1e-5, "{method:?}");
        }
    }

    #[test]
    fn means_heed_only_the_ratio_of_the_weights(seed: u64, k in 0.2f64..1.5) {
        let f = [file(seed, (12, 9), 2, 1.0), file(seed ^ 3, (12, 9), 3, 1.0)];
        let refs = [f[0].as_slice(), f[1].as_slice()];
        for method in [Method::Average, Method::Slerp, Method::Karcher] {
            let run = |k: f64| result(&plan(method, &[0.8 * k, -0.5 * k], Options::default()), &refs);
            prop_assert!(distance(&run(k), &run(1.0)) < 1e-5, "{method:?}");
        }
    }

    #[test]
    fn the_hard_projection_leaves_nothing_in_what_the_style_reads(seed: u64) {
        let f = [file(seed, (14, 11), 3, 1.0), file(seed ^ 3, (14, 11), 2, 1.0)];
        let both = result(&plan(Method::NullSpace, &[0.9, 0.7], Options::default()), &[&f[0], &f[1]]);
        let content = weighted(&[(1.0, &both), (-0.7, &dense(&f[1]))]);
        for (key, (_, n, style)) in &dense(&f[1]) {
            let rows = &content[key].2;
            let dots: Vec<f64> = rows.chunks(*n).flat_map(|c| style.chunks(*n).map(move |s| c.iter().zip(s).map(|(a, b)| a * b).sum())).collect();
            prop_assert!(norm(&dots) < 1e-5 * norm(rows) * norm(style));
        }
    }
}

#[test]
fn budgets_hold_per_block() {
    let f = [file(1, (20, 16), 3, 1.0), file(1, (20, 16), 3, 1.0)];
    let refs = [f[0].as_slice(), f[1].as_slice()];
    // Twice the same file doubles every block; with a budget of 1.2 it is 1.2 times the one.
    let tamed = result(&plan(Method::Sum, &[1.0, 1.0], Options { tame: Some(1.2), ..Options::default() }), &refs);
    assert!(distance(&tamed, &weighted(&[(1.2, &dense(&f[0]))])) < 1e-5);
    let free = result(&plan(Method::Sum, &[1.0, 1.0], Options { tame: Some(2.5), ..Options::default() }), &refs);
    assert!(distance(&free, &weighted(&[(2.0, &dense(&f[0]))])) < 1e-5);
}

#[test]
fn absent_modules_count_as_the_divisor_says() {
    let mut rng = Random(3);
    let both = file(5, (12, 10), 2, 1.0);
    let one = Build::default().kohya(Q, (12, 10, 2), None, &mut rng).bytes();
    for method in [Method::Average, Method::Karcher, Method::Slerp] {
        let run = |divisor| result(&plan(method, &[1.0, 1.0], Options { divisor, ..Options::default() }), &[&both, &one]);
        let key = dense(&both).into_keys().find(|k| k.1.starts_with("up")).unwrap();
        let alone = norm(&dense(&both)[&key].2);
        assert!((norm(&run(Divisor::Weights)[&key].2) - alone / 2.0).abs() < 1e-5 * alone, "{method:?}");
        assert!((norm(&run(Divisor::Present)[&key].2) - alone).abs() < 1e-5 * alone, "{method:?}");
    }
}

#[test]
fn shared_out_ranks_keep_more_in_no_more_bytes() {
    let mut rng = Random(9);
    // One module with four strong directions, one with a single one.
    let strong = Build::default().kohya(Q, (60, 40, 8), None, &mut rng);
    let weak = rng.many(60 * 8).iter().enumerate().map(|(i, v)| if i % 8 == 0 { *v } else { v * 1e-3 }).collect();
    let f = strong.kohya_of(K, (60, 40, 8), None, weak, rng.many(40 * 8)).bytes();
    let mut p = MergePlan { rank: Some(3), ..plan(Method::Svd, &[1.0], Options::default()) };
    let (even, even_report) = merged(&p, &[&f]).unwrap();
    p.options.spread = true;
    let (shared, report) = merged(&p, &[&f]).unwrap();
    assert!(report.energy_kept > even_report.energy_kept + 1e-3, "{} and {}", report.energy_kept, even_report.energy_kept);
    assert_eq!((report.rank_min, report.rank_max), (1, 5));
    let stored = |f: &[u8]| open(f).header.tensors.iter().map(|t| t.byte_len()).sum::<u64>();
    assert_eq!(stored(&shared), stored(&even));
    let (adapter, source) = (open(&f), MemorySource(&f));
    let members = [Member { adapter: &adapter, source: &source }];
    let chosen = estimate(&p, &members, &Silent).unwrap().chosen.unwrap();
    assert_eq!((chosen.rank, chosen.rank_min), (5, 1));
    assert!((chosen.energy - report.energy_kept).abs() < 1e-9);
}

#[test]
fn the_estimate_tells_what_the_plan_itself_gives() {
    let f = [file(1, (40, 30), 6, 1.0), file(2, (40, 30), 5, 1.0)];
    let adapters: Vec<_> = f.iter().map(|f| open(f)).collect();
    let sources: Vec<_> = f.iter().map(|f| MemorySource(f)).collect();
    let members: Vec<_> = adapters.iter().zip(&sources).map(|(adapter, source)| Member { adapter, source }).collect();
    for method in [Method::Svd, Method::Karcher, Method::NormEqual, Method::Core] {
        for (rank, energy) in [(Some(5), None), (None, Some(0.87)), (Some(3), Some(0.99))] {
            let p = MergePlan { rank, energy, ..plan(method, &[0.9, 0.4], Options::default()) };
            let chosen = estimate(&p, &members, &Silent).unwrap().chosen.unwrap();
            let report = merged(&p, &[&f[0], &f[1]]).unwrap().1;
            assert_eq!((chosen.rank, chosen.rank_min), (report.rank_max, report.rank_min), "{method:?}");
            assert!((chosen.energy - report.energy_kept).abs() < 1e-9, "{method:?}");
            assert!(chosen.bytes.abs_diff(report.bytes) < 300, "{method:?}: {} and {}", chosen.bytes, report.bytes);
        }
    }
    assert!(estimate(&plan(Method::Ties, &[1.0, 1.0], Options::default()), &members, &Silent).unwrap().chosen.is_none());
}

#[test]
fn plans_without_options_are_read_and_words_are_checked() {
    let old = r#"{"inputs":[{"label":"a","weight":1.0}],"method":"svd","rank":4,"dtype":"bf16"}"#;
    let read: MergePlan = serde_json::from_str(old).unwrap();
    assert_eq!((read.method, read.rank, read.options), (Method::Svd, Some(4), Options::default()));
    for method in Method::ALL {
        assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
    }
    let refused = |p: MergePlan, n: usize| {
        let f = file(1, (12, 10), 2, 1.0);
        merged(&p, &vec![f.as_slice(); n]).unwrap_err().to_string()
    };
    let with = |method, n: usize, options| plan(method, &vec![1.0; n], options);
    assert!(refused(with(Method::Slerp, 3, Options::default()), 3).contains("exactly two"));
    assert!(refused(with(Method::NullSpace, 1, Options::default()), 1).contains("content first"));
    assert!(refused(with(Method::Ties, 2, Options { density: Some(0.0), ..Options::default() }), 2).contains("density"));
    assert!(refused(with(Method::Della, 2, Options { density: Some(0.95), ..Options::default() }), 2).contains("epsilon"));
    assert!(refused(with(Method::Ties, 2, Options { tame: Some(1.5), ..Options::default() }), 2).contains("adds up"));
    assert!(refused(with(Method::Knots, 2, Options { inner: Inner::Iso, ..Options::default() }), 2).contains("belong to core"));
    assert!(refused(with(Method::Sum, 2, Options { spread: true, ..Options::default() }), 2).contains("needs a rank"));
}
