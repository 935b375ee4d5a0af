//! Any text as a prompt, through both dialects, editing, chance and the tokenizers: no panic, no place that does not exist.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use weft_diffusion::prompt::chunk::chunks;
use weft_diffusion::prompt::{Edits, Wildcards, expand, parse};
use weft_diffusion::tokenizer::{Clip, Learned, T5};
use weft_domain::generation::Dialect;

static CLIP: LazyLock<Clip> =
    LazyLock::new(|| Clip::from_json(include_bytes!("../../golden/tokenizers/clip_tokenizer.json")).expect("the golden file"));
static MODEL: LazyLock<T5> = LazyLock::new(|| T5::from_model(include_bytes!("../../golden/tokenizers/t5_spiece.model")).expect("the golden file"));

fuzz_target!(|text: &str| {
    let learned = Learned::new([("a", 3), ("b:c", 90)]);
    for dialect in Dialect::ALL {
        let prompt = parse(text, dialect);
        assert!(prompt.parts().all(|part| part.weight.is_finite() && !part.text.is_empty()));
        assert!(prompt.adapters.iter().all(|tag| text.get(tag.span.clone()).is_some()));
        for chunk in chunks(&prompt, dialect, CLIP.frame(), &mut |text| learned.encode(&CLIP, text)) {
            assert!(chunk.slots.len() == 77 && chunk.span.is_none_or(|span| text.get(span).is_some()));
        }
    }
    assert!(MODEL.encode(text).iter().all(|token| text.get(token.span.clone()).is_some()));
    let edits = Edits::new(text, 20);
    let changes = edits.changes();
    for step in 1..20 {
        assert!(changes.contains(&step) || edits.at(step) == edits.at(step - 1));
    }
    let _ = expand(text, &Wildcards::from([("a".to_owned(), vec!["{b|__a__}".to_owned(), "c".to_owned()])]), 1);
});
