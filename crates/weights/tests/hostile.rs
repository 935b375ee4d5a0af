//! Attacks on the reader, each named after what it tries. Every one must end in a clear message or a sound result, never in a panic, a hang or
//! memory without bound.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;

use weft_weights::adapter::{Adapter, AdapterError};
use weft_weights::header::{Header, HeaderError};
use weft_weights::inspect::{InspectError, Inspection, inspect, inspect_header, inspect_source};
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;

const STEM: &str = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k";

fn file(json: &str, body: &[u8]) -> Vec<u8> {
    let mut out = (json.len() as u64).to_le_bytes().to_vec();
    out.extend(json.bytes());
    out.extend(body);
    out
}

/// A pair of rank 1 for SD 1 under `stem`, with an optional alpha; all values are `value`.
fn pair(stem: &str, value: f32, alpha: Option<f32>, metadata: &str) -> Vec<u8> {
    let stem = stem.replace('\\', "\\\\").replace('"', "\\\"");
    let mut json = format!(
        r#"{{{metadata}"{stem}.lora_down.weight":{{"dtype":"F32","shape":[1,768],"data_offsets":[0,3072]}},"{stem}.lora_up.weight":{{"dtype":"F32","shape":[640,1],"data_offsets":[3072,5632]}}"#
    );
    let mut body: Vec<u8> = (0..1408).flat_map(|_| value.to_le_bytes()).collect();
    if let Some(alpha) = alpha {
        write!(json, r#","{stem}.alpha":{{"dtype":"F32","shape":[],"data_offsets":[5632,5636]}}"#).unwrap();
        body.extend(alpha.to_le_bytes());
    }
    json.push('}');
    file(&json, &body)
}

fn look(bytes: &[u8]) -> Result<Inspection, InspectError> {
    inspect_source(&MemorySource(bytes), "evil.safetensors", None, &Silent)
}

fn refused(bytes: &[u8]) -> HeaderError {
    match look(bytes) {
        Err(InspectError::Header(e)) => e,
        other => panic!("not refused by its header: {other:?}"),
    }
}

#[test]
fn truncated_at_every_byte() {
    let whole = pair(STEM, 0.1, Some(1.0), "");
    assert!(look(&whole).is_ok());
    let header = whole.len() - 5636;
    for len in (0..header).chain((header..whole.len()).step_by(97)) {
        let error = refused(&whole[..len]);
        assert!(
            matches!(error, HeaderError::TooShort { .. } | HeaderError::Truncated { .. } | HeaderError::OutOfFile { .. }),
            "{len}: {error:?}"
        );
        assert!(error.to_string().contains("cut off"), "{error}");
    }
}

#[test]
fn header_length_of_two_to_the_63() {
    for len in [1u64 << 63, u64::MAX, u64::MAX - 7, 100_000_001] {
        let mut bytes = len.to_le_bytes().to_vec();
        bytes.extend(b"{}");
        assert!(matches!(refused(&bytes), HeaderError::HeaderTooLarge { .. }));
    }
}

#[test]
fn header_length_just_beyond_the_file_allocates_nothing() {
    let mut bytes = 99_999_999u64.to_le_bytes().to_vec();
    bytes.extend(b"{}");
    assert!(matches!(refused(&bytes), HeaderError::Truncated { .. }));
}

#[test]
fn overlapping_ranges() {
    let json =
        r#"{"a.lora_down.weight":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}}"#;
    assert!(matches!(refused(&file(json, &[0; 7])), HeaderError::Overlap { .. }));
    let same = r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#;
    assert!(matches!(refused(&file(same, &[0; 4])), HeaderError::Overlap { .. }));
}

#[test]
fn range_out_of_the_file() {
    for (start, end) in [(0u64, u64::MAX), (u64::MAX - 3, u64::MAX), (0, 5), (1 << 62, (1 << 62) + 4)] {
        let json = format!(r#"{{"a":{{"dtype":"U8","shape":[4],"data_offsets":[{start},{end}]}}}}"#);
        assert!(matches!(refused(&file(&json, &[0; 4])), HeaderError::OutOfFile { .. }), "{start} {end}");
    }
}

#[test]
fn size_that_does_not_fit_type_and_shape() {
    let json = r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,8]}}"#;
    assert!(matches!(refused(&file(json, &[0; 8])), HeaderError::WrongSize { expected: 16, actual: 8, .. }));
}

#[test]
fn shape_whose_product_overflows() {
    let big = usize::MAX;
    let json = format!(r#"{{"a":{{"dtype":"F32","shape":[{big},{big}],"data_offsets":[0,0]}}}}"#);
    assert!(matches!(refused(&file(&json, &[])), HeaderError::SizeOverflow { .. }));
    // Zero times anything is zero bytes: allowed by the format, but no factor.
    let json = format!(
        r#"{{"{STEM}.lora_down.weight":{{"dtype":"F32","shape":[0,9],"data_offsets":[0,0]}},"{STEM}.lora_up.weight":{{"dtype":"F32","shape":[9,0],"data_offsets":[0,0]}}}}"#
    );
    let i = look(&file(&json, &[])).unwrap();
    assert!(i.modules == 0 && i.warnings.iter().any(|w| w.contains("is empty")), "{:?}", i.warnings);
}

#[test]
fn nan_and_infinite_tensors() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let i = look(&pair(STEM, value, None, "")).unwrap();
        assert_eq!((i.frobenius, i.fallback), (None, true));
        assert!(i.warnings.iter().any(|w| w.contains("NaN or infinity") && w.contains(STEM)), "{:?}", i.warnings);
    }
    let i = look(&pair(STEM, 0.1, Some(f32::NAN), "")).unwrap();
    assert!(i.warnings.iter().any(|w| w.contains("alpha") && w.contains("NaN")), "{:?}", i.warnings);
}

#[test]
fn alpha_of_zero() {
    let i = look(&pair(STEM, 0.1, Some(0.0), "")).unwrap();
    assert_eq!((i.frobenius, i.alpha), (Some(0.0), Some(0.0)));
    assert!(i.warnings.iter().any(|w| w.contains("alpha of 1 module is 0")), "{:?}", i.warnings);
}

#[test]
fn values_at_the_edge_of_f32() {
    for value in [f32::MAX, f32::MIN_POSITIVE, 1e-45, 1e30] {
        let i = look(&pair(STEM, value, None, "")).unwrap();
        let want = f64::from(value).powi(2) * (640.0 * 768.0f64).sqrt();
        let got = i.frobenius.unwrap();
        assert!((got - want).abs() <= 1e-6 * want, "{value}: {got} is not {want}");
    }
}

#[test]
fn folder_named_x_safetensors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.safetensors");
    std::fs::create_dir(&path).unwrap();
    for error in [inspect(&path, &Silent).unwrap_err(), inspect_header(&path).unwrap_err()] {
        assert!(error.to_string().contains("is a folder"), "{error}");
    }
    let missing = inspect(&dir.path().join("none.safetensors"), &Silent).unwrap_err();
    assert!(missing.to_string().contains("cannot be opened"), "{missing}");
}

#[cfg(unix)]
#[test]
fn pipe_named_x_safetensors_does_not_hang() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.safetensors");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo is part of every Unix").success());
    let error = inspect(&path, &Silent).unwrap_err();
    assert!(error.to_string().contains("is a pipe"), "{error}");
}

#[test]
fn metadata_value_of_two_megabytes() {
    let metadata = format!(r#""__metadata__":{{"ssmd_cover_images":"[\"{}\"]","modelspec.title":"T"}},"#, "A".repeat(2 << 20));
    let i = look(&pair(STEM, 0.1, None, &metadata)).unwrap();
    assert_eq!((i.covers, i.title.as_deref()), (1, Some("T")));
}

#[test]
fn metadata_value_beyond_the_limit() {
    let metadata = format!(r#""__metadata__":{{"x":"{}"}},"#, "A".repeat((16 << 20) + 1));
    let error = refused(&pair(STEM, 0.1, None, &metadata));
    assert!(matches!(error, HeaderError::MetadataTooLarge { .. }) && error.to_string().contains("remove it"), "{error}");
}

#[test]
fn names_with_html_newlines_and_direction_marks() {
    let name = r#"lora_unet_<img src=x onerror=alert(1)>"#;
    let i = look(&pair(name, 0.1, None, r#""__metadata__":{"modelspec.title":"<b>\u202eevil\u0007\n</b>"},"#)).unwrap();
    assert_eq!(i.title.as_deref(), Some("<b>evil\n</b>"));
    let key = "a\\u202e\\u0000\\nb";
    let json = format!(
        r#"{{"{key}":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}},"{key}":{{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}}}"#
    );
    let message = refused(&file(&json, &[0; 2])).to_string();
    assert!(
        message.contains(r"\u{202e}") && message.contains(r"\u{a}") && !message.contains('\n') && !message.contains('\u{202e}'),
        "{message}"
    );
}

#[test]
fn json_nested_a_hundred_thousand_deep() {
    for open in ["[", "{\"a\":"] {
        let deep = open.repeat(100_000);
        for json in [
            format!(r#"{{"a":{deep}"#),
            format!(r#"{{"a":{{"dtype":"U8","shape":{deep}"#),
            format!(r#"{{"__metadata__":{deep}"#),
            format!(r#"{{"a":{{"x":{deep}"#),
        ] {
            let _ = refused(&file(&json, &[]));
        }
    }
}

#[test]
fn a_million_keys() {
    let mut json = String::from("{");
    for i in 0..1_000_000 {
        write!(json, r#""k{i}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}},"#).unwrap();
    }
    json.pop();
    json.push('}');
    assert!(matches!(refused(&file(&json, &[])), HeaderError::TooManyTensors));
}

/// As many keys as are let in, all of them adapters' keys, none of them whole: linear work and few words.
#[test]
fn a_hundred_thousand_half_pairs() {
    let mut json = String::from("{");
    for i in 0..100_000 {
        write!(json, r#""lora_unet_blocks_{i}_x.lora_down.weight":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}},"#).unwrap();
    }
    json.pop();
    json.push('}');
    let bytes = file(&json, &[]);
    let adapter = Adapter::from_header(Header::parse(&bytes, bytes.len() as u64).unwrap(), None, None).unwrap();
    assert!(adapter.modules.is_empty() && adapter.warnings.len() <= 45, "{} warnings", adapter.warnings.len());
}

#[test]
fn rank_of_a_million() {
    let r = 1 << 20;
    let json = format!(
        r#"{{"{STEM}.lora_down.weight":{{"dtype":"F8_E4M3","shape":[{r},1],"data_offsets":[0,{r}]}},"{STEM}.lora_up.weight":{{"dtype":"F8_E4M3","shape":[1,{r}],"data_offsets":[{r},{}]}}}}"#,
        2 * r
    );
    let i = look(&file(&json, &vec![0; 2 * r])).unwrap();
    assert!(i.modules == 0 && i.warnings.iter().any(|w| w.contains("rank")), "{:?}", i.warnings);
}

#[test]
fn factors_that_do_not_fit_together() {
    let json = format!(
        r#"{{"{STEM}.lora_down.weight":{{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]}},"{STEM}.lora_up.weight":{{"dtype":"F8_E4M3","shape":[4,1],"data_offsets":[4,8]}},"b.lora_A.weight":{{"dtype":"F8_E4M3","shape":[1,3],"data_offsets":[8,11]}},"b.lora_B.weight":{{"dtype":"F8_E4M3","shape":[3,2],"data_offsets":[11,17]}},"c.lora_up.weight":{{"dtype":"F8_E4M3","shape":[1,1],"data_offsets":[17,18]}}}}"#
    );
    let i = look(&file(&json, &[0; 18])).unwrap();
    let said = |part: &str| i.warnings.iter().any(|w| w.contains(part));
    assert!(
        said("not floating") && said("do not fit together: \"b.lora_A.weight\"") && said("\"c.lora_up.weight\" has no down factor"),
        "{:?}",
        i.warnings
    );
}

#[test]
fn no_adapter_at_all() {
    let json = r#"{"model.diffusion_model.input_blocks.0.0.weight":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#;
    assert!(matches!(
        look(&file(json, &[0])),
        Err(InspectError::Adapter(AdapterError::NotAnAdapter { looks_like: "a full checkpoint", .. }))
    ));
    assert!(matches!(look(&file("{}", &[])), Err(InspectError::Adapter(AdapterError::Empty))));
}

#[test]
fn indices_beyond_every_integer() {
    for stem in [
        "lora_unet_double_blocks_99999999999999999999_img_attn_qkv",
        "lora_unet_down_blocks_18446744073709551615_attentions_0_proj_in",
        "lora_unet_input_blocks_18446744073709551615_1_x",
        "lora_unet_output_blocks_0_18446744073709551615_x",
    ] {
        assert!(look(&pair(stem, 0.1, None, "")).is_ok(), "{stem}");
    }
}

/// Found by the fuzz target: a tensor without dimensions where a matrix is expected, under every end of a key.
#[test]
fn scalars_in_the_place_of_matrices() {
    let ends = "lora_down.weight lora_up.weight lora_mid.weight alpha dora_scale hada_w1_a hada_w1_b hada_w2_a hada_w2_b hada_t1 hada_t2 lokr_w1 lokr_w1_a lokr_w1_b lokr_w2 lokr_w2_a \
                lokr_w2_b lokr_t2 a1.weight a2.weight b1.weight b2.weight oft_blocks rescale weight on_input diff diff_b w_norm b_norm set_weight lora_B.bias";
    let entry = |module: usize, end: &str, at: usize| {
        format!(r#""{STEM}{module}.{end}":{{"dtype":"F32","shape":[],"data_offsets":[{},{}]}}"#, at * 4, at * 4 + 4)
    };
    let ends: Vec<&str> = ends.split_whitespace().collect();
    let alone: Vec<String> = ends.iter().enumerate().map(|(i, end)| entry(i, end, i)).collect();
    let together: Vec<String> = ends.iter().enumerate().map(|(i, end)| entry(0, end, i)).collect();
    for keys in [alone, together] {
        let i = look(&file(&format!("{{{}}}", keys.join(",")), &vec![0; ends.len() * 4])).unwrap();
        assert!(!i.warnings.is_empty());
    }
}
