//! Any bytes as a picture file: parameters and pixels are read or refused, and what was read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_pictures::{Format, decode, encode, inspect, size};

fuzz_target!(|bytes: &[u8]| {
    // A small file may rightly unpack to many megapixels, which takes time and finds nothing.
    let Ok((_, width, height)) = size(bytes) else { return };
    if u64::from(width) * u64::from(height) > 1 << 16 {
        return;
    }
    let Ok(found) = inspect(bytes) else { return };
    assert!(serde_json::to_value(&found.recipe).is_ok());
    if let Ok(pixels) = decode(bytes) {
        let file = encode(&pixels, &found.recipe, Format::Png).expect("a picture that was read can be written");
        let again = inspect(&file).expect("what Weft wrote it can read");
        assert_eq!(again.recipe.prompt, found.recipe.prompt);
        assert_eq!(again.recipe.adapters.len(), found.recipe.adapters.len());
    }
});
