use super::*;
use crate::source::MemorySource;

/// A file with this JSON and `body` zero bytes.
fn file(json: &str, body: usize) -> Vec<u8> {
    let mut out = (json.len() as u64).to_le_bytes().to_vec();
    out.extend(json.bytes());
    out.extend(std::iter::repeat_n(0, body));
    out
}

fn parse(json: &str, body: usize) -> Result<Header, HeaderError> {
    let bytes = file(json, body);
    Header::parse(&bytes, bytes.len() as u64)
}

const ONE: &str = r#"{"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}}"#;

#[test]
fn plain_header() {
    let header = parse(r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[],"data_offsets":[12,16]},"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}}  "#, 16).unwrap();
    assert_eq!(header.metadata["format"], "pt");
    assert_eq!(header.tensors.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    let (_, a) = header.find("a").unwrap();
    assert_eq!((a.shape.as_slice(), a.elements(), a.byte_len(), a.range.start), (&[2, 3][..], 6, 12, header.data_start));
    assert!(header.warnings.is_empty());
}

#[test]
fn read_asks_for_more_when_the_header_is_long() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.safetensors");
    let json = format!(r#"{{"__metadata__":{{"x":"{}"}}}}"#, "y".repeat(200_000));
    std::fs::write(&path, file(&json, 0)).unwrap();
    let header = Header::read(&crate::source::FileSource::open(&path).unwrap()).unwrap();
    assert_eq!(header.metadata["x"].len(), 200_000);
    let bytes = file(ONE, 12);
    assert_eq!(Header::read(&MemorySource(&bytes)).unwrap().tensors.len(), 1);
}

#[test]
fn gaps_are_tolerated_and_named() {
    let header = parse(r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#, 5).unwrap();
    assert_eq!(header.warnings.len(), 2);
    assert!(header.warnings[0].starts_with("1 bytes between") && header.warnings[1].starts_with("2 bytes after"), "{:?}", header.warnings);
}

#[test]
fn escapes_in_names_are_read() {
    let header = parse(r#"{"a\n\u0041":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"extra":[{}]}}"#, 0).unwrap();
    assert_eq!(header.tensors[0].name, "a\nA");
}

#[test]
fn each_way_to_be_bad_has_its_variant() {
    macro_rules! bad {
        ($json:expr, $body:expr, $variant:ident) => {
            let error = parse($json, $body).unwrap_err();
            assert!(matches!(error, HeaderError::$variant { .. }), "{} gave {error:?}", $json);
        };
    }
    bad!("[]", 0, NotJson);
    bad!(r#"{"a":}"#, 0, NotJson);
    bad!(r#"{} x"#, 0, NotJson);
    bad!(r#"{"a":3}"#, 0, BadField);
    bad!(r#"{"a":{"shape":[1],"data_offsets":[0,1]}}"#, 1, MissingField);
    bad!(r#"{"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,1]}}"#, 1, UnknownDtype);
    bad!(r#"{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}"#, 1, BadField);
    bad!(r#"{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}"#, 1, BadField);
    bad!(r#"{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}"#, 1, TooManyDims);
    bad!(r#"{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, 0, SizeOverflow);
    bad!(r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[2,1]}}"#, 2, Backwards);
    bad!(r#"{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}"#, 8, OutOfFile);
    bad!(r#"{"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,11]}}"#, 12, WrongSize);
    bad!(r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#, 3, Overlap);
    bad!(r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#, 2, DuplicateKey);
    bad!(r#"{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, 2, DuplicateKey);
    bad!(r#"{"__metadata__":{"a":"1","a":"2"}}"#, 0, DuplicateKey);
    bad!(r#"{"__metadata__":{"a":1}}"#, 0, BadMetadata);
    bad!(r#"{"__metadata__":[]}"#, 0, BadMetadata);
    bad!(&format!(r#"{{"{}":{{}}}}"#, "n".repeat(5000)), 0, NameTooLong);
    bad!(&format!(r#"{{"__metadata__":{{"a":"{}"}}}}"#, "n".repeat(MAX_METADATA_VALUE + 1)), 0, MetadataTooLarge);
}

#[test]
fn other_formats_are_named() {
    let parse = |bytes: &[u8]| Header::parse(bytes, bytes.len() as u64).unwrap_err();
    assert!(matches!(parse(b"PK\x03\x04\0\0\x08\x08rest"), HeaderError::Pickle));
    assert!(matches!(parse(b"GGUF\x03\0\0\0rest"), HeaderError::Gguf));
    assert!(matches!(parse(b"abc"), HeaderError::TooShort { len: 3 }));
    assert!(matches!(parse(&[0; 20]), HeaderError::NotJson { .. }));
}
