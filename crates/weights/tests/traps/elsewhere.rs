//! What is verified to go wrong in other programs (docs/weights.md lists them). Each test bears the defect's name and holds that it is not here.

use crate::made::{EXACT, One, Q, apart, change, pair, plan, product, result};
use crate::support::{Build, Random, dense, distance, merged, open, probe, weighted};
use weft_weights::adapter::{Component, Kind};
use weft_weights::delta::Base;
use weft_weights::dtype::Dtype;
use weft_weights::keys::Role;
use weft_weights::layout::Layout;
use weft_weights::merge::{Form, Member, MergeInput, MergePlan, Method, Options, OutDtype, merge_into_on};
use weft_weights::ops::{Convention, ConvertOptions, EditOptions, Keep, ResizeOptions, convert_into, edit_into, resize_into};
use weft_weights::profile::Profile;
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;
use weft_weights::strength::strengths;

/// A linear layer of SDXL in the original names, in IN04.
const SDXL: &str = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k";

fn times(c: f64, values: &[f64]) -> Vec<f64> {
    values.iter().map(|v| c * v).collect()
}

/// The only weight of a dense set.
fn only(set: &crate::support::Deltas) -> &[f64] {
    assert_eq!(set.len(), 1);
    &set.values().next().unwrap().2
}

#[test]
fn kohya_merge_squares_the_ratio() {
    let f = pair(Q, (20, 16, 4), Some(2.0), 1);
    for method in EXACT.into_iter().chain([Method::Ties, Method::MagnitudePrune, Method::Core]) {
        let open_handed = Options { density: Some(1.0), ..Options::default() };
        let (out, _) = result(&MergePlan { options: open_handed, ..plan(method, &[0.5]) }, &[&f]);
        assert!(apart(only(&out), &times(0.5, only(&dense(&f)))) < 1e-5, "{method:?}");
    }
}

#[test]
fn kohya_merge_brings_in_cross_terms() {
    let (one, two) = (pair(Q, (20, 16, 3), None, 1), pair(Q, (20, 16, 3), None, 2));
    let truth = weighted(&[(0.8, &dense(&one)), (-0.6, &dense(&two))]);
    for method in EXACT {
        assert!(distance(&result(&plan(method, &[0.8, -0.6]), &[&one, &two]).0, &truth) < 1e-6, "{method:?}");
    }
}

#[test]
fn kohya_merge_stops_at_different_ranks() {
    let (one, two) = (pair(Q, (20, 16, 4), Some(4.0), 1), pair(Q, (20, 16, 8), Some(1.0), 2));
    let truth = weighted(&[(1.0, &dense(&one)), (1.0, &dense(&two))]);
    for method in EXACT {
        assert!(distance(&result(&plan(method, &[1.0, 1.0]), &[&one, &two]).0, &truth) < 1e-6, "{method:?}");
    }
}

#[test]
fn kohya_merge_divides_by_a_first_alpha_of_zero() {
    let (off, on) = (pair(Q, (20, 16, 4), Some(0.0), 1), pair(Q, (20, 16, 4), Some(4.0), 2));
    for method in Method::ALL.into_iter().filter(|m| !matches!(m, Method::Slerp | Method::Karcher | Method::NormEqual)) {
        let (out, _) = result(&plan(method, &[1.0, 1.0]), &[&off, &on]);
        assert!(out.values().all(|v| v.2.iter().all(|x| x.is_finite())), "{method:?}");
    }
    assert!(distance(&result(&plan(Method::Sum, &[1.0, 1.0]), &[&off, &on]).0, &dense(&on)) < 1e-6);
}

#[test]
fn kohya_concat_keeps_the_first_alpha_while_the_rank_grows() {
    for (ranks, weights) in [((4, 4), [1.0, 1.0]), ((4, 4), [0.5, 0.5]), ((4, 8), [1.0, 1.0])] {
        let (one, two) = (pair(Q, (20, 16, ranks.0), Some(4.0), 1), pair(Q, (20, 16, ranks.1), Some(8.0), 2));
        let truth = weighted(&[(weights[0], &dense(&one)), (weights[1], &dense(&two))]);
        let (out, report) = result(&plan(Method::Concat, &weights), &[&one, &two]);
        assert_eq!(report.rank_max, ranks.0 + ranks.1);
        assert!(distance(&out, &truth) < 1e-6, "{ranks:?} {weights:?}");
    }
}

#[test]
fn flux_merge_knows_eighteen_double_blocks_only() {
    let mut rng = Random(1);
    let theirs = Build::default().peft("transformer.transformer_blocks.18.attn.to_out.0", (3072, 3072, 2), &mut rng).bytes();
    let ours = pair("lora_unet_double_blocks_18_img_attn_proj", (3072, 3072, 1), None, 2);
    let (out, _) = merged(&plan(Method::Concat, &[1.0, 1.0]), &[&theirs, &ours]).unwrap();
    let key = (Component::Denoiser, "double_blocks_18_img_attn_proj".to_owned());
    let sum: Vec<f64> = probe(&theirs)[&key].iter().zip(&probe(&ours)[&key]).map(|(x, y)| x + y).collect();
    assert!(apart(&probe(&out)[&key], &sum) < 1e-6);
}

#[test]
fn sdxl_merge_squares_block_ratios() {
    let f = pair(SDXL, (640, 2048, 2), Some(1.0), 1);
    let layout = open(&f).detection.layout.unwrap();
    for ratio in [0.5, -1.0, 0.0] {
        let mut profile = Profile::neutral(layout);
        profile.set_named("IN04", ratio).unwrap();
        let input = MergeInput { profile: Some(profile), ..MergeInput::new("a", 1.0) };
        let merge = merged(&MergePlan { inputs: vec![input], ..plan(Method::Concat, &[1.0]) }, &[&f]);
        if ratio == 0.0 {
            assert!(merge.unwrap_err().to_string().contains("nothing is left"));
            continue;
        }
        let (before, after) = (probe(&f), probe(&merge.unwrap().0));
        let (x, y) = (before.values().next().unwrap(), after.values().next().unwrap());
        assert!(apart(y, &times(ratio, x)) < 1e-6, "{ratio}");
    }
}

#[test]
fn svd_merge_clamps_at_a_quantile() {
    // A few large values are what a quantile cuts.
    let mut rng = Random(5);
    let (mut b, a) = (rng.many(40 * 3), rng.many(30 * 3));
    (b[0], b[50], b[100]) = (40.0, -60.0, 25.0);
    let f = Build::default().kohya_of(Q, (40, 30, 3), None, b.clone(), a.clone()).bytes();
    let (out, _) = result(&plan(Method::Svd, &[1.0]), &[&f]);
    assert!(apart(only(&out), &product(&b, &a, 3)) < 1e-6);
}

#[test]
fn svd_merge_wants_vectors_of_one_length() {
    let layout = Layout::by_id("sdxl_unet_19").unwrap();
    let vector = |n: usize| Profile::parse(&vec!["0.5"; n].join(","), layout, None).unwrap().profile;
    let files = [pair(SDXL, (640, 2048, 2), None, 1), pair(SDXL, (640, 2048, 2), None, 2)];
    let inputs = [12, 20].into_iter().map(|n| MergeInput { profile: Some(vector(n)), ..MergeInput::new(format!("{n}"), 1.0) }).collect();
    let (out, _) = merged(&MergePlan { inputs, ..plan(Method::Svd, &[1.0, 1.0]) }, &[&files[0], &files[1]]).unwrap();
    let y = |f: &[u8]| probe(f).into_values().next().unwrap();
    let truth: Vec<f64> = y(&files[0]).iter().zip(&y(&files[1])).map(|(a, b)| 0.5 * (a + b)).collect();
    assert!(apart(&y(&out), &truth) < 1e-6);
}

#[test]
fn svd_merge_takes_whole_numbers_for_alphas() {
    let f = pair(Q, (20, 16, 3), Some(0.375), 1);
    let (out, _) = merged(&plan(Method::Svd, &[0.7]), &[&f]).unwrap();
    assert!(apart(only(&dense(&out)), &times(0.7, only(&dense(&f)))) < 1e-6);
    let alpha = open(&out).modules[0].alpha.unwrap();
    assert!(open(&out).header.tensors[alpha].dtype.is_float());
}

/// A PEFT pair with a configuration in the metadata.
fn configured(config: &str) -> Vec<u8> {
    Build::default().peft("transformer.layer.to_q", (20, 16, 4), &mut Random(1)).meta("lora_adapter_metadata", config).bytes()
}

#[test]
fn peft_svd_applies_the_scaling_twice() {
    let f = configured(r#"{"transformer.r": 4, "transformer.lora_alpha": 2}"#);
    let plain = Build::default().peft("transformer.layer.to_q", (20, 16, 4), &mut Random(1)).bytes();
    for method in EXACT {
        let (out, _) = result(&plan(method, &[1.0]), &[&f]);
        assert!(apart(only(&out), &times(0.5, only(&dense(&plain)))) < 1e-6, "{method:?}");
    }
}

#[test]
fn peft_svd_is_off_by_the_root_of_the_rank_with_rslora() {
    let f = configured(r#"{"transformer.r": 4, "transformer.lora_alpha": 2, "transformer.use_rslora": true}"#);
    let plain = Build::default().peft("transformer.layer.to_q", (20, 16, 4), &mut Random(1)).bytes();
    for method in EXACT {
        let (out, _) = result(&plan(method, &[1.0]), &[&f]);
        assert!(apart(only(&out), &times(1.0, only(&dense(&plain)))) < 1e-6, "alpha/√r is 1: {method:?}");
    }
}

#[test]
fn peft_loses_the_patterns_of_ranks_and_alphas() {
    let config = r#"{"transformer.r": 8, "transformer.lora_alpha": 8, "transformer.rank_pattern": {"to_q": 4}, "transformer.alpha_pattern": {"to_q": 1}}"#;
    let plain = Build::default().peft("transformer.layer.to_q", (20, 16, 4), &mut Random(1)).bytes();
    let (out, _) = result(&plan(Method::Svd, &[1.0]), &[&configured(config)]);
    assert!(apart(only(&out), &times(0.25, only(&dense(&plain)))) < 1e-6);
}

/// A convolution in kohya's names, of a rank above its smaller side.
fn convolution(kernel: &[usize], seed: u64) -> Vec<u8> {
    let (m, n, r) = (4, 3, 8);
    let taps: usize = kernel.iter().product();
    let mut rng = Random(seed);
    let ones = vec![1; kernel.len()];
    Build::default()
        .tensor("lora_unet_x.lora_down.weight", Dtype::F32, &[&[r, n], kernel].concat(), rng.many(r * n * taps))
        .tensor("lora_unet_x.lora_up.weight", Dtype::F32, &[&[m, r], ones.as_slice()].concat(), rng.many(m * r))
        .tensor("lora_unet_x.alpha", Dtype::F32, &[], vec![2.0])
        .bytes()
}

#[test]
fn peft_svd_fails_for_convolutions_of_one_and_three_dimensions_and_of_high_rank() {
    for kernel in [&[3][..], &[3, 3], &[2, 3, 3]] {
        let files = [convolution(kernel, 1), convolution(kernel, 2)];
        let truth = weighted(&[(0.8, &dense(&files[0])), (0.4, &dense(&files[1]))]);
        for method in EXACT {
            let (out, _) = merged(&plan(method, &[0.8, 0.4]), &[&files[0], &files[1]]).unwrap();
            assert!(distance(&dense(&out), &truth) < 1e-6, "{method:?} {kernel:?}");
            let shape = |f: &[u8]| open(f).header.find("lora_unet_x.lora_down.weight").unwrap().1.shape[2..].to_vec();
            assert_eq!(shape(&out), kernel, "{method:?}: the kernel keeps its form");
        }
    }
}

#[test]
fn peft_takes_linear_for_a_single_adapter_whatever_is_asked_for() {
    let f = pair(Q, (20, 16, 6), None, 1);
    let (_, report) = result(&MergePlan { rank: Some(2), ..plan(Method::Svd, &[1.0]) }, &[&f]);
    assert_eq!(report.rank_max, 2);
    assert!(report.energy_kept < 0.99);
    let pruned = Options { density: Some(0.3), ..Options::default() };
    let (out, _) = result(&MergePlan { options: pruned, ..plan(Method::MagnitudePrune, &[1.0]) }, &[&f]);
    assert!(distance(&out, &dense(&f)) > 0.1, "it was pruned");
}

fn magnitude() -> (Vec<u8>, Vec<f64>, One) {
    let mut rng = Random(3);
    let (m, n, r) = (6, 5, 2);
    let (b, a, w0) = (rng.many(m * r), rng.many(n * r), rng.many(m * n));
    let norms: Vec<f32> = (0..m).map(|i| 0.5 + i as f32 * 0.25).collect();
    let v = product(&b, &a, r);
    let truth = (0..m)
        .flat_map(|i| {
            let row: Vec<f64> = (0..n).map(|j| f64::from(w0[i * n + j]) + v[i * n + j]).collect();
            let size = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            let w0 = &w0[i * n..(i + 1) * n];
            row.iter().zip(w0).map(|(x, w)| f64::from(norms[i]) * x / size - f64::from(*w)).collect::<Vec<f64>>()
        })
        .collect();
    let bytes = Build::default().kohya_of(Q, (m, n, r), None, b, a).tensor(&format!("{Q}.dora_scale"), Dtype::F32, &[m, 1], norms).bytes();
    (bytes, truth, One(m, n, w0))
}

/// The stored difference of a merge on a base.
fn on_base(bytes: &[u8], weight: f64, base: &dyn Base) -> Vec<f64> {
    let plan = MergePlan { options: Options { form: Form::Diff, ..Options::default() }, ..plan(Method::Sum, &[weight]) };
    let (adapter, source) = (open(bytes), MemorySource(bytes));
    let members = [Member { adapter: &adapter, source: &source }];
    let (out, _) = merge_into_on(&plan, &members, Some(base), std::io::Cursor::new(Vec::new()), &Silent).unwrap();
    change(out.get_ref(), |_| true, None)
}

#[test]
fn comfyui_dora_divides_by_the_norm_of_the_base_alone() {
    let (bytes, truth, base) = magnitude();
    assert!(apart(&change(&bytes, |_| true, Some(&base)), &truth) < 1e-6);
}

#[test]
fn dora_below_full_strength_is_bent_in_three_ways() {
    // One truth for all kinds: the straight line from the base to the adapted weight.
    let (bytes, truth, base) = magnitude();
    for weight in [0.5, -0.25, 1.5] {
        assert!(apart(&on_base(&bytes, weight, &base), &times(weight, &truth)) < 1e-6, "{weight}");
    }
}

#[test]
fn comfyui_boft_applies_the_strength_twice_and_fails_without_alpha() {
    let mut rng = Random(4);
    let blocks: Vec<f32> = rng.many(2 * 2 * 4 * 4).iter().map(|v| v * 0.3).collect();
    let bytes = Build::default().tensor(&format!("{Q}.oft_blocks"), Dtype::F32, &[2, 2, 4, 4], blocks).bytes();
    assert_eq!(open(&bytes).modules[0].kind, Kind::Boft);
    let base = One(8, 5, rng.many(40));
    let full = change(&bytes, |_| true, Some(&base));
    assert!(full.iter().any(|v| v.abs() > 1e-3));
    assert!(apart(&on_base(&bytes, 0.5, &base), &times(0.5, &full)) < 1e-6);
}

#[test]
fn lycoris_applies_the_scale_of_loha_and_lokr_twice() {
    let mut rng = Random(6);
    let (w1, w2, w3, w4) = (rng.many(12 * 2), rng.many(2 * 10), rng.many(12 * 2), rng.many(2 * 10));
    let build = [("hada_w1_a", [12, 2], &w1), ("hada_w1_b", [2, 10], &w2), ("hada_w2_a", [12, 2], &w3), ("hada_w2_b", [2, 10], &w4)]
        .into_iter()
        .fold(Build::default(), |b, (end, shape, v)| b.tensor(&format!("{Q}.{end}"), Dtype::F32, &shape, v.clone()));
    let loha = build.tensor(&format!("{Q}.alpha"), Dtype::F32, &[], vec![1.0]).bytes();
    let truth: Vec<f64> = product(&w1, &w2, 2).iter().zip(&product(&w3, &w4, 2)).map(|(x, y)| 0.5 * x * y).collect();
    assert!(apart(&change(&loha, |_| true, None), &truth) < 1e-6);
    let (whole, a, b) = (rng.many(3 * 2), rng.many(4 * 2), rng.many(2 * 5));
    let lokr = Build::default()
        .tensor(&format!("{Q}.lokr_w1"), Dtype::F32, &[3, 2], whole.clone())
        .tensor(&format!("{Q}.lokr_w2_a"), Dtype::F32, &[4, 2], a.clone())
        .tensor(&format!("{Q}.lokr_w2_b"), Dtype::F32, &[2, 5], b.clone())
        .tensor(&format!("{Q}.alpha"), Dtype::F32, &[], vec![1.0])
        .bytes();
    let inner = product(&a, &b, 2);
    let truth: Vec<f64> =
        (0..12 * 10).map(|e| (e / 10, e % 10)).map(|(i, j)| 0.5 * f64::from(whole[i / 4 * 2 + j / 5]) * inner[i % 4 * 5 + j % 5]).collect();
    assert!(apart(&change(&lokr, |_| true, None), &truth) < 1e-6);
    for (file, norm) in [(&loha, 0.0), (&lokr, crate::support::norm(&truth))] {
        let told = strengths(&open(file), &MemorySource(file), &Silent).unwrap().modules[0];
        assert_eq!(told.scale, 0.5);
        assert!(norm == 0.0 || (told.frobenius.unwrap() - norm).abs() < 1e-6 * norm);
    }
}

#[test]
fn diffusers_passes_over_alphas() {
    // Qwen-Image and HunyuanVideo in PEFT's spelling, Flux.2 behind `diffusion_model.`, the final layer of Flux, T5: an alpha beside a pair counts.
    for stem in [
        "transformer.transformer_blocks.3.img_mlp.net.2",
        "diffusion_model.double_blocks.3.img_mlp.fc1",
        "diffusion_model.double_stream_modulation_img.lin",
        "diffusion_model.final_layer.linear",
        "lora_te3_encoder_block_3_layer_0_SelfAttention_q",
    ] {
        let build = |alpha: Option<f32>| {
            let build = Build::default().peft(stem, (24, 16, 4), &mut Random(2));
            match alpha {
                Some(v) => build.tensor(&format!("{stem}.alpha"), Dtype::F32, &[], vec![v]),
                None => build,
            }
        };
        let (with, without) = (build(Some(1.0)).bytes(), build(None).bytes());
        let truth = times(0.25, &change(&without, |_| true, None));
        assert!(apart(&change(&with, |_| true, None), &truth) < 1e-6, "{stem}");
        let (out, _) = result(&plan(Method::Sum, &[1.0]), &[&with]);
        assert!(apart(only(&out), &truth) < 1e-6, "{stem}");
    }
}

#[test]
fn diffusers_collapses_the_feed_forward_keys_of_onetrainer() {
    let leaves = ["ff_net_0_proj", "ff_net_2", "ff_context_net_0_proj", "ff_context_net_2"];
    let shapes = [(12288, 3072, 1), (3072, 12288, 1), (12288, 3072, 1), (3072, 12288, 1)];
    let mut rng = Random(8);
    let file = leaves
        .iter()
        .zip(shapes)
        .fold(Build::default(), |b, (leaf, shape)| b.kohya(&format!("lora_transformer_transformer_blocks_2_{leaf}"), shape, None, &mut rng))
        .bytes();
    let mut found: Vec<String> = open(&file).modules.into_iter().map(|m| m.target.path).collect();
    found.sort();
    assert_eq!(found, ["img_mlp_0", "img_mlp_2", "txt_mlp_0", "txt_mlp_2"].map(|l| format!("double_blocks_2_{l}")));
}

#[test]
fn diffusers_drops_differences_of_biases_and_norms() {
    let mut rng = Random(9);
    let file = Build::default()
        .peft("diffusion_model.blocks.0.self_attn.q", (1536, 1536, 1), &mut rng)
        .tensor("diffusion_model.blocks.0.self_attn.q.diff_b", Dtype::F32, &[1536], rng.many(1536))
        .tensor("diffusion_model.blocks.0.self_attn.norm_q.diff", Dtype::F32, &[1536], rng.many(1536))
        .tensor("diffusion_model.head.head.diff", Dtype::F32, &[64, 1536], rng.many(64 * 1536))
        .bytes();
    let adapter = open(&file);
    assert!(adapter.left_out.is_empty(), "{:?}", adapter.warnings);
    let (out, report) = merged(&plan(Method::Concat, &[0.5]), &[&file]).unwrap();
    assert_eq!(report.modules, 4);
    for path in ["blocks_0_self_attn_q_bias", "blocks_0_self_attn_norm_q", "head_head"] {
        let of = |bytes: &[u8]| change(bytes, |m| m.target.path == path, None);
        assert!(apart(&of(&out), &times(0.5, &of(&file))) < 1e-6, "{path}");
    }
}

#[test]
fn ai_toolkit_pads_ranks_and_squares_strengths() {
    let files: Vec<Vec<u8>> = [(2, 1), (5, 2), (3, 3)].map(|(r, seed)| pair(Q, (20, 16, r), None, seed)).into();
    let refs: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let weights = [0.3, 0.7, -1.0];
    let denses: Vec<_> = files.iter().map(|f| dense(f)).collect();
    let truth = weighted(&weights.iter().copied().zip(&denses).collect::<Vec<_>>());
    for method in EXACT {
        assert!(distance(&result(&plan(method, &weights), &refs).0, &truth) < 1e-6, "{method:?}");
    }
}

#[test]
fn supermerger_loses_the_sign_of_negative_ratios() {
    let f = pair(Q, (20, 16, 3), None, 1);
    for method in EXACT {
        let (out, _) = result(&plan(method, &[-0.7]), &[&f]);
        assert!(apart(only(&out), &times(-0.7, only(&dense(&f)))) < 1e-6, "{method:?}");
    }
}

#[test]
fn supermerger_takes_the_root_of_strengths_on_the_dense_path() {
    let f = pair(Q, (20, 16, 3), None, 1);
    let open_handed = Options { density: Some(1.0), epsilon: 0.0, gamma: 0.0, form: Form::Diff, ..Options::default() };
    for method in [Method::Sum, Method::Ties, Method::Dare, Method::MagnitudePrune, Method::Breadcrumbs] {
        let plan = MergePlan { options: open_handed.clone(), rank: None, ..plan(method, &[0.25]) };
        let (out, _) = merged(&plan, &[&f]).unwrap();
        assert!(apart(&change(&out, |_| true, None), &times(0.25, only(&dense(&f)))) < 1e-5, "{method:?}");
    }
}

#[test]
fn supermerger_divides_by_the_zero_alpha_of_a_block_of_the_first_file() {
    let k = "lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn1_to_k";
    let mut rng = Random(1);
    let first = Build::default().kohya(Q, (20, 16, 2), Some(2.0), &mut rng).kohya(k, (16, 20, 2), Some(0.0), &mut rng).bytes();
    let second = Build::default().kohya(Q, (20, 16, 2), Some(2.0), &mut rng).kohya(k, (16, 20, 2), Some(2.0), &mut rng).bytes();
    let truth = weighted(&[(1.0, &dense(&first)), (1.0, &dense(&second))]);
    for method in EXACT {
        assert!(distance(&result(&plan(method, &[1.0, 1.0]), &[&first, &second]).0, &truth) < 1e-6, "{method:?}");
    }
}

#[test]
fn analyzers_multiply_by_alpha_instead_of_alpha_over_rank() {
    let f = pair(Q, (20, 16, 8), Some(4.0), 1);
    let told = strengths(&open(&f), &MemorySource(&f), &Silent).unwrap().frobenius;
    let truth = crate::support::norm(only(&dense(&f)));
    assert!((told - truth).abs() < 1e-6 * truth);
}

#[test]
fn a_stored_scale_is_stronger_than_alpha_everywhere() {
    // stable-diffusion.cpp reads it so, and means the factor itself, not a divisor's.
    let mut rng = Random(2);
    let (b, a) = (rng.many(20 * 4), rng.many(16 * 4));
    let build = |scale: bool| {
        let build = Build::default().kohya_of(Q, (20, 16, 4), scale.then_some(2.0), b.clone(), a.clone());
        if scale { build.tensor(&format!("{Q}.scale"), Dtype::F32, &[], vec![0.75]) } else { build }
    };
    let file = build(true).bytes();
    let truth = times(0.75, &product(&b, &a, 4));
    assert!(open(&file).modules[0].alpha_is_scale);
    assert!(apart(&change(&file, |_| true, None), &truth) < 1e-6);
    let told = strengths(&open(&file), &MemorySource(&file), &Silent).unwrap().frobenius;
    let norm = crate::support::norm(&truth);
    assert!((told - norm).abs() < 1e-6 * norm);
    for method in EXACT {
        let (out, _) = merged(&plan(method, &[1.0]), &[&file]).unwrap();
        assert!(apart(&change(&out, |_| true, None), &truth) < 1e-6, "{method:?}");
    }
    let (adapter, source) = (open(&file), MemorySource(&file));
    let input = Member { adapter: &adapter, source: &source };
    let sink = || std::io::Cursor::new(Vec::new());
    let f32s = Some(OutDtype::F32);
    let to = ConvertOptions { dtype: f32s, ..ConvertOptions::new(Convention::Diffusers) };
    let (converted, _) = convert_into(input, &to, sink(), &Silent).unwrap();
    let keep = ResizeOptions { dtype: f32s, ..ResizeOptions::new(Keep::Rank(4)) };
    let (resized, _) = resize_into(input, &keep, sink(), &Silent).unwrap();
    let (edited, _) = edit_into(input, &EditOptions { scale: -2.0, ..EditOptions::default() }, sink(), &Silent).unwrap();
    for (out, factor) in [(converted, 1.0), (resized, 1.0), (edited, -2.0)] {
        let out = out.into_inner();
        assert!(apart(&change(&out, |m| m.part(Role::Up).is_some(), None), &times(factor, &truth)) < 1e-6, "{factor}");
    }
}

#[test]
fn stable_diffusion_cpp_knows_no_dora() {
    let (bytes, truth, base) = magnitude();
    assert_eq!(open(&bytes).modules[0].kind, Kind::Dora);
    assert!(apart(&on_base(&bytes, 1.0, &base), &truth) < 1e-6);
}
