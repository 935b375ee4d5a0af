//! Any text as the parameters of a program, told apart by the first byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_pictures::{infotext, inspect, parse_infotext};

/// `IDAT` and `IEND` of one black pixel.
const PIXEL: &[u8] = b"\x00\x00\x00\x0c\x49\x44\x41\x54\x78\x9c\x63\x60\x60\x60\x00\x00\x00\x04\x00\x01\xf6\x17\x38\x55\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/// Keys under which programs write.
const KEYS: [&str; 8] = ["parameters", "prompt", "workflow", "invokeai_metadata", "sd-metadata", "Dream", "Comment", "weft"];

fuzz_target!(|bytes: &[u8]| {
    let Some((which, text)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    if let Some(recipe) = parse_infotext(&text) {
        let again = infotext(&recipe);
        assert!(again.len() < 64 * text.len() + 4096, "{} bytes became {}", text.len(), again.len());
    }
    let key = KEYS[usize::from(*which) % KEYS.len()];
    let found = inspect(&png(key, &text)).expect("a PNG whose pixels are fine");
    assert!(found.recipe.prompt.len() <= weft_pictures::limits::PROMPT && found.recipe.other.len() <= weft_pictures::limits::OTHERS);
    assert!(found.recipe.adapters.iter().all(|adapter| adapter.weight.is_finite()));
});

/// The head of a PNG, then the text as NovelAI's program would stand beside it. Nothing looks at
/// check sums of texts.
fn png(key: &str, text: &str) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde".to_vec();
    for (key, text) in [("Software", "NovelAI"), (key, text)] {
        let data = [key.as_bytes(), &[0, 0, 0, 0, 0], text.as_bytes()].concat();
        out.extend(u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
        out.extend(b"iTXt");
        out.extend(data);
        out.extend([0; 4]);
    }
    // One black pixel, and the end.
    out.extend(PIXEL);
    out
}
