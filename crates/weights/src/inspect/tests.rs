use super::*;
use crate::progress::Silent;
use crate::source::MemorySource;

const KEY: &str = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k";

/// One SDXL module of rank 2 and this metadata.
fn file(metadata: &str) -> Vec<u8> {
    let (a, b) = (2 * 2048 * 2, 640 * 2 * 2);
    let json = format!(
        r#"{{"__metadata__":{metadata},"{KEY}.lora_down.weight":{{"dtype":"F16","shape":[2,2048],"data_offsets":[0,{a}]}},"{KEY}.lora_up.weight":{{"dtype":"F16","shape":[640,2],"data_offsets":[{a},{}]}},"{KEY}.alpha":{{"dtype":"F16","shape":[],"data_offsets":[{},{}]}}}}"#,
        a + b,
        a + b,
        a + b + 2
    );
    let mut out = (json.len() as u64).to_le_bytes().to_vec();
    out.extend(json.bytes());
    out.extend((0..(a + b) / 2).flat_map(|_| half::f16::from_f32(0.5).to_le_bytes()));
    out.extend(half::f16::from_f32(1.0).to_le_bytes());
    out
}

fn inspected(metadata: &str) -> Inspection {
    inspect_source(&MemorySource(&file(metadata)), "folder/my_lora.safetensors", None, &Silent).unwrap()
}

#[test]
fn the_whole_of_a_small_file() {
    let i = inspected("{}");
    assert_eq!((i.family, i.kind, i.layout.as_ref().map(|l| l.id.as_str())), (Family::Sdxl, Kind::Lora, Some("sdxl_unet_19")));
    assert_eq!((i.name.as_str(), i.rank, i.alpha, i.modules), ("my_lora", Span { min: 2, max: 2 }, Some(1.0), 1));
    // ΔW = ½·(2·0.5·0.5) = 0.25 everywhere, 640 × 2048 values.
    let want = 0.25 * (640.0 * 2048.0f64).sqrt();
    let block = i.blocks.iter().find(|b| b.present).unwrap();
    assert_eq!(block.label, "IN04");
    assert!((block.frobenius.unwrap() - want).abs() < 1e-7 * want);
    assert!((block.rms.unwrap() - 0.25).abs() < 1e-8);
    assert_eq!(i.blocks.iter().filter(|b| !b.present && b.frobenius.is_none()).count(), 18);
    assert_eq!((i.fallback, i.has_block_weights, i.variance), (false, true, Some(0.0)));
    assert_eq!(i.hashes.as_ref().map(|h| (h.sha256.len(), h.autov2.len(), h.autov3.len())), Some((64, 10, 12)));
}

#[test]
fn json_has_the_promised_fields_and_comes_back() {
    let i = inspected("{}");
    let json = serde_json::to_value(&i).unwrap();
    for field in "file kind family family_confidence layout rank alpha dtypes modules has_block_weights fallback frobenius te_frobenius blocks trigger_words tags hashes warnings".split(' ') {
        assert!(json.get(field).is_some(), "{field}");
    }
    assert_eq!(json["layout"]["version"], 1);
    assert_eq!(json["blocks"][4]["group"], "in");
    assert_eq!(json["dtypes"][0], "F16");
    let back: Inspection = serde_json::from_value(json).unwrap();
    assert_eq!(back, i);
}

#[test]
fn header_only_has_presence_but_no_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.safetensors");
    std::fs::write(&path, file(r#"{"ss_network_alpha":"8"}"#)).unwrap();
    let i = inspect_header(&path).unwrap();
    assert_eq!((i.hashes.is_none(), i.frobenius, i.alpha), (true, None, Some(8.0)));
    assert_eq!(i.blocks.iter().filter(|b| b.present).count(), 1);
    assert_eq!(inspect(&path, &Silent).unwrap().blocks[4].label, "IN04");
}

#[test]
fn many_files_keep_their_order_and_their_failures() {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..5).map(|i| dir.path().join(format!("{i}.safetensors"))).collect();
    for (i, path) in paths.iter().enumerate() {
        std::fs::write(path, if i == 2 { vec![0; 9] } else { file("{}") }).unwrap();
    }
    for depth in [Depth::Header, Depth::Strengths, Depth::Hashes] {
        let found = inspect_many(&paths, depth, &Silent);
        assert!(found[2].is_err() && found.iter().filter(|f| f.is_ok()).count() == 4);
        for (path, one) in paths.iter().zip(&found).filter(|(_, f)| f.is_ok()) {
            let one = one.as_ref().unwrap();
            assert_eq!(one.file, path.to_string_lossy());
            assert_eq!((one.frobenius.is_some(), one.hashes.is_some()), (depth >= Depth::Strengths, depth >= Depth::Hashes));
        }
    }
    let stop = std::sync::atomic::AtomicBool::new(true);
    assert!(inspect_many(&paths, Depth::Header, &stop).iter().all(|f| f.as_ref().is_err_and(|e| e.to_string() == "cancelled")));
}

#[test]
fn words_from_kohya_and_modelspec() {
    let i = inspected(
        r#"{"modelspec.title":"Glass","modelspec.trigger_phrase":"ohwx woman, glass","ss_output_name":"x","modelspec.tags":"style",
        "ss_tag_frequency":"{\"10_ohwx woman\":{\"1girl\":5,\"glass\":9},\"2_img\":{\"1girl\":6,\"red\":\"3\"}}","ss_sd_model_name":"ponyXL.safetensors","ss_learning_rate":"1e-4","ss_seed":"None"}"#,
    );
    assert_eq!((i.name.as_str(), i.variant.as_deref()), ("Glass", Some("Pony")));
    assert_eq!(i.trigger_words, ["ohwx woman", "glass"]);
    assert_eq!(i.tags, ["style", "1girl", "glass", "red"]);
    assert_eq!(i.tag_frequency[0], TagCount { tag: "1girl".into(), count: 11 });
    assert_eq!((i.training.get("learning_rate").map(String::as_str), i.training.get("seed")), (Some("1e-4"), None));
}

#[test]
fn captions_become_words() {
    let i = inspected(
        r#"{"ss_tag_frequency":"{\"5_x\":{\"a tall woman stands by the window\":1,\"the woman is reading a book at night\":1}}"}"#,
    );
    assert_eq!(i.tag_frequency[0], TagCount { tag: "woman".into(), count: 2 });
    assert!(!i.tags.contains(&"the".to_owned()));
}

#[test]
fn hostile_metadata_never_breaks() {
    let deep = "[".repeat(50_000);
    let i = inspected(&format!(
        r#"{{"ss_tag_frequency":"{deep}","ss_datasets":"{deep}","ss_dataset_dirs":"[1]","ssmd_cover_images":"{{}}","lora_adapter_metadata":"nope","modelspec.title":"<script>\u202e\u0000x"}}"#
    ));
    assert_eq!((i.title.as_deref(), i.tags.len(), i.covers), (Some("<script>x"), 0, 0));
    let i = inspected(r#"{"ss_tag_frequency":"{\"a\":{\"t\":[1,{}],\"u\":-5,\"v\":1e300,\"w\":18446744073709551615},\"b\":{\"w\":9}}"}"#);
    assert_eq!(i.tag_frequency[0].count, u64::MAX);
}
