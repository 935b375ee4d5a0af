//! Any bytes as a file: header, keys, and what is said of them must never panic, hang or allocate without bound.
//! The input is taken as a whole file and, line by line, as the JSON of a header and of an `adapter_config.json`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_weights::adapter::Adapter;
use weft_weights::header::Header;
use weft_weights::inspect::{Inspection, inspect_source};
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;

fuzz_target!(|data: &[u8]| {
    let _ = inspect_source(&MemorySource(data), "folder/any_high.safetensors", None, &Silent);
    let mut parts = data.splitn(2, |b| *b == b'\n');
    let (json, config) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut file = (json.len() as u64).to_le_bytes().to_vec();
    file.extend(json);
    let body = 1 << 16;
    if let Ok(header) = Header::parse(&file, file.len() as u64 + body) {
        let total: u64 = header.tensors.iter().map(|t| t.byte_len()).sum();
        assert!(total <= body, "tensors lie inside the body and do not overlap");
        if let Ok(adapter) = Adapter::from_header(header, Some("x_low.safetensors"), std::str::from_utf8(config).ok()) {
            let _ = walk(&Inspection::of(&adapter, "x", None, None));
        }
    }
});

/// Walks the result so that nothing is optimised away.
fn walk(inspection: &Inspection) -> usize {
    inspection.warnings.iter().map(String::len).sum::<usize>() + inspection.blocks.len() + inspection.tags.len()
}
