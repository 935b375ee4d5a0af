//! Checkpoints that are broken or made to harm.

use crate::files::{Random, baked, memory, plan, write};
use std::path::Path;
use weft_weights::checkpoint::{Checkpoint, CheckpointError, Packing};
use weft_weights::dtype::Dtype;
use weft_weights::ops::bake::BakeError;
use weft_weights::ops::fits::{Level, fits};

fn index(dir: &Path, map: serde_json::Value) -> std::path::PathBuf {
    let path = dir.join("model.safetensors.index.json");
    std::fs::write(&path, serde_json::json!({"weight_map": map}).to_string()).unwrap();
    path
}

fn shard(dir: &Path, name: &str, tensors: &[&str]) {
    let tensors: Vec<(&str, Dtype, &[usize], Vec<f32>)> =
        tensors.iter().map(|t| (*t, Dtype::F32, &[2usize, 2][..], vec![1.0; 4])).collect();
    write(&dir.join(name), &tensors);
}

#[test]
fn an_index_never_leads_out_of_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    shard(dir.path(), "secret.safetensors", &["a"]);
    for name in ["../secret.safetensors", "..", "/etc/passwd", "x/../../secret.safetensors", "..\\secret.safetensors"] {
        let path = index(&inner, serde_json::json!({"a": name}));
        assert!(matches!(Checkpoint::open(&path), Err(CheckpointError::Index { .. })), "{name}");
    }
}

#[test]
fn every_reference_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    shard(dir.path(), "a.safetensors", &["x", "y"]);
    let path = index(dir.path(), serde_json::json!({"x": "a.safetensors", "y": "gone.safetensors"}));
    assert!(matches!(Checkpoint::open(&path), Err(CheckpointError::MissingShard { shard, .. }) if shard == "gone.safetensors"));
    index(dir.path(), serde_json::json!({"x": "a.safetensors", "z": "a.safetensors"}));
    assert!(matches!(Checkpoint::open(&path), Err(CheckpointError::MissingTensor { key, .. }) if key == "z"));
    shard(dir.path(), "b.safetensors", &["y", "z"]);
    index(dir.path(), serde_json::json!({"x": "a.safetensors", "z": "b.safetensors"}));
    let error = Checkpoint::open(&path).unwrap_err();
    assert!(matches!(&error, CheckpointError::Twice { .. }), "{error}");
    assert!(Checkpoint::open(dir.path()).is_err());
}

#[test]
fn lengths_near_the_end_of_the_numbers_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.safetensors");
    for json in [
        r#"{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]}}"#,
        r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551615]}}"#,
    ] {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(json.as_bytes());
        bytes.extend_from_slice(&[0; 16]);
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(Checkpoint::open(&path), Err(CheckpointError::Header { .. })), "{json}");
    }
    let mut huge = u64::MAX.to_le_bytes().to_vec();
    huge.extend_from_slice(b"{}");
    std::fs::write(&path, huge).unwrap();
    assert!(matches!(Checkpoint::open(&path), Err(CheckpointError::Header { .. })));
}

#[test]
fn packed_weights_are_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let lora = dir.path().join("lora.safetensors");
    let mut rng = Random(1);
    write(
        &lora,
        &[
            ("diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight", Dtype::F32, &[2, 8], rng.many(16)),
            ("diffusion_model.double_blocks.0.img_attn.qkv.lora_B.weight", Dtype::F32, &[24, 2], rng.many(48)),
        ],
    );
    for (extra, packing) in [("absmax", Packing::BitsAndBytes), ("wscales", Packing::Nunchaku), ("weight_scale_2", Packing::Nvfp4)] {
        let path = dir.path().join("packed.safetensors");
        write(
            &path,
            &[
                ("double_blocks.0.img_attn.norm.key_norm.scale", Dtype::F32, &[8], vec![1.0; 8]),
                ("img_in.weight", Dtype::F32, &[8, 4], vec![1.0; 32]),
                ("double_blocks.0.img_attn.qkv.weight", Dtype::U8, &[96, 1], vec![7.0; 96]),
                (&format!("double_blocks.0.img_attn.qkv.{extra}"), Dtype::F32, &[3], vec![1.0; 3]),
            ],
        );
        let checkpoint = Checkpoint::open(&path).unwrap();
        assert_eq!(checkpoint.model().packing, Some(packing));
        let fit = fits(&memory(&std::fs::read(&lora).unwrap()), &checkpoint, None);
        assert!(fit.level == Level::Partial && fit.reason.contains(packing.label()), "{}", fit.reason);
        let refused = baked(&path, &plan(&[1.0]), &[&lora], &dir.path().join("out.safetensors"));
        assert!(matches!(refused, Err(BakeError::Packed(_))), "{refused:?}");
    }
    std::fs::write(dir.path().join("m.safetensors"), b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0").unwrap();
    let error = Checkpoint::open(&dir.path().join("m.safetensors")).unwrap_err().to_string();
    assert!(error.contains("GGUF"), "{error}");
}

#[test]
fn a_checkpoint_that_shrinks_ends_in_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.safetensors");
    let name = "double_blocks.0.img_attn.qkv.weight";
    write(&path, &[(name, Dtype::F32, &[24, 8], vec![1.0; 192]), ("img_in.weight", Dtype::F32, &[8, 4], vec![1.0; 32])]);
    let checkpoint = Checkpoint::open(&path).unwrap();
    let len = std::fs::metadata(&path).unwrap().len();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(len - 200).unwrap();
    let lora = dir.path().join("lora.safetensors");
    let mut rng = Random(1);
    write(
        &lora,
        &[
            ("diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight", Dtype::F32, &[2, 8], rng.many(16)),
            ("diffusion_model.double_blocks.0.img_attn.qkv.lora_B.weight", Dtype::F32, &[24, 2], rng.many(48)),
        ],
    );
    let (index, source) = crate::files::adapter(&lora);
    let members = [weft_weights::merge::Member { adapter: &index, source: &source }];
    let out = dir.path().join("out.safetensors");
    let result = weft_weights::ops::bake::bake(&checkpoint, &plan(&[1.0]), &members, &out, &weft_weights::progress::Silent);
    assert!(matches!(result, Err(BakeError::Read { .. })), "{result:?}");
    assert!(!out.exists());
}

#[test]
fn folders_without_one_model_say_so() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Checkpoint::open(dir.path()), Err(CheckpointError::Folder { .. })));
    shard(dir.path(), "model-00001-of-00003.safetensors", &["x"]);
    let error = Checkpoint::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("1 of 3"), "{error}");
    std::fs::remove_file(dir.path().join("model-00001-of-00003.safetensors")).unwrap();
    shard(dir.path(), "a.safetensors", &["x"]);
    shard(dir.path(), "b.safetensors", &["y"]);
    let error = Checkpoint::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("choose one"), "{error}");
}
