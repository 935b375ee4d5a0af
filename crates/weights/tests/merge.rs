//! Merges against a naive dense float64 reference.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "merge/names.rs"]
mod names;
mod support;

use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{Build, Random, dense, distance, merged, norm, open, probe, weighted};
use weft_weights::adapter::Naming;
use weft_weights::dtype::Dtype;
use weft_weights::layout::Layout;
use weft_weights::merge::{Member, MergeError, MergeInput, MergePlan, Method, OutDtype, estimate, merge};
use weft_weights::profile::Profile;
use weft_weights::progress::{Progress, Silent};
use weft_weights::relations::{compatible, gram_set};
use weft_weights::source::MemorySource;
use weft_weights::strength::strengths;

const Q: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
const K: &str = "lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn1_to_k";
const TE: &str = "lora_te_text_model_encoder_layers_3_self_attn_q_proj";

fn plan(weights: &[f64], method: Method) -> MergePlan {
    let inputs = weights.iter().enumerate().map(|(i, w)| MergeInput::new(format!("{i}.safetensors"), *w)).collect();
    MergePlan::new(inputs, method, OutDtype::F32)
}

fn svd(weights: &[f64], rank: usize) -> MergePlan {
    MergePlan { rank: Some(rank), ..plan(weights, Method::Svd) }
}

/// Two weights of which each file may lack one, with its own rank and alpha.
fn file(seed: u64, (m, n): (usize, usize), rank: usize, alpha: Option<f32>, both: bool) -> Vec<u8> {
    let mut rng = Random(seed);
    let build = Build::default().kohya(Q, (m, n, rank), alpha, &mut rng);
    if both { build.kohya(K, (n, m, rank), alpha, &mut rng).kohya(TE, (m, m, 1), None, &mut rng).bytes() } else { build.bytes() }
}

/// Squared distance of the best rank-k approximation of a dense matrix: eigenvalues of its Gram matrix by Jacobi rotations.
fn tail(rows: usize, n: usize, w: &[f64], k: usize) -> f64 {
    let mut g = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            g[i * n + j] = (0..rows).map(|r| w[r * n + i] * w[r * n + j]).sum();
        }
    }
    for _ in 0..60 {
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut g, n, p, q);
            }
        }
    }
    let mut values: Vec<f64> = (0..n).map(|i| g[i * n + i].max(0.0)).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values[k.min(n)..].iter().sum()
}

fn rotate(g: &mut [f64], n: usize, p: usize, q: usize) {
    let apq = g[p * n + q];
    if apq == 0.0 {
        return;
    }
    let theta = (g[q * n + q] - g[p * n + p]) / (2.0 * apq);
    let t = if theta == 0.0 { 1.0 } else { theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt()) };
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for i in 0..n {
        let (x, y) = (g[i * n + p], g[i * n + q]);
        (g[i * n + p], g[i * n + q]) = (c * x - s * y, s * x + c * y);
    }
    for i in 0..n {
        let (x, y) = (g[p * n + i], g[q * n + i]);
        (g[p * n + i], g[q * n + i]) = (c * x - s * y, s * x + c * y);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn exact_methods_equal_the_dense_sum(m in 3usize..20, n in 3usize..20, r in prop::array::uniform3(1usize..7), w in prop::array::uniform3(-2.0f64..2.0), seed: u64) {
        let files = [file(seed, (m, n), r[0], Some(2.0), true), file(seed ^ 1, (m, n), r[1], None, false), file(seed ^ 2, (m, n), r[2], Some(0.5), true)];
        let d: Vec<_> = files.iter().map(|f| dense(f)).collect();
        let refs: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        let truth = weighted(&[(w[0], &d[0]), (w[1], &d[1]), (w[2], &d[2])]);
        for method in [Method::Concat, Method::Sum] {
            let (out, report) = merged(&plan(&w, method), &refs).unwrap();
            prop_assert!(distance(&dense(&out), &truth) < 1e-6, "{method:?}");
            prop_assert!(report.energy_kept > 1.0 - 1e-12);
        }
        let total: f64 = w.iter().map(|x| x.abs()).sum();
        let mean = weighted(&[(1.0 / total, &truth)]);
        prop_assert!(distance(&dense(&merged(&plan(&w, Method::Average), &refs).unwrap().0), &mean) < 1e-6);
        // Another order gives the same weights.
        let back: Vec<&[u8]> = refs.iter().rev().copied().collect();
        let (out, _) = merged(&plan(&[w[2], w[1], w[0]], Method::Sum), &back).unwrap();
        prop_assert!(distance(&dense(&out), &truth) < 1e-6);
    }

    #[test]
    fn svd_reaches_the_dense_optimum(m in 3usize..16, n in 3usize..16, r in 1usize..7, k in 1usize..9, near in 0usize..3, seed: u64) {
        // The second file is unrelated, nearly the first, or nearly its opposite.
        let mut rng = Random(seed);
        let (b, a) = (rng.many(m * r), rng.many(n * r));
        let mut shifted = |x: &[f32]| -> Vec<f32> { x.iter().map(|v| if near == 0 { rng.next() } else { v + 1e-4 * rng.next() }).collect() };
        let (b2, a2) = (shifted(&b), shifted(&a));
        let first = Build::default().kohya_of(Q, (m, n, r), Some(1.0), b, a).bytes();
        let second = Build::default().kohya_of(Q, (m, n, r), Some(1.0), b2, a2).bytes();
        let weights = [1.5, if near == 2 { -1.5 } else { 0.7 }];
        let truth = weighted(&[(weights[0], &dense(&first)), (weights[1], &dense(&second))]);
        let (rows, columns, w) = truth.values().next().unwrap();
        let (out, report) = merged(&svd(&weights, k), &[&first, &second]).unwrap();
        let ours = weighted(&[(1.0, &truth), (-1.0, &dense(&out))]);
        let error = norm(&ours.values().next().unwrap().2);
        let best = tail(*rows, *columns, w, k).sqrt();
        prop_assert!(error <= best + 1e-5 * norm(w), "error {error}, best {best}, norm {}", norm(w));
        let kept = 1.0 - (best / norm(w)).powi(2);
        prop_assert!((report.energy_kept - kept).abs() < 1e-6);
        prop_assert!(report.rank_max <= k);
    }

    #[test]
    fn gauge_does_not_matter_and_weights_are_linear(m in 4usize..14, n in 4usize..14, r in 1usize..5, c in 1e-3f32..1e3, k in 1usize..5, seed: u64) {
        let mut rng = Random(seed);
        let (b, a) = (rng.many(m * r), rng.many(n * r));
        let other = file(seed ^ 9, (m, n), 3, None, false);
        let plain = Build::default().kohya_of(Q, (m, n, r), None, b.clone(), a.clone()).bytes();
        let scaled = |x: &[f32], c: f32| x.iter().map(|v| v * c).collect::<Vec<f32>>();
        let gauged = Build::default().kohya_of(Q, (m, n, r), None, scaled(&b, c), scaled(&a, 1.0 / c)).bytes();
        let run = |file: &[u8], w: f64| dense(&merged(&svd(&[w, 0.5 * w], k), &[file, &other]).unwrap().0);
        let base = run(&plain, 0.9);
        prop_assert!(distance(&run(&gauged, 0.9), &base) < 1e-3, "close singular values may swap, the error may not grow");
        prop_assert!(distance(&run(&plain, 1.8), &weighted(&[(2.0, &base)])) < 1e-5);
    }

    #[test]
    fn concat_then_svd_is_svd(m in 4usize..14, n in 4usize..14, r in 1usize..5, k in 1usize..5, seed: u64) {
        let files = [file(seed, (m, n), r, Some(1.0), false), file(seed ^ 5, (m, n), r + 1, None, false)];
        let both = merged(&plan(&[0.8, -1.1], Method::Concat), &[&files[0], &files[1]]).unwrap().0;
        let later = merged(&svd(&[1.0], k), &[&both]).unwrap();
        let at_once = merged(&svd(&[0.8, -1.1], k), &[&files[0], &files[1]]).unwrap();
        prop_assert!((later.1.energy_kept - at_once.1.energy_kept).abs() < 1e-6);
        prop_assert!((later.1.frobenius.unwrap() - at_once.1.frobenius.unwrap()).abs() < 1e-5 * at_once.1.frobenius.unwrap());
    }
}

#[test]
fn sum_finds_the_numerical_rank_and_concat_does_not_look() {
    let f = file(3, (16, 12), 4, Some(4.0), false);
    let same = [f.as_slice(), f.as_slice()];
    let (sum, concat) =
        (merged(&plan(&[1.0, 0.5], Method::Sum), &same).unwrap(), merged(&plan(&[1.0, 0.5], Method::Concat), &same).unwrap());
    assert_eq!((sum.1.rank_max, concat.1.rank_max), (4, 8));
    assert!(distance(&dense(&sum.0), &weighted(&[(1.5, &dense(&f))])) < 1e-6);
    // A file against itself leaves nothing.
    let gone = merged(&plan(&[1.0, -1.0], Method::Sum), &same).err().unwrap();
    assert!(gone.to_string().contains("nothing is left"), "{gone}");
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    let files = [file(1, (40, 30), 5, Some(2.0), true), file(2, (40, 30), 7, None, true)];
    let plan = MergePlan { energy: Some(0.9), dtype: OutDtype::Bf16, ..plan(&[1.0, -0.3], Method::Svd) };
    let run = || merged(&plan, &[&files[0], &files[1]]).unwrap().0;
    assert_eq!(run(), run());
}

#[test]
fn energy_keeps_enough_in_every_module() {
    let files = [file(1, (40, 30), 8, None, true), file(2, (40, 30), 8, None, true)];
    let plan = MergePlan { energy: Some(0.8), ..plan(&[1.0, 1.0], Method::Svd) };
    let (_, report) = merged(&plan, &[&files[0], &files[1]]).unwrap();
    assert!(report.per_module.iter().all(|m| m.2 >= 0.8 && (m.2 < 0.95 || m.1 <= 2)), "{:?}", report.per_module);
    assert!(report.rank_max < 16);
}

#[test]
fn convolutions_and_tucker_cores() {
    let mut rng = Random(5);
    let stem = "lora_unet_down_blocks_0_resnets_0_conv1";
    let conv = |r: usize, rng: &mut Random| {
        Build::default()
            .tensor(&format!("{stem}.lora_down.weight"), Dtype::F32, &[r, 6, 3, 3], rng.many(r * 54))
            .tensor(&format!("{stem}.lora_up.weight"), Dtype::F32, &[8, r, 1, 1], rng.many(8 * r))
            .bytes()
    };
    let tucker = Build::default()
        .tensor(&format!("{stem}.lora_down.weight"), Dtype::F32, &[3, 6, 1, 1], rng.many(18))
        .tensor(&format!("{stem}.lora_mid.weight"), Dtype::F32, &[3, 3, 3, 3], rng.many(81))
        .tensor(&format!("{stem}.lora_up.weight"), Dtype::F32, &[8, 3, 1, 1], rng.many(24))
        .tensor(&format!("{stem}.alpha"), Dtype::F32, &[], vec![1.0])
        .bytes();
    let plain = conv(2, &mut rng);
    let truth = weighted(&[(0.7, &dense(&plain)), (-1.2, &dense(&tucker))]);
    for plan in [plan(&[0.7, -1.2], Method::Concat), svd(&[0.7, -1.2], 8)] {
        let out = merged(&plan, &[&plain, &tucker]).unwrap().0;
        assert!(distance(&dense(&out), &truth) < 1e-6);
        let header = open(&out).header;
        assert_eq!(header.find(&format!("{stem}.lora_down.weight")).unwrap().1.shape, [5, 6, 3, 3]);
        assert_eq!(header.find(&format!("{stem}.lora_up.weight")).unwrap().1.shape, [8, 5, 1, 1]);
    }
}

fn assert_probe(out: &[u8], parts: &[(f64, &[u8])]) {
    let ours = probe(out);
    let mut truth = std::collections::BTreeMap::new();
    for (w, file) in parts {
        for (key, y) in probe(file) {
            let t: &mut Vec<f64> = truth.entry(key).or_default();
            t.resize(t.len().max(y.len()), 0.0);
            t.iter_mut().zip(&y).for_each(|(t, y)| *t += w * y);
        }
    }
    assert_eq!(ours.keys().collect::<Vec<_>>(), truth.keys().collect::<Vec<_>>());
    for (key, t) in &truth {
        let mut y = ours[key].clone();
        y.resize(y.len().max(t.len()), 0.0);
        let difference: Vec<f64> = y.iter().enumerate().map(|(i, y)| y - t.get(i).copied().unwrap_or(0.0)).collect();
        assert!(norm(&difference) < 1e-5 * norm(t), "{key:?}: {} of {}", norm(&difference), norm(t));
    }
}

fn sd3_split(rng: &mut Random) -> Vec<u8> {
    let mut b = Build::default();
    for leaf in ["to_q", "to_k", "to_v"] {
        b = b.peft(&format!("transformer.transformer_blocks.3.attn.{leaf}"), (1536, 1536, 2), rng);
    }
    for leaf in ["add_k_proj", "to_out.0"] {
        b = b.peft(&format!("transformer.transformer_blocks.4.attn.{leaf}"), (1536, 1536, 1), rng);
    }
    b.peft("transformer.norm_out.linear", (3072, 1536, 1), rng).bytes()
}

#[test]
fn fused_and_split_files_meet_in_the_fused_form() {
    let mut rng = Random(8);
    let split = sd3_split(&mut rng);
    let fused = Build::default()
        .kohya("lora_unet_joint_blocks_3_x_block_attn_qkv", (4608, 1536, 2), Some(1.0), &mut rng)
        .kohya("lora_unet_final_layer_adaLN_modulation_1", (3072, 1536, 1), None, &mut rng)
        .bytes();
    for plan in [plan(&[0.5, -1.0], Method::Concat), plan(&[0.5, -1.0], Method::Sum)] {
        let out = merged(&plan, &[&split, &fused]).unwrap().0;
        assert_probe(&out, &[(0.5, &split), (-1.0, &fused)]);
        let names: Vec<String> = open(&out).modules.into_iter().map(|m| m.name).collect();
        assert!(names.iter().all(|n| n.starts_with("lora_unet_")), "{names:?}");
        assert!(names.contains(&"lora_unet_joint_blocks_4_context_block_attn_qkv".to_owned()), "{names:?}");
    }
}

#[test]
fn files_that_split_alike_stay_split_and_keep_their_names() {
    let mut rng = Random(9);
    let (a, b) = (sd3_split(&mut rng), sd3_split(&mut rng));
    let out = merged(&plan(&[1.0, 0.25], Method::Concat), &[&a, &b]).unwrap().0;
    assert_probe(&out, &[(1.0, &a), (0.25, &b)]);
    let keys = |f: &[u8]| open(f).header.tensors.into_iter().map(|t| t.name).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(keys(&out), keys(&a));
    // On request the same becomes kohya's names.
    let plan = MergePlan { naming: Some(Naming::Kohya), ..plan(&[1.0, 0.25], Method::Sum) };
    let out = merged(&plan, &[&a, &b]).unwrap().0;
    assert_probe(&out, &[(1.0, &a), (0.25, &b)]);
    assert!(open(&out).modules.iter().all(|m| m.naming == Naming::Kohya));
}

#[test]
fn a_module_of_weight_zero_is_dropped_and_profiles_apply_by_block() {
    let (a, b) = (file(1, (320, 320), 2, None, true), file(2, (320, 320), 2, None, false));
    let layout = Layout::by_id("sd_unet_25").unwrap();
    let mut profile = Profile::neutral(layout);
    profile.set_named("IN01", 0.0).unwrap();
    profile.set_named("OUT03", -0.5).unwrap();
    profile.set_base(0.25).unwrap();
    let mut p = plan(&[0.8, 1.0], Method::Concat);
    p.inputs[0].profile = Some(profile);
    p.inputs[0].te_weight = Some(2.0);
    if open(&a).detection.layout.is_none() {
        // Shapes of this test are not those of the family: the plan says so instead of guessing.
        assert!(merged(&p, &[&a, &b]).unwrap_err().to_string().contains("no known block layout"));
        return;
    }
    let (out, report) = merged(&p, &[&a, &b]).unwrap();
    let (da, db, ours) = (dense(&a), dense(&b), dense(&out));
    assert_eq!(report.modules, 3);
    for (key, (_, _, v)) in &ours {
        let truth = match key.1.as_str() {
            path if path.starts_with("down") => db[key].2.clone(),
            path if path.starts_with("up") => da[key].2.iter().map(|v| v * 0.8 * -0.5).collect(),
            _ => da[key].2.iter().map(|v| v * 2.0 * 0.25).collect::<Vec<f64>>(),
        };
        let difference: Vec<f64> = v.iter().zip(&truth).map(|(a, b)| a - b).collect();
        assert!(norm(&difference) < 1e-6 * norm(&truth), "{key:?}");
    }
}

#[test]
fn what_cannot_be_merged_is_refused_by_name() {
    let mut rng = Random(4);
    let good = file(1, (20, 20), 2, None, false);
    let message = |plan: &MergePlan, files: &[&[u8]]| merged(plan, files).unwrap_err().to_string();
    let two = plan(&[1.0, 1.0], Method::Sum);

    let mut b = rng.many(40);
    b[7] = f32::NAN;
    let nan = Build::default().kohya_of(Q, (20, 20, 2), None, b, rng.many(40)).bytes();
    let text = message(&two, &[&good, &nan]);
    assert!(text.contains("1.safetensors") && text.contains("to_q.lora_up.weight"), "{text}");

    let dora = Build::default()
        .kohya(Q, (20, 20, 2), None, &mut rng)
        .tensor(&format!("{Q}.dora_scale"), Dtype::F32, &[20, 1], rng.many(20))
        .bytes();
    let text = message(&two, &[&good, &dora]);
    assert!(text.contains("1.safetensors") && text.contains("DoRA") && text.contains("give the checkpoint"), "{text}");
    let set = Build::default().tensor(&format!("{Q}.set_weight"), Dtype::F32, &[20, 20], rng.many(400)).bytes();
    assert!(message(&two, &[&good, &set]).contains("replaces 1 whole weights"));

    let wide = file(1, (20, 24), 2, None, false);
    assert!(message(&two, &[&good, &wide]).contains("20×24"));
    assert!(message(&plan(&[2.5, 1.0], Method::Sum), &[&good, &good]).contains("between -2 and 2"));
    assert!(message(&plan(&[f64::NAN, 1.0], Method::Sum), &[&good, &good]).contains("between -2 and 2"));
    assert!(message(&plan(&[1.0], Method::Svd), &[&good]).contains("rank or an energy"));
    assert!(message(&plan(&[0.0, 0.0], Method::Sum), &[&good, &good]).contains("every weight is 0"));
    assert!(message(&plan(&[0.0, 0.0], Method::Average), &[&good, &good]).contains("other than 0"));
    assert!(matches!(merged(&MergePlan { rank: Some(4), ..plan(&[1.0], Method::Concat) }, &[&good]), Err(MergeError::Plan(_))));
}

#[test]
fn different_families_do_not_fit() {
    let mut rng = Random(2);
    let flux = Build::default()
        .kohya("lora_unet_double_blocks_0_img_attn_proj", (3072, 3072, 1), None, &mut rng)
        .kohya("lora_unet_double_blocks_0_img_mlp_0", (12288, 3072, 1), None, &mut rng)
        .bytes();
    let sd3 = sd3_split(&mut rng);
    let (a, b) = (open(&flux), open(&sd3));
    let verdict = compatible(&[("flux", &a), ("sd3", &b)]);
    assert!(!verdict.fits);
    assert!(verdict.reasons[0].contains("Flux.1") && verdict.reasons[0].contains("SD 3"), "{verdict:?}");
    assert!(compatible(&[("x", &b), ("y", &b)]).fits);
    assert!(matches!(merged(&plan(&[1.0, 1.0], Method::Sum), &[&flux, &sd3]), Err(MergeError::Incompatible(_))));
}

#[test]
fn small_types_keep_their_precision() {
    let mut rng = Random(6);
    // alpha 1 at rank 64 and small factors: B·scale alone would fall among f16's subnormal numbers.
    let (m, n, r) = (24, 20, 64);
    let b: Vec<f32> = rng.many(m * r).iter().map(|v| v * 1e-4).collect();
    let f = Build::default().kohya_of(Q, (m, n, r), Some(1.0), b, rng.many(n * r)).bytes();
    for (dtype, limit) in [(OutDtype::F16, 1e-3), (OutDtype::Bf16, 6e-3)] {
        let plan = MergePlan { dtype, ..plan(&[0.5], Method::Concat) };
        let error = distance(&dense(&merged(&plan, &[&f]).unwrap().0), &weighted(&[(0.5, &dense(&f))]));
        assert!(error < limit, "{dtype:?}: {error}");
    }
    let huge = Build::default().kohya_of(Q, (4, 4, 1), None, vec![1e30; 4], vec![1e30; 4]).bytes();
    let plan = MergePlan { dtype: OutDtype::F16, ..plan(&[1.0], Method::Concat) };
    assert!(matches!(merged(&plan, &[&huge]), Err(MergeError::Range { .. })));
}

#[test]
fn metadata_tells_the_recipe_and_unites_the_triggers() {
    let mut rng = Random(6);
    let f = |t: &str, rng: &mut Random| {
        Build::default().kohya(Q, (20, 20, 2), None, rng).meta("modelspec.trigger_phrase", t).meta("ss_base_model_version", "sd_v1").bytes()
    };
    let (a, b) = (f("glass, vespers", &mut rng), f("Vespers, harbour", &mut rng));
    let mut p = plan(&[0.75, 0.5], Method::Concat);
    p.inputs[0].sha256 = Some("ab".repeat(32));
    let out = merged(&p, &[&a, &b]).unwrap().0;
    let meta = open(&out).header.metadata;
    assert_eq!(meta["modelspec.trigger_phrase"], "glass, vespers, harbour");
    assert_eq!((meta["ss_network_dim"].as_str(), meta["ss_base_model_version"].as_str(), meta["format"].as_str()), ("4", "sd_v1", "pt"));
    let recipe: serde_json::Value = serde_json::from_str(&meta["weft.recipe"]).unwrap();
    assert_eq!(recipe["inputs"][0]["weight"], 0.75);
    assert_eq!(recipe["inputs"][0]["sha256"], "ab".repeat(32));
    assert_eq!(recipe["method"], "concat");
}

/// Asks to stop after some steps.
struct StopAfter(AtomicUsize, AtomicBool);

impl Progress for StopAfter {
    fn step(&self, _done: u64, _total: u64, _what: &str) {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.1.store(true, Ordering::SeqCst);
        }
    }
    fn cancelled(&self) -> bool {
        self.1.load(Ordering::SeqCst)
    }
}

#[test]
fn files_appear_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let f = file(1, (20, 20), 2, None, true);
    let (adapter, source) = (open(&f), MemorySource(&f));
    let members = [Member { adapter: &adapter, source: &source }];
    let out = dir.path().join("out.safetensors");
    let stop = StopAfter(AtomicUsize::new(1), AtomicBool::new(false));
    // With several threads the last steps may all have begun before the request: then it is done instead.
    let stopped = merge(&plan(&[1.0], Method::Sum), &members, &out, &stop);
    match stopped {
        Err(e) => {
            assert!(matches!(e, MergeError::Cancelled(_)), "{e}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
        Ok(_) => std::fs::remove_file(&out).unwrap(),
    }
    let cancelled = AtomicBool::new(true);
    assert!(matches!(merge(&plan(&[1.0], Method::Sum), &members, &out, &cancelled), Err(MergeError::Cancelled(_))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let report = merge(&plan(&[1.0], Method::Sum), &members, &out, &Silent).unwrap();
    assert_eq!(std::fs::metadata(&out).unwrap().len(), report.bytes);
    assert!(merge(&plan(&[1.0], Method::Sum), &members, &out, &Silent).unwrap_err().to_string().contains("exists already"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn gram_matrices_foretell_the_merge_exactly() {
    let files = [file(1, (30, 20), 4, Some(1.0), true), file(2, (30, 20), 3, None, true), file(3, (30, 20), 2, Some(5.0), false)];
    let adapters: Vec<_> = files.iter().map(|f| open(f)).collect();
    let sources: Vec<_> = files.iter().map(|f| MemorySource(f)).collect();
    let members: Vec<_> = adapters.iter().zip(&sources).map(|(adapter, source)| Member { adapter, source }).collect();
    let set = gram_set(&members, &["a", "b", "c"], &Silent).unwrap();
    let weights = [0.9, -1.3, 0.4];
    let combined = set.combined(&weights.map(|w| vec![w; set.slots.len()]));
    let total = combined.iter().map(|c| c.norm * c.norm).sum::<f64>().sqrt();
    let refs: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let report = merged(&plan(&weights, Method::Sum), &refs).unwrap().1;
    assert!((total - report.frobenius.unwrap()).abs() < 1e-9 * total);
    let truth = weighted(&[(0.9, &dense(&files[0])), (-1.3, &dense(&files[1])), (0.4, &dense(&files[2]))]);
    let dense_total = truth.values().map(|d| norm(&d.2).powi(2)).sum::<f64>().sqrt();
    assert!((total - dense_total).abs() < 1e-9 * total);
    for c in &combined {
        let shares: f64 = c.shares.iter().sum();
        assert!(c.norm == 0.0 || (shares - 1.0).abs() < 1e-9);
    }
}

#[test]
fn strengths_gram_matrices_and_reports_agree() {
    let f = file(1, (320, 320), 4, Some(1.0), true);
    let (adapter, source) = (open(&f), MemorySource(&f));
    let measured = strengths(&adapter, &source, &Silent).unwrap();
    let set = gram_set(&[Member { adapter: &adapter, source: &source }], &["a"], &Silent).unwrap();
    let report = merged(&plan(&[1.0], Method::Sum), &[&f]).unwrap().1;
    assert_eq!(report.blocks.len(), 3);
    for slot in &measured.slots {
        let label = slot.slot.label(adapter.detection.layout.unwrap());
        let at = set.slots.iter().position(|s| s.label == label).unwrap();
        let block = report.blocks.iter().find(|b| b.slot == label).unwrap();
        assert!((set.at(at, 0, 0).sqrt() - slot.frobenius).abs() < 1e-6 * slot.frobenius, "{label}");
        assert!((block.frobenius - slot.frobenius).abs() < 1e-6 * slot.frobenius, "{label}");
    }
}

#[test]
fn the_estimate_is_what_the_merge_then_does() {
    let files = [file(1, (40, 30), 6, Some(1.0), true), file(2, (40, 30), 5, None, true)];
    let adapters: Vec<_> = files.iter().map(|f| open(f)).collect();
    let sources: Vec<_> = files.iter().map(|f| MemorySource(f)).collect();
    let members: Vec<_> = adapters.iter().zip(&sources).map(|(adapter, source)| Member { adapter, source }).collect();
    let base = MergePlan { dtype: OutDtype::F16, ..svd(&[1.0, 0.6], 1) };
    let curve = estimate(&base, &members, &Silent).unwrap();
    assert_eq!(curve.full_rank, 11);
    assert!(curve.ranks.windows(2).all(|w| w[0].rank < w[1].rank && w[0].energy < w[1].energy && w[0].bytes < w[1].bytes));
    for point in &curve.ranks {
        let plan = MergePlan { rank: Some(point.rank), ..base.clone() };
        let report = merged(&plan, &[&files[0], &files[1]]).unwrap().1;
        assert!((report.energy_kept - point.energy).abs() < 1e-9);
        assert!(report.bytes.abs_diff(point.bytes) < 256, "{} and {}", report.bytes, point.bytes);
    }
}
