//! Traps of every engine that adds up and compares adapters.

use crate::made::{EXACT, One, Q, apart, change, pair, plan, product, result};
use crate::support::{Build, Random, dense, distance, merged, norm, open, probe, weighted};
use weft_weights::adapter::{Component, Kind};
use weft_weights::compare::{CompareOptions, compare};
use weft_weights::dtype::Dtype;
use weft_weights::family::Family;
use weft_weights::keys::Role;
use weft_weights::layout::{Layout, SlotRef};
use weft_weights::merge::{Divisor, Member, MergeError, MergeInput, MergePlan, Method, Options};
use weft_weights::ops::verify::{VerifyOptions, verify};
use weft_weights::ops::{Convention, ConvertOptions, convert_into};
use weft_weights::profile::Profile;
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;
use weft_weights::strength::{Strengths, strengths};

fn strengths_of(bytes: &[u8]) -> Strengths {
    strengths(&open(bytes), &MemorySource(bytes), &Silent).unwrap()
}

/// Labels of the blocks that have a strength, with it.
fn blocks(bytes: &[u8]) -> Vec<(String, f64)> {
    let layout = open(bytes).detection.layout.unwrap();
    let block = |s: &weft_weights::strength::SlotStrength| match s.slot {
        SlotRef::Block(_) => Some((s.slot.label(layout).to_owned(), s.frobenius)),
        SlotRef::Extra(_) => None,
    };
    strengths_of(bytes).slots.iter().filter_map(block).collect()
}

#[test]
fn equal_vectors_may_stand_for_different_slots() {
    // The same numbers in other blocks: what is told has the blocks' names, and what relates the files goes by them.
    let at = |block: usize| pair(&format!("lora_unet_double_blocks_{block}_img_attn_proj"), (3072, 3072, 1), None, 5);
    let (early, late) = (at(3), at(15));
    let (a, b) = (blocks(&early), blocks(&late));
    assert_eq!((a[0].0.as_str(), b[0].0.as_str()), ("D03", "D15"));
    assert_eq!(a[0].1, b[0].1);
    let (one, two) = (open(&early), open(&late));
    let sources = [MemorySource(&early), MemorySource(&late)];
    let members = [Member { adapter: &one, source: &sources[0] }, Member { adapter: &two, source: &sources[1] }];
    let told = compare(&members, &CompareOptions::default(), &Silent).unwrap();
    assert!(told.verdict.warnings.iter().any(|w| w.contains("no weight in common")), "{:?}", told.verdict);
    // Stored profiles name their slots, and one for another layout is refused though the count may fit.
    let (flux, sd3) = (Layout::by_id("flux_unet_57").unwrap(), Layout::by_id("sd3_mmdit_24").unwrap());
    let mut profile = Profile::neutral(flux);
    profile.set_named("D03", 0.25).unwrap();
    let json: serde_json::Value = serde_json::from_str(&profile.to_json()).unwrap();
    assert_eq!((json["layout"].as_str(), json["blocks"]["D03"].as_f64()), (Some("flux_unet_57"), Some(0.25)));
    let foreign = MergeInput { profile: Some(Profile::neutral(sd3)), ..MergeInput::new("early", 1.0) };
    let refused = merged(&MergePlan { inputs: vec![foreign], ..plan(Method::Sum, &[1.0]) }, &[&early]).unwrap_err();
    assert!(matches!(&refused, MergeError::Plan(why) if why.contains("sd3_mmdit_24") && why.contains("flux_unet_57")), "{refused}");
}

#[test]
fn absent_is_not_zero() {
    let mut rng = Random(1);
    let late = "lora_unet_double_blocks_18_img_attn_proj";
    let zero = "lora_unet_double_blocks_4_img_attn_proj";
    let file = Build::default()
        .kohya(late, (3072, 3072, 1), None, &mut rng)
        .kohya_of(zero, (3072, 3072, 1), None, vec![0.0; 3072], rng.many(3072))
        .bytes();
    // A block of strength zero is there; one that the file lacks is not, and nothing closes up.
    let found = blocks(&file);
    assert_eq!(found.iter().map(|b| b.0.as_str()).collect::<Vec<_>>(), ["D04", "D18"]);
    assert_eq!(found[0].1, 0.0);
    // Positions of a vector are those of the layout, not of what the file happens to have.
    let flux = Layout::by_id("flux_unet_57").unwrap();
    let vector: Vec<&str> = (0..57).map(|i| if i == 18 { "0.5" } else { "1" }).collect();
    let profile = Profile::parse(&vector.join(","), flux, None).unwrap().profile;
    let input = MergeInput { profile: Some(profile), ..MergeInput::new("one", 1.0) };
    let (out, _) = merged(&MergePlan { inputs: vec![input], ..plan(Method::Concat, &[1.0]) }, &[&file]).unwrap();
    let before = probe(&file);
    for (key, values) in probe(&out) {
        let factor = if key.1 == "double_blocks_18_img_attn_proj" { 0.5 } else { 1.0 };
        let truth: Vec<f64> = before[&key].iter().map(|v| v * factor).collect();
        assert!(norm(&truth) == norm(&values) || apart(&values, &truth) < 1e-6, "{key:?}");
    }
}

#[test]
fn a_zero_alpha_is_a_scale_of_zero_and_told() {
    let (off, on) = (pair(Q, (20, 16, 3), Some(0.0), 1), pair(Q, (20, 16, 2), Some(1.0), 2));
    assert!(change(&off, |_| true, None).iter().all(|v| *v == 0.0));
    let measured = strengths_of(&off);
    assert_eq!(measured.modules[0].frobenius, Some(0.0));
    assert!(measured.warnings.iter().any(|w| w.contains("alpha") && w.contains("is 0")), "{:?}", measured.warnings);
    let report = verify(&MemorySource(&off), &VerifyOptions::default(), &Silent).unwrap();
    assert!(report.findings.iter().any(|f| f.code == "alpha_zero"), "{:?}", report.findings);
    for method in EXACT {
        for files in [[&off, &on], [&on, &off]] {
            let (out, _) = result(&plan(method, &[0.5, 0.5]), &[files[0], files[1]]);
            assert!(distance(&out, &weighted(&[(0.5, &dense(&on))])) < 1e-6, "{method:?}");
        }
    }
    let missing = pair(Q, (20, 16, 3), None, 1);
    assert!(change(&missing, |_| true, None).iter().any(|v| *v != 0.0), "no alpha is the rank, not zero");
}

#[test]
fn the_gauge_of_the_factors_is_seen_nowhere() {
    let mut rng = Random(7);
    let (b, a) = (rng.many(24 * 3), rng.many(18 * 3));
    let of = |c: f32| {
        let (b, a) = (b.iter().map(|v| v * c).collect(), a.iter().map(|v| v / c).collect());
        Build::default().kohya_of(Q, (24, 18, 3), Some(2.0), b, a).bytes()
    };
    let (plain, turned, other) = (of(1.0), of(64.0), pair(Q, (24, 18, 2), None, 8));
    assert_eq!(strengths_of(&plain).frobenius, strengths_of(&turned).frobenius);
    for method in Method::ALL.into_iter().filter(|m| !matches!(m, Method::Slerp)) {
        let (one, _) = result(&plan(method, &[0.8, 0.5]), &[&plain, &other]);
        let (two, _) = result(&plan(method, &[0.8, 0.5]), &[&turned, &other]);
        assert!(distance(&two, &one) < 1e-5, "{method:?}: {:e}", distance(&two, &one));
    }
    let (one, two) = (open(&plain), open(&turned));
    let (s1, s2) = (MemorySource(&plain), MemorySource(&turned));
    let told =
        compare(&[Member { adapter: &one, source: &s1 }, Member { adapter: &two, source: &s2 }], &CompareOptions::default(), &Silent)
            .unwrap();
    assert!((told.pairs[0].denoiser.cosine.unwrap() - 1.0).abs() < 1e-6, "{:?}", told.pairs[0].denoiser);
}

#[test]
fn down_is_never_added_to_down() {
    let mut rng = Random(3);
    let (m, n, r) = (20, 16, 3);
    let (b1, a1, b2, a2) = (rng.many(m * r), rng.many(n * r), rng.many(m * r), rng.many(n * r));
    let one = Build::default().kohya_of(Q, (m, n, r), None, b1.clone(), a1.clone()).bytes();
    let two = Build::default().kohya_of(Q, (m, n, r), None, b2.clone(), a2.clone()).bytes();
    let truth: Vec<f64> = product(&b1, &a1, r).iter().zip(&product(&b2, &a2, r)).map(|(x, y)| 0.5 * x + 0.5 * y).collect();
    let mean = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| (x + y) / 2.0).collect::<Vec<f32>>();
    let wrong = product(&mean(&b1, &b2), &mean(&a1, &a2), r);
    assert!(apart(&wrong, &truth) > 0.5, "the trap would show");
    for method in EXACT.into_iter().chain([Method::Average]) {
        let (out, _) = result(&plan(method, &[0.5, 0.5]), &[&one, &two]);
        assert!(apart(&out.values().next().unwrap().2, &truth) < 1e-6, "{method:?}");
    }
}

#[test]
fn averages_over_unlike_coverage_say_their_divisor() {
    let k = "lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn1_to_k";
    let both = Build::default().kohya(Q, (20, 16, 2), None, &mut Random(1)).kohya(k, (16, 20, 2), None, &mut Random(2)).bytes();
    let one = pair(Q, (20, 16, 3), None, 3);
    let (both_d, one_d) = (dense(&both), dense(&one));
    let run = |divisor| {
        let plan = MergePlan { options: Options { divisor, ..Options::default() }, ..plan(Method::Average, &[1.5, 0.5]) };
        let (out, _) = merged(&plan, &[&both, &one]).unwrap();
        let recipe = open(&out).header.metadata.values().cloned().collect::<String>();
        (dense(&out), recipe)
    };
    let alone = (Component::Denoiser, "up_blocks_1_attentions_0_transformer_blocks_0_attn1_to_k".to_owned());
    let shared = (Component::Denoiser, "down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q".to_owned());
    for (divisor, share, word) in [(Divisor::Weights, 0.75, "weights"), (Divisor::Present, 1.0, "present")] {
        let (out, recipe) = run(divisor);
        let truth = weighted(&[(0.75, &both_d), (0.25, &one_d)]);
        assert!(apart(&out[&shared].2, &truth[&shared].2) < 1e-6);
        let expected: Vec<f64> = both_d[&alone].2.iter().map(|v| v * share).collect();
        assert!(apart(&out[&alone].2, &expected) < 1e-6, "{divisor:?}");
        assert!(divisor == Divisor::Weights || recipe.contains(word), "{recipe}");
    }
}

#[test]
fn t5_is_the_third_text_encoder_however_a_file_counts() {
    const LAYER: &str = "encoder_block_3_layer_0_SelfAttention_q";
    let files = [
        ("lora_te3_", LAYER),
        ("lora_te2_", LAYER),
        ("text_encoder_2.", "encoder.block.3.layer.0.SelfAttention.q"),
        ("text_encoders.t5xxl.transformer.", "encoder.block.3.layer.0.SelfAttention.q"),
    ];
    let made: Vec<Vec<u8>> = files
        .iter()
        .enumerate()
        .map(|(i, (prefix, path))| {
            let mut rng = Random(i as u64);
            Build::default()
                .kohya("lora_unet_double_blocks_0_img_attn_proj", (3072, 3072, 1), None, &mut rng)
                .kohya(&format!("{prefix}{path}"), (64, 64, 2), None, &mut rng)
                .bytes()
        })
        .collect();
    let key = (Component::TextEncoder(3), LAYER.to_owned());
    for (bytes, (prefix, _)) in made.iter().zip(files) {
        let adapter = open(bytes);
        assert_eq!(adapter.detection.family, Family::Flux1);
        assert!(adapter.modules.iter().any(|m| (m.target.component, m.target.path.as_str()) == (key.0, LAYER)), "{prefix}");
    }
    let refs: Vec<&[u8]> = made.iter().map(Vec::as_slice).collect();
    let (out, _) = merged(&plan(Method::Sum, &[1.0; 4]), &refs).unwrap();
    let parts: Vec<Vec<f64>> = made.iter().map(|f| probe(f).remove(&key).unwrap()).collect();
    let truth: Vec<f64> = (0..64).map(|i| parts.iter().map(|p| p[i]).sum()).collect();
    assert!(apart(&probe(&out)[&key], &truth) < 1e-6);
    // CLIP bigG of SDXL and SD 3 stays the second.
    let clip = pair("lora_te2_text_model_encoder_layers_3_self_attn_q_proj", (1280, 1280, 1), None, 1);
    assert_eq!(open(&clip).modules[0].target.component, Component::TextEncoder(2));
}

#[test]
fn the_halves_of_the_last_modulation_are_swapped_in_diffusers() {
    let mut rng = Random(4);
    let (m, n) = (6144, 3072);
    let (b, a) = (rng.many(m), rng.many(n));
    let native = Build::default().kohya_of("lora_unet_final_layer_adaLN_modulation_1", (m, n, 1), None, b.clone(), a.clone());
    let native = native.kohya("lora_unet_double_blocks_0_img_mod_lin", (18432, 3072, 1), None, &mut rng).bytes();
    let own = probe(&native);
    let to = ConvertOptions { dtype: Some(weft_weights::merge::OutDtype::F32), ..ConvertOptions::new(Convention::Diffusers) };
    let source = MemorySource(&native);
    let (out, _) =
        convert_into(Member { adapter: &open(&native), source: &source }, &to, std::io::Cursor::new(Vec::new()), &Silent).unwrap();
    let theirs = out.into_inner();
    let adapter = open(&theirs);
    let module = adapter.modules.iter().find(|x| x.name == "transformer.norm_out.linear").unwrap();
    let up = &adapter.header.tensors[module.part(Role::Up).unwrap()].range;
    let stored: Vec<f32> = theirs[up.start as usize..up.end as usize].as_chunks::<4>().0.iter().map(|c| f32::from_le_bytes(*c)).collect();
    let turned = [&b[m / 2..], &b[..m / 2]].concat();
    let unscaled = product(&stored, &[1.0], 1);
    assert!(apart(&unscaled, &product(&turned, &[1.0], 1)) < 1e-6, "scale (second half) stands first there");
    // Both files say the same, so their sum is double.
    let (sum, _) = merged(&plan(Method::Sum, &[1.0, 1.0]), &[&native, &theirs]).unwrap();
    for (key, values) in probe(&sum) {
        assert!(apart(&values, &own[&key].iter().map(|v| 2.0 * v).collect::<Vec<f64>>()) < 1e-6, "{key:?}");
    }
}

#[test]
fn a_weight_addressed_fused_and_split_in_one_file_is_added() {
    let mut rng = Random(6);
    let h = 3072;
    let file = Build::default()
        .peft("transformer.transformer_blocks.0.attn.to_k", (h, h, 1), &mut rng)
        .kohya("lora_unet_double_blocks_0_img_attn_qkv", (3 * h, h, 2), Some(1.0), &mut rng)
        .peft("transformer.single_transformer_blocks.0.norm.linear", (3 * h, h, 1), &mut rng)
        .bytes();
    let adapter = open(&file);
    assert!(adapter.warnings.iter().any(|w| w.contains("change the same weight")), "{:?}", adapter.warnings);
    let key = (Component::Denoiser, "double_blocks_0_img_attn_qkv".to_owned());
    let parts: Vec<&[u8]> = vec![&file];
    // `probe` keeps one sum per weight: rows h to 2h get both modules.
    let truth = &probe(&file)[&key];
    let alone = probe(&Build::default().kohya("lora_unet_double_blocks_0_img_attn_qkv", (3 * h, h, 2), Some(1.0), &mut second(6)).bytes());
    assert!(apart(&truth[..h], &alone[&key][..h]) < 1e-12 && apart(&truth[h..2 * h], &alone[&key][h..2 * h]) > 0.1);
    for method in EXACT {
        let (out, _) = merged(&plan(method, &[1.0]), &parts).unwrap();
        assert!(apart(&probe(&out)[&key], truth) < 1e-6, "{method:?}");
    }
}

/// The generator of the test above behind its first module.
fn second(seed: u64) -> Random {
    let mut rng = Random(seed);
    rng.many(2 * 3072);
    rng
}

#[test]
fn high_noise_is_never_merged_with_low_noise() {
    let stem = "diffusion_model.blocks.0.self_attn.q";
    let file = |name: &str, seed| Build::default().peft(stem, (5120, 5120, 1), &mut Random(seed)).meta("ss_output_name", name).bytes();
    let (high, low) = (file("dance_wan22_high_noise", 1), file("dance_wan22_low_noise", 2));
    assert_eq!(open(&high).detection.family, Family::Wan);
    for method in Method::ALL {
        let refused = merged(&plan(method, &[1.0, 1.0]), &[&high, &low]).unwrap_err();
        assert!(matches!(&refused, MergeError::Incompatible(why) if why[0].contains("side by side")), "{method:?}: {refused}");
    }
    assert!(merged(&plan(Method::Concat, &[1.0, 1.0]), &[&high, &file("walk_wan22_high_noise", 3)]).is_ok());
}

#[test]
fn the_rank_is_that_of_the_tensor_whatever_the_metadata_says() {
    let build = Build::default().kohya(Q, (20, 16, 4), Some(2.0), &mut Random(1));
    let plain = build.bytes();
    let lying = build.meta("ss_network_dim", "128").meta("ss_network_alpha", "128").bytes();
    assert_eq!(dense(&plain), dense(&lying));
    assert_eq!(change(&plain, |_| true, None), change(&lying, |_| true, None));
    assert_eq!(strengths_of(&lying).modules[0].scale, 0.5);
}

#[test]
fn what_depends_on_the_base_has_no_strength_without_it() {
    let mut rng = Random(2);
    let file = Build::default()
        .kohya(Q, (20, 16, 2), None, &mut rng)
        .tensor(&format!("{Q}.dora_scale"), Dtype::F32, &[20, 1], rng.many(20))
        .bytes();
    assert_eq!(open(&file).modules[0].kind, Kind::Dora);
    assert_eq!(strengths_of(&file).modules[0].frobenius, None, "the norm of its factors is not that of its effect");
    assert!(matches!(merged(&plan(Method::Sum, &[1.0]), &[&file]), Err(MergeError::Incompatible(_))));
    assert!(!change(&file, |_| true, Some(&One(20, 16, rng.many(320)))).is_empty());
}
