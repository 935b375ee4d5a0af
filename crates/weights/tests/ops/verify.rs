//! What a check finds, and what it does not.

use crate::golden;
use crate::support::{Build, Random};
use sha2::{Digest, Sha256};
use weft_weights::dtype::Dtype;
use weft_weights::header::Header;
use weft_weights::ops::verify::{Expected, HashKind};
use weft_weights::ops::{Severity, VerifyOptions, VerifyReport, verify, verify_file};
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;

const Q: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_q";
const K: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k";

fn check(file: &[u8]) -> VerifyReport {
    verify(&MemorySource(file), &VerifyOptions::default(), &Silent).unwrap()
}

/// (severity, key) of the findings of a sort.
fn found(report: &VerifyReport, code: &str) -> Vec<(Severity, Option<String>)> {
    report.findings.iter().filter(|f| f.code == code).map(|f| (f.severity, f.key.clone())).collect()
}

fn sound() -> Build {
    let mut rng = Random(1);
    Build::default().kohya(Q, (320, 320, 4), Some(4.0), &mut rng).kohya(K, (320, 768, 4), Some(4.0), &mut rng)
}

#[test]
fn good_files_have_no_errors_and_no_warnings() {
    for name in [
        "kohya_sd1.safetensors",
        "kohya_flux.safetensors",
        "diffusers_sdxl_pipeline.safetensors",
        "musubi_wan_14b_i2v.safetensors",
        "lycoris_loha.safetensors",
        "kohya_sd1_f8_e4m3.safetensors",
    ] {
        let report = check(&golden(name));
        assert!(report.sound && report.count(Severity::Warning) == 0, "{name}: {:?}", report.findings);
        assert!(report.modules > 0 && report.tensors > 0);
    }
}

#[test]
fn hashes_are_those_of_the_bytes_and_statements_are_held_against_them() {
    let file = sound().bytes();
    let sha = hex::encode(Sha256::digest(&file));
    let start = 8 + u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    let body = hex::encode(Sha256::digest(&file[start..]));
    let report = check(&file);
    let hashes = report.hashes.unwrap();
    assert_eq!((hashes.sha256.as_str(), hashes.autov2.as_str(), hashes.autov3.as_str()), (sha.as_str(), &sha[..10], &body[..12]));
    let state = |kind, value: &str| VerifyOptions {
        expected: vec![Expected { source: "the command line".into(), kind, value: value.to_uppercase() }],
        ..VerifyOptions::default()
    };
    for (kind, value, fits) in [
        (HashKind::Sha256, sha.as_str(), true),
        (HashKind::Sha256, &sha[..8], true),
        (HashKind::AutoV2, &sha[..10], true),
        (HashKind::AutoV3, &body[..12], true),
        (HashKind::AutoV3, &sha[..12], false),
        (HashKind::Sha256, "0123456789abcdef", false),
        (HashKind::Sha256, "", false),
        (HashKind::Sha256, "no hash at all", false),
    ] {
        let report = verify(&MemorySource(&file), &state(kind, value), &Silent).unwrap();
        assert_eq!(report.sound, fits, "{kind:?} {value}");
        assert_eq!(found(&report, "hash_match").len(), usize::from(fits));
    }
    for (name, fits) in [(format!("x_{}.safetensors", &sha[..10]), true), ("x_0badc0ffee.safetensors".to_owned(), false)] {
        let options = VerifyOptions { file_name: Some(name), ..VerifyOptions::default() };
        let report = verify(&MemorySource(&file), &options, &Silent).unwrap();
        let text = &report.findings.iter().find(|f| f.code == "hash_in_name").unwrap().text;
        assert_eq!(!text.contains("not"), fits, "{text}");
    }
}

#[test]
fn hashes_of_trainers_are_understood() {
    // The header is written by the safetensors library after kohya's rule, the body is made as there: golden/make_ops.py.
    let mut file = golden("ops/trainer_header.bin");
    let header = Header::parse(&file, 1 << 40).unwrap();
    let len = header.tensors.iter().map(|t| t.range.end - header.data_start).max().unwrap();
    file.extend((0..len).map(|i| ((7 * i + i / 251) % 113) as u8));
    let report = check(&file);
    assert_eq!(found(&report, "hash_stale"), [], "{:?}", report.findings);
    let mut changed = file.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let report = check(&changed);
    let stale = found(&report, "hash_stale");
    assert_eq!(stale, [(Severity::Warning, Some("sshs_model_hash".into()))]);
    let mut changed = file;
    let in_window = 0x10_0000 + 0x8000;
    changed[in_window] ^= 1;
    assert_eq!(found(&check(&changed), "hash_stale").len(), 2);
}

#[test]
fn neighbours_on_the_disk_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.safetensors");
    let file = sound().bytes();
    std::fs::write(&path, &file).unwrap();
    let sha = hex::encode(Sha256::digest(&file));
    std::fs::write(dir.path().join("a.sha256"), format!("{sha}  a.safetensors\n")).unwrap();
    let civitai = serde_json::json!({"files": [
        {"name": "b.safetensors", "hashes": {"SHA256": "00"}},
        {"name": "a.safetensors", "hashes": {"SHA256": sha.to_uppercase(), "AutoV2": &sha[..10], "AutoV3": "ffffffffffff"}},
    ]});
    std::fs::write(dir.path().join("a.civitai.info"), civitai.to_string()).unwrap();
    std::fs::write(dir.path().join("a.json"), "[".repeat(10_000)).unwrap();
    let report = verify_file(&path, &[], &Silent).unwrap();
    assert_eq!((found(&report, "hash_match").len(), found(&report, "hash_mismatch").len()), (3, 1), "{:?}", report.findings);
    assert!(!report.sound && report.file.ends_with("a.safetensors"));
}

#[test]
fn numbers_that_are_none_are_errors_by_key() {
    let mut values = vec![1.0; 320 * 4];
    (values[3], values[700], values[701]) = (f32::NAN, f32::INFINITY, f32::NEG_INFINITY);
    for dtype in [Dtype::F16, Dtype::BF16, Dtype::F32] {
        let key = format!("{Q}.lora_up.weight");
        let file = Build::default().tensor(&key, dtype, &[320, 4], values.clone()).tensor(
            &format!("{Q}.lora_down.weight"),
            dtype,
            &[4, 320],
            vec![0.5; 1280],
        );
        let report = check(&file.bytes());
        assert_eq!(found(&report, "not_finite"), [(Severity::Error, Some(key))]);
        assert!(!report.sound);
        let text = &report.findings[0].text;
        assert!(text.starts_with("1 values are NaN and 2 infinite"), "{text}");
    }
}

#[test]
fn modules_that_do_nothing_are_told_and_a_file_of_them_is_an_error() {
    let mut rng = Random(2);
    let file = |build: Build| build.kohya_of(Q, (320, 320, 2), Some(1.0), vec![0.0; 640], vec![0.5; 640]);
    let one = check(&file(Build::default()).bytes());
    assert_eq!(found(&one, "no_effect"), [(Severity::Error, None)]);
    let two = check(&file(Build::default().kohya(K, (320, 768, 4), Some(1.0), &mut rng)).bytes());
    assert_eq!(found(&two, "zero_module").len(), 1);
    assert!(two.sound);
}

#[test]
fn odd_alphas_ranks_and_keys_are_told() {
    let mut rng = Random(3);
    let report = check(
        &Build::default()
            .kohya(Q, (320, 320, 4), Some(0.0), &mut rng)
            .kohya(K, (320, 768, 4), Some(-4.0), &mut rng)
            .kohya("lora_te_text_model_encoder_layers_0_mlp_fc1", (8, 4, 6), Some(600.0), &mut rng)
            .tensor("some.other.key", Dtype::F32, &[2], vec![1.0, 2.0])
            .meta("ss_network_dim", "128")
            .bytes(),
    );
    assert_eq!(found(&report, "alpha_zero"), [(Severity::Warning, Some(format!("{Q}.alpha")))]);
    assert_eq!(found(&report, "alpha_negative").len(), 1);
    assert_eq!(found(&report, "alpha_odd").len(), 1);
    assert_eq!(found(&report, "rank_wasted").len(), 1);
    assert_eq!(found(&report, "orphan"), [(Severity::Warning, Some("some.other.key".into()))]);
    assert_eq!(found(&report, "rank_stated").len(), 1);
    assert!(report.findings.is_sorted_by_key(|f| f.severity));
}

#[test]
fn values_at_the_ends_of_their_type_are_told() {
    let small = vec![1e-6; 1280];
    let report = check(
        &Build::default()
            .tensor(&format!("{Q}.lora_up.weight"), Dtype::F16, &[320, 4], small)
            .tensor(&format!("{Q}.lora_down.weight"), Dtype::F16, &[4, 320], vec![40_000.0; 1280])
            .bytes(),
    );
    assert_eq!(found(&report, "subnormal").len(), 1);
    assert_eq!(found(&report, "near_overflow").len(), 1);
}

#[test]
fn broken_files_give_findings_and_keep_their_hash() {
    let file = sound().bytes();
    let cut = check(&file[..file.len() - 10]);
    assert_eq!(found(&cut, "header"), [(Severity::Error, None)]);
    for rubbish in [&b""[..], b"PK\x03\x04 something", &[0xff; 64]] {
        let report = check(rubbish);
        assert!(!report.sound && report.hashes.is_none());
    }
    let mut longer = file;
    longer.extend_from_slice(&[0; 5]);
    assert!(found(&check(&longer), "structure").iter().any(|f| f.0 == Severity::Warning));
    let checkpoint = Build::default().tensor("model.diffusion_model.out.0.bias", Dtype::F32, &[1], vec![1.0]).bytes();
    assert_eq!(found(&check(&checkpoint), "kind"), [(Severity::Error, None)]);
}

#[test]
fn long_lists_are_cut_and_counted() {
    let mut build = Build::default();
    let mut rng = Random(4);
    for i in 0..30 {
        build = build.kohya(&format!("lora_te_text_model_encoder_layers_{i}_mlp_fc1"), (8, 4, 6), Some(6.0), &mut rng);
    }
    let report = check(&build.bytes());
    assert_eq!(found(&report, "rank_wasted").len(), 21);
    assert!(report.findings.iter().any(|f| f.text.contains("10 more")));
}
