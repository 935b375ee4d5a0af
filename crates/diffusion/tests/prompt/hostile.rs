//! Any text: no panic, places that exist, linear time.

use proptest::prelude::*;
use std::time::{Duration, Instant};
use weft_diffusion::prompt::chunk::{Frame, chunks};
use weft_diffusion::prompt::{Edits, Wildcards, expand, parse};
use weft_diffusion::tokenizer::{Clip, Learned, T5, Token};
use weft_domain::generation::Dialect;

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/golden/tokenizers/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn clip() -> Clip {
    Clip::from_vocab(&file("clip_vocab.json"), &file("clip_merges.txt")).unwrap()
}

/// Every way through the crate that a text can take.
fn all(text: &str, clip: &Clip, t5: &T5, learned: &Learned) {
    let fits = |span: &std::ops::Range<usize>| text.get(span.clone()).is_some();
    for dialect in Dialect::ALL {
        let prompt = parse(text, dialect);
        assert!(prompt.adapters.iter().all(|tag| fits(&tag.span)) && prompt.notices.iter().all(|n| fits(&n.span)));
        assert!(prompt.parts().all(|part| part.weight.is_finite() && !part.text.is_empty()));
        let mut encode = |text: &str| learned.encode(clip, text);
        let frame = Frame { pad: 0, ..clip.frame() };
        for chunk in chunks(&prompt, dialect, frame, &mut encode) {
            assert!(chunk.span.as_ref().is_none_or(fits), "{text:?} {:?}", chunk.span);
        }
    }
    let inside = |token: &Token| text.get(token.span.clone()).is_some();
    assert!(clip.encode(text).iter().all(inside) && t5.encode(text).iter().all(inside), "{text:?}");
    let edits = Edits::new(text, 20);
    for step in [0, 7, 19] {
        let _ = edits.at(step);
    }
    let _ = edits.changes();
    let _ = expand(text, &Wildcards::from([("a".to_owned(), vec!["{b|__c__}".to_owned()])]), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text(text in any::<String>(), signs in r"([\\()\[\]:|{}$_<>,.0-9a-cé👩‍🚀▁ ]|<lora:|BREAK|__a__|embedding:|\[a:b:0.5\]|\(x:1.3\)){0,60}") {
        let (clip, t5) = (clip(), T5::from_json(&file("t5_tokenizer.json")).unwrap());
        let learned = Learned::new([("a", 3), ("b:", 1), ("é", 2)]);
        all(&text, &clip, &t5, &learned);
        all(&signs, &clip, &t5, &learned);
    }

    /// What A1111's reader takes out is brackets, tags and backslashes, nothing else.
    #[test]
    fn letters_are_never_lost(text in r"[a-zé ]{0,20}(\([a-zé ]{0,8}\)|\[[a-z ]{0,8}\]){0,4}[a-z ]{0,9}") {
        for dialect in Dialect::ALL {
            let got: String = parse(&text, dialect).parts().map(|part| part.text.as_str()).collect();
            let keep = |c: &char| !(matches!(c, '(' | ')') || dialect == Dialect::A1111 && matches!(c, '[' | ']'));
            prop_assert_eq!(got, text.chars().filter(keep).collect::<String>());
        }
    }

    #[test]
    fn damaged_tokenizer_files_are_refused_or_read(at in 0_usize..20_000, byte: u8, cut in 0_usize..20_000) {
        for name in ["t5_spiece.model", "t5_tokenizer.json", "clip_tokenizer.json"] {
            let mut bytes = file(name);
            let len = bytes.len();
            bytes[at % len] = byte;
            bytes.truncate(if cut % 3 == 0 { cut % len } else { len });
            let t5 = if name.ends_with("model") { T5::from_model(&bytes) } else { T5::from_json(&bytes) };
            if let Ok(t5) = t5 {
                let _ = t5.encode("a ﬁne\u{3000}photo ½ …");
            }
            if let Ok(clip) = Clip::from_json(&bytes) {
                let _ = clip.encode("a fine photo");
            }
        }
    }
}

#[test]
fn a_megabyte_of_anything_takes_a_moment() {
    let (clip, t5) = (clip(), T5::from_model(&file("t5_spiece.model")).unwrap());
    let learned = Learned::new([("aaaa", 3), ("(((((", 1)]);
    for pattern in [
        "(",
        ")",
        "[",
        "]",
        "[a|",
        "[a:",
        "(a:",
        "a",
        "aaaa ",
        "\u{301}",
        "e\u{301}",
        "<lora:",
        "<lora:a:",
        "\\",
        "{",
        "}",
        "|",
        "_",
        "__a__",
        "__a",
        ":",
        ":1",
        ":1.",
        "BREAK",
        "BREAK ",
        ",",
        "👩‍🚀",
        "1",
        "▁",
        "a▁",
        "[a:b:1]",
        "[[[a]:1]",
        "((a:1)",
        "<|endoftext|",
        "embedding:",
        "$$",
        "{2$$a|b}",
        "é",
        " ",
        "ﬁ",
        "a\\(",
        "'",
        "'s",
    ] {
        // The worst in full, the rest in part: tests run in debug builds on small machines.
        let size = if ["(", "[a|", "a", "<lora:"].contains(&pattern) { 1 << 20 } else { 1 << 17 };
        let text = pattern.repeat(size / pattern.len());
        let start = Instant::now();
        all(&text, &clip, &t5, &learned);
        // Everything twice and more, on a loaded machine; what is not linear takes hours.
        assert!(start.elapsed() < Duration::from_secs(60), "{pattern:?} takes {:?}", start.elapsed());
    }
}
