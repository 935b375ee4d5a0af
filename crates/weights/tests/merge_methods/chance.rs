//! Methods that drop by chance: their mean over seeds is the plain sum, and a seed says all.

use crate::golden::dense;
use crate::support::{Build, Random, merged};
use weft_weights::merge::{Elect, Form, MergeInput, MergePlan, Method, Options, OutDtype};

const Q: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";

fn file(seed: u64) -> Vec<u8> {
    Build::default().kohya(Q, (24, 30, 3), Some(2.0), &mut Random(seed)).bytes()
}

fn plan(method: Method, weights: &[f64], options: Options) -> MergePlan {
    let inputs = weights.iter().enumerate().map(|(i, w)| MergeInput::new(format!("{i}"), *w)).collect();
    MergePlan { options: Options { form: Form::Diff, ..options }, ..MergePlan::new(inputs, method, OutDtype::F32) }
}

#[test]
fn the_mean_over_seeds_is_the_plain_sum() {
    let files = [file(1), file(2)];
    let refs = [files[0].as_slice(), files[1].as_slice()];
    let run = |method, seed, elect| {
        let options = Options { density: Some(0.4), epsilon: 0.2, seed, elect, ..Options::default() };
        dense(&merged(&plan(method, &[0.8, -0.5], options), &refs).unwrap().0).into_values().next().unwrap()
    };
    let sum = dense(&merged(&plan(Method::Sum, &[0.8, -0.5], Options::default()), &refs).unwrap().0).into_values().next().unwrap();
    for method in [Method::Dare, Method::Della] {
        let seeds = 600;
        let all: Vec<Vec<f64>> = (0..seeds).map(|s| run(method, s, Some(Elect::None))).collect();
        let mut far = 0;
        let mut square = 0.0;
        for (i, want) in sum.iter().enumerate() {
            let mean = all.iter().map(|v| v[i]).sum::<f64>() / seeds as f64;
            let spread = all.iter().map(|v| (v[i] - mean).powi(2)).sum::<f64>() / (seeds - 1) as f64;
            let z = (mean - want) / (spread / seeds as f64).sqrt().max(1e-12);
            far += usize::from(z.abs() > 3.0);
            square += z * z;
        }
        // 720 elements: 0.27 % lie beyond 3 standard errors, and the mean of z² is 1 ± 0.053.
        assert!(far <= 8, "{method:?}: {far} beyond 3 standard errors");
        assert!((square / sum.len() as f64 - 1.0).abs() < 0.16, "{method:?}: {}", square / sum.len() as f64);
    }
}

#[test]
fn della_drops_small_elements_more_often() {
    let f = file(3);
    let plain = dense(&f).into_values().next().unwrap();
    let mut kept = vec![0.0; plain.len()];
    let seeds = 400;
    for seed in 0..seeds {
        let options = Options { density: Some(0.5), epsilon: 0.3, seed, ..Options::default() };
        let out = dense(&merged(&plan(Method::Della, &[1.0], options), &[&f]).unwrap().0).into_values().next().unwrap();
        kept.iter_mut().zip(&out).for_each(|(k, v)| *k += f64::from(u8::from(*v != 0.0)) / f64::from(seeds as u32));
    }
    for (row, kept) in plain.chunks(30).zip(kept.chunks(30)) {
        let mut order: Vec<usize> = (0..30).collect();
        order.sort_by(|a, b| row[*a].abs().total_cmp(&row[*b].abs()));
        for (rank, i) in order.into_iter().enumerate() {
            let want = 0.2 + 0.6 * rank as f64 / 29.0;
            assert!((kept[i] - want).abs() < 4.5 * (want * (1.0 - want) / 400.0).sqrt(), "rank {rank}: {} of {want}", kept[i]);
        }
    }
}

#[test]
fn a_seed_gives_the_same_bytes_with_any_number_of_threads() {
    let mut rng = Random(5);
    let big = |rng: &mut Random| Build::default().kohya(Q, (700, 500, 6), Some(2.0), rng).bytes();
    let files = [big(&mut rng), big(&mut rng)];
    for method in Method::ALL.into_iter().filter(|m| *m != Method::Concat) {
        let inputs = vec![MergeInput::new("a", 1.0), MergeInput::new("b", 0.6)];
        let mut p = MergePlan { rank: Some(8), ..MergePlan::new(inputs, method, OutDtype::Bf16) };
        p.options.seed = 42;
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| merged(&p, &[&files[0], &files[1]]).unwrap().0)
        };
        let one = run(1);
        assert!(one == run(3), "{method:?}");
        if matches!(method, Method::Dare | Method::Della | Method::DareTies) {
            p.options.seed = 43;
            let other = merged(&p, &[&files[0], &files[1]]).unwrap().0;
            assert!(one != other, "{method:?} does not heed its seed");
        }
    }
}
