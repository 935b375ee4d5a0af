//! Inputs of every kind, and what the result is stored as.

use crate::golden::dense;
use crate::support::{Build, Random, merged, open};
use std::collections::BTreeMap;
use weft_weights::adapter::Target;
use weft_weights::delta::{Base, Dense, Loader};
use weft_weights::dtype::Dtype;
use weft_weights::merge::{Form, Member, MergeError, MergeInput, MergePlan, Method, Options, OutDtype, merge_into_on};
use weft_weights::progress::Silent;
use weft_weights::source::{MemorySource, ReadError};

const Q: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
const CONV: &str = "lora_unet_down_blocks_1_resnets_0_conv1";

fn plan(method: Method, weights: &[f64]) -> MergePlan {
    let inputs = weights.iter().enumerate().map(|(i, w)| MergeInput::new(format!("{i}"), *w)).collect();
    MergePlan::new(inputs, method, OutDtype::F32)
}

fn loha(rng: &mut Random, rank: usize) -> Vec<u8> {
    let mut build = Build::default();
    for (name, shape) in [("hada_w1_a", [20, rank]), ("hada_w1_b", [rank, 16]), ("hada_w2_a", [20, rank]), ("hada_w2_b", [rank, 16])] {
        build = build.tensor(&format!("{Q}.{name}"), Dtype::F32, &shape, rng.many(shape[0] * shape[1]));
    }
    build.bytes()
}

fn diff(rng: &mut Random) -> Vec<u8> {
    Build::default().tensor(&format!("{Q}.diff"), Dtype::F32, &[20, 16], rng.many(320)).bytes()
}

fn close(found: &BTreeMap<String, Vec<f64>>, parts: &[(f64, &[u8])], limit: f64) {
    let mut want: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (w, bytes) in parts {
        for (key, v) in dense(bytes) {
            let sum = want.entry(key).or_insert_with(|| vec![0.0; v.len()]);
            sum.iter_mut().zip(&v).for_each(|(s, v)| *s += w * v);
        }
    }
    assert_eq!(found.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>());
    for (key, want) in &want {
        let gap = found[key].iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(gap < limit * crate::support::norm(want), "{key}: {gap}");
    }
}

#[test]
fn loha_and_stored_differences_enter_the_exact_methods() {
    let mut rng = Random(4);
    let (lora, loha, diff) = (Build::default().kohya(Q, (20, 16, 3), Some(1.0), &mut rng).bytes(), loha(&mut rng, 2), diff(&mut rng));
    for method in [Method::Sum, Method::Concat] {
        // Four components of the LoHa and three of the LoRA: a pair.
        let (out, report) = merged(&plan(method, &[1.0, -0.5]), &[&lora, &loha]).unwrap();
        assert_eq!((report.rank_max, report.whole), (7, 0), "{method:?}");
        close(&dense(&out), &[(1.0, &lora), (-0.5, &loha)], 1e-6);
        // A stored difference has no small rank: whole, and said so.
        let (out, report) = merged(&plan(method, &[1.0, -0.5]), &[&lora, &diff]).unwrap();
        assert_eq!((report.rank_max, report.whole), (0, 1), "{method:?}");
        assert!(report.warnings.iter().any(|w| w.contains("stored whole")), "{:?}", report.warnings);
        close(&dense(&out), &[(1.0, &lora), (-0.5, &diff)], 1e-6);
    }
    let cut = MergePlan { rank: Some(4), ..plan(Method::Svd, &[1.0, -0.5]) };
    let report = merged(&cut, &[&lora, &diff]).unwrap().1;
    assert_eq!((report.rank_max, report.whole), (4, 0));
    assert!(report.energy_kept < 0.999 && report.energy_kept > 0.2);
    for method in [Method::Knots, Method::Core] {
        let refused = merged(&plan(method, &[1.0, 1.0]), &[&lora, &diff]).unwrap_err().to_string();
        assert!(refused.contains("low-rank pairs") && refused.contains("to_q"), "{refused}");
        assert!(merged(&plan(method, &[1.0, 1.0]), &[&lora, &loha]).is_ok());
    }
}

#[test]
fn a_whole_result_has_the_shape_of_the_weight() {
    let mut rng = Random(5);
    let f = Build::default()
        .tensor(&format!("{CONV}.lora_down.weight"), Dtype::F32, &[2, 6, 3, 3], rng.many(108))
        .tensor(&format!("{CONV}.lora_up.weight"), Dtype::F32, &[8, 2, 1, 1], rng.many(16))
        .bytes();
    let p = MergePlan { options: Options { form: Form::Diff, ..Options::default() }, ..plan(Method::Sum, &[0.5]) };
    let (out, _) = merged(&p, &[&f]).unwrap();
    let header = open(&out).header;
    assert_eq!(header.find(&format!("{CONV}.diff")).unwrap().1.shape, [8, 6, 3, 3]);
    close(&dense(&out), &[(0.5, &f)], 1e-6);
}

#[test]
fn embeddings_are_carried_and_collide_by_name() {
    let mut rng = Random(6);
    let build = |name: &str, rng: &mut Random| {
        Build::default()
            .kohya(Q, (20, 16, 2), None, rng)
            .tensor(&format!("bundle_emb.{name}.clip_l"), Dtype::F32, &[2, 768], rng.many(1536))
            .bytes()
    };
    let (a, b, c) = (build("one", &mut rng), build("two", &mut rng), build("one", &mut rng));
    let ties = MergePlan { rank: Some(4), ..plan(Method::Ties, &[1.0, 1.0]) };
    let out = merged(&ties, &[&a, &b]).unwrap().0;
    assert!(open(&out).header.find("bundle_emb.one.clip_l").is_some() && open(&out).header.find("bundle_emb.two.clip_l").is_some());
    assert!(merged(&ties, &[&a, &c]).unwrap_err().to_string().contains("bundle_emb.one.clip_l"));
}

/// A base of one value everywhere but on the diagonal.
struct Flat;

impl Base for Flat {
    fn weight(&self, _: &Target, m: usize, n: usize) -> Result<Option<Dense>, ReadError> {
        let (m, n) = (if m == 0 { 20 } else { m }, if n == 0 { 16 } else { n });
        Ok(Some(Dense { m, n, values: (0..m * n).map(|x| if x / n == x % n { 2.0 } else { 0.25 }).collect() }))
    }
}

#[test]
fn kinds_that_need_the_base_enter_with_it_and_only_with_it() {
    let mut rng = Random(8);
    let lora = Build::default().kohya(Q, (20, 16, 3), Some(1.0), &mut rng).bytes();
    let dora = Build::default()
        .kohya(Q, (20, 16, 2), Some(2.0), &mut rng)
        .tensor(&format!("{Q}.dora_scale"), Dtype::F32, &[20, 1], (0..20).map(|i| 1.0 + i as f32 / 10.0).collect())
        .bytes();
    let (a, b) = (open(&lora), open(&dora));
    let (sa, sb) = (MemorySource(&lora), MemorySource(&dora));
    let members = [Member { adapter: &a, source: &sa }, Member { adapter: &b, source: &sb }];
    let p = plan(Method::Sum, &[1.0, 0.5]);
    assert!(
        matches!(merged(&p, &[&lora, &dora]), Err(MergeError::Incompatible(r)) if r[0].contains("DoRA") && r[0].contains("checkpoint"))
    );
    let run = |p: &MergePlan| merge_into_on(p, &members, Some(&Flat), std::io::Cursor::new(Vec::new()), &Silent);
    let (out, report) = match run(&p) {
        Ok(done) => done,
        Err(e) => panic!("{e}"),
    };
    assert_eq!(report.whole, 1);
    let delta = Loader { adapter: &b, source: &sb, base: Some(&Flat) }.load(&b.modules[0]).unwrap();
    let mut change = vec![0f32; 320];
    delta.rows(0..20, &mut change);
    let plain = dense(&lora).into_values().next().unwrap();
    let found = dense(&out.into_inner()).into_values().next().unwrap();
    for ((f, p), c) in found.iter().zip(&plain).zip(&change) {
        assert!((f - (p + 0.5 * f64::from(*c))).abs() < 1e-5);
    }
    let ties = MergePlan { rank: Some(16), ..plan(Method::Ties, &[1.0, 0.5]) };
    assert!(run(&ties).is_ok());
}

#[test]
fn sizes_that_an_adapter_does_not_tell_come_from_the_base() {
    let mut rng = Random(9);
    let lora = Build::default().kohya(Q, (20, 16, 3), Some(1.0), &mut rng).bytes();
    let ia3 = Build::default()
        .tensor(&format!("{Q}.weight"), Dtype::F32, &[20], (0..20).map(|i| 0.5 + i as f32 / 20.0).collect())
        .tensor(&format!("{Q}.on_input"), Dtype::F32, &[], vec![0.0])
        .bytes();
    let (a, b) = (open(&lora), open(&ia3));
    assert!(b.modules[0].in_dim == 0, "the file itself tells rows only");
    let (sa, sb) = (MemorySource(&lora), MemorySource(&ia3));
    let members = [Member { adapter: &a, source: &sa }, Member { adapter: &b, source: &sb }];
    let (out, _) =
        merge_into_on(&plan(Method::Sum, &[1.0, 1.0]), &members, Some(&Flat), std::io::Cursor::new(Vec::new()), &Silent).unwrap();
    let plain = dense(&lora).into_values().next().unwrap();
    let found = dense(&out.into_inner()).into_values().next().unwrap();
    for (x, (f, p)) in found.iter().zip(&plain).enumerate() {
        let (i, j) = (x / 16, x % 16);
        let base = if i == j { 2.0 } else { 0.25 };
        // (IA)³ as LyCORIS stores it, on the output: row i of W₀ times wᵢ is added.
        let want = p + base * (0.5 + i as f64 / 20.0);
        assert!((f - want).abs() < 1e-5, "({i}, {j}): {f} and {want}");
    }
}
