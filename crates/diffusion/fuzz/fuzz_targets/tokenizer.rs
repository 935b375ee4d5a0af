//! Any bytes as a tokenizer file: refused, or good enough to cut a text with.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_diffusion::tokenizer::{Clip, T5};

const TEXT: &str = "a ﬁne\u{3000}photo of ½ a fox, e\u{301} 🦊 <|endoftext|> </s> ▁";

fuzz_target!(|data: &[u8]| {
    for t5 in [T5::from_model(data), T5::from_json(data)].into_iter().flatten() {
        assert!(t5.encode(TEXT).iter().all(|token| TEXT.get(token.span.clone()).is_some()));
    }
    let (vocab, merges) = data.split_at(data.len() / 2);
    for clip in [Clip::from_json(data), Clip::from_vocab(vocab, merges)].into_iter().flatten() {
        assert!(clip.encode(TEXT).iter().all(|token| TEXT.get(token.span.clone()).is_some()));
    }
});
