//! Model files that are damaged, too large, or of another kind; and the tiny decoder.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Golden, distance, golden, load, single};
use std::sync::atomic::AtomicBool;
use weft_diffusion::model::{Compute, LoadOptions, Model, ModelError, ModelFiles, ModelPaths, TinyDecoder};
use weft_weights::progress::{Progress, Silent};

/// The bytes of the tiny SD 1 model with one tensor's header entry or values changed.
fn altered(dir: &std::path::Path, change: impl FnOnce(&mut serde_json::Value, &mut Vec<u8>)) -> ModelPaths {
    let bytes = std::fs::read(golden("sd1/model.safetensors")).unwrap();
    let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
    let mut body = bytes[8 + len..].to_vec();
    change(&mut header, &mut body);
    let header = serde_json::to_vec(&header).unwrap();
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header);
    out.extend(body);
    let main = dir.join("altered.safetensors");
    std::fs::write(&main, out).unwrap();
    ModelPaths { main, ..single("sd1") }
}

fn error(paths: &ModelPaths) -> ModelError {
    Model::load(ModelFiles::open(paths).unwrap(), &LoadOptions::default(), &Silent).unwrap_err()
}

const CONV: &str = "model.diffusion_model.input_blocks.1.0.in_layers.2.weight";

#[test]
fn a_missing_tensor_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let paths = altered(dir.path(), |header, _| {
        let entry = header.as_object_mut().unwrap().remove(CONV).unwrap();
        header.as_object_mut().unwrap().insert("unused".to_owned(), entry);
    });
    let text = error(&paths).to_string();
    assert!(text.contains("lacks down_blocks_0_resnets_0_conv1") && text.contains("incomplete"), "{text}");
}

#[test]
fn a_misshapen_tensor_is_named_with_both_shapes() {
    let dir = tempfile::tempdir().unwrap();
    let second = CONV.replace("in_layers.2", "out_layers.3");
    let paths = altered(dir.path(), |header, _| {
        let shape = header[&second]["shape"].as_array_mut().unwrap();
        let (a, b) = (shape[0].as_u64().unwrap(), shape[1].as_u64().unwrap());
        (shape[0], shape[1]) = ((a * 2).into(), (b / 2).into());
    });
    let text = error(&paths).to_string();
    assert!(text.contains("down_blocks_0_resnets_0_conv2") && text.contains("8 inputs"), "{text}");
}

#[test]
fn a_nan_in_a_model_is_found_while_loading() {
    let dir = tempfile::tempdir().unwrap();
    let paths = altered(dir.path(), |header, body| {
        let at = header[CONV]["data_offsets"][0].as_u64().unwrap() as usize;
        body[at..at + 2].copy_from_slice(&[0, 0x7e]);
    });
    let error = error(&paths);
    assert!(matches!(error, ModelError::NotFinite { .. }) && error.to_string().contains("conv1"), "{error}");
}

#[test]
fn a_file_that_was_cut_short_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let main = dir.path().join("cut.safetensors");
    let bytes = std::fs::read(golden("sd1/model.safetensors")).unwrap();
    std::fs::write(&main, &bytes).unwrap();
    let files = ModelFiles::open(&ModelPaths { main: main.clone(), ..single("sd1") }).unwrap();
    std::fs::write(&main, &bytes[..bytes.len() / 2]).unwrap();
    let error = Model::load(files, &LoadOptions::default(), &Silent).unwrap_err();
    assert!(matches!(error, ModelError::Read(_)), "{error}");
}

#[test]
fn what_does_not_fit_is_refused_before_reading_with_the_numbers() {
    struct NoReading;
    impl Progress for NoReading {
        fn step(&self, _: u64, _: u64, _: &str) {
            panic!("a tensor was read");
        }
    }
    let files = ModelFiles::open(&single("sd1")).unwrap();
    let need = files.footprint(&LoadOptions::default()).unwrap();
    // The file holds f16, the processor works in f32; a few numbers of the file (position ids) are no weights.
    let stored = std::fs::metadata(golden("sd1/model.safetensors")).unwrap().len();
    assert!((stored..2 * stored).contains(&need.weights) && need.work_whole >= need.work, "{need:?} {stored}");
    let options = LoadOptions { budget: Some(1 << 19), ..LoadOptions::default() };
    let error = Model::load(files, &options, &NoReading).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ModelError::Budget { .. }) && text.contains("MiB") && text.contains("0.5 MiB may be used"), "{text}");
}

#[test]
fn loading_can_be_cancelled() {
    let files = ModelFiles::open(&single("sd1")).unwrap();
    let error = Model::load(files, &LoadOptions::default(), &AtomicBool::new(true)).unwrap_err();
    assert!(matches!(error, ModelError::Cancelled(_)));
}

#[test]
fn a_part_that_is_nowhere_is_named() {
    let paths = ModelPaths { main: golden("flux/dev.safetensors"), configs: Some(golden("flux/diffusers")), ..ModelPaths::default() };
    let text = error(&paths).to_string();
    assert!(text.contains("text encoder") && text.contains("give its file"), "{text}");
    let text =
        ModelFiles::open(&ModelPaths { main: golden("flux/ae.safetensors"), ..ModelPaths::default() }).unwrap().family().unwrap_err();
    assert!(text.to_string().contains("SD 1.x"), "{text}");
}

#[test]
fn the_tiny_decoder_agrees_under_both_kinds_of_names() {
    let data = Golden::open("taesd");
    let case = data.case("decode", "tiny");
    let ((latents, s), (want, _)) = (data.of(&case, "latents"), data.of(&case, "picture"));
    for file in ["decoder", "original"] {
        let decoder = TinyDecoder::load(&golden(&format!("taesd/{file}.safetensors")), &Compute::processor(), &Silent).unwrap();
        let got = decoder.decode(&latents, (s[0], s[1], s[2], s[3])).unwrap();
        assert!(distance(&got, &want) < 1e-5, "{file}: {}", distance(&got, &want));
    }
}

#[test]
fn without_configurations_the_rule_of_the_family_holds_and_is_named_where_it_does_not_fit() {
    let dir = tempfile::tempdir().unwrap();
    let main = dir.path().join("model.safetensors");
    std::fs::copy(golden("sd1/model.safetensors"), &main).unwrap();
    let text = error(&ModelPaths { main, ..ModelPaths::default() }).to_string();
    assert!(text.contains("norm_num_groups"), "32 groups do not fit: {text}");
}

#[test]
fn a_token_that_no_encoder_has_is_refused() {
    let model = load(&single("sd1"), Compute::processor());
    let mut ids = Golden::ids(&Golden::open("sd1").case("text", "prompt"), "ids");
    ids[3] = 60_000;
    let text = model.encode_clip(0, &[&ids], &[], 1).unwrap_err().to_string();
    assert!(text.contains("60000") && text.contains("vocabulary"), "{text}");
    // The first id behind the vocabulary is the first learned embedding.
    ids[3] = model.clip()[0].vocabulary() as u32;
    assert!(model.encode_clip(0, &[&ids], &[vec![0.1; 16]], 1).is_ok());
    assert!(model.encode_clip(0, &[&ids], &[vec![0.1; 5]], 1).is_err());
}
