//! Chunks of 75, with a tokenizer in which every word is one token.

use weft_diffusion::prompt::chunk::{Chunk, Frame, LENGTH, ROOM, chunks};
use weft_diffusion::prompt::parse;
use weft_diffusion::tokenizer::{Clip, Learned, Slot, Token};
use weft_domain::generation::Dialect::{self, A1111, ComfyUi};

const FRAME: Frame = Frame { start: 1000, end: 1001, pad: 0, comma: Some(44) };

/// Words of letters are tokens of that many letters' id; a comma is 44; `wide9` is nine tokens.
fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    for piece in text.split_inclusive([' ', ',']) {
        let start = piece.as_ptr() as usize - text.as_ptr() as usize;
        let word = piece.trim_matches([' ', ',']);
        let count = word.strip_prefix("wide").map_or(usize::from(!word.is_empty()), |n| n.parse().unwrap());
        out.extend((0..count).map(|_| Token { slot: Slot::Id(word.len() as u32), span: start..start + word.len() }));
        if let Some(at) = piece.find(',') {
            out.push(Token { slot: Slot::Id(44), span: start + at..start + at + 1 });
        }
    }
    out
}

fn cut(text: &str, dialect: Dialect) -> Vec<Chunk> {
    let chunks = chunks(&parse(text, dialect), dialect, FRAME, &mut tokens);
    for chunk in &chunks {
        assert_eq!((chunk.slots.len(), chunk.weights.len()), (LENGTH, LENGTH));
        assert_eq!((chunk.slots[0], chunk.slots[chunk.used + 1]), (Slot::Id(1000), Slot::Id(1001)));
        assert!(chunk.slots[chunk.used + 2..].iter().all(|slot| *slot == Slot::Id(0)));
        assert_eq!(chunk.span.is_some(), chunk.used > 0);
    }
    chunks
}

fn used(text: &str, dialect: Dialect) -> Vec<usize> {
    cut(text, dialect).iter().map(|chunk| chunk.used).collect()
}

#[test]
fn full_chunks_and_empty_ones() {
    for dialect in Dialect::ALL {
        assert_eq!(used("", dialect), [0]);
        assert_eq!(used(&"a ".repeat(75), dialect), [75]);
        assert_eq!(used(&"a ".repeat(76), dialect), [75, 1]);
        assert_eq!(used(&"a ".repeat(160), dialect), [75, 75, 10]);
    }
    assert_eq!(used("a BREAK b", A1111), [1, 1]);
    assert_eq!(used("a BREAK BREAK b BREAK", A1111), [1, 0, 1]);
    assert_eq!(used("a BREAK b", ComfyUi), [3]);
}

#[test]
fn a1111_ends_a_chunk_at_a_comma_near_its_end() {
    // A comma as token 60: the fifteen behind it move on.
    assert_eq!(used(&format!("{}, {}", "a ".repeat(59).trim_end(), "b ".repeat(30)), A1111), [60, 30]);
    // Twenty behind it still move, twenty-one do not.
    assert_eq!(used(&format!("{}, {}", "a ".repeat(55).trim_end(), "b ".repeat(30)), A1111), [56, 30]);
    assert_eq!(used(&format!("{}, {}", "a ".repeat(54).trim_end(), "b ".repeat(30)), A1111), [75, 10]);
    // The comma as the last token of the chunk, and as the first that does not fit.
    assert_eq!(used(&format!("{}, {}", "a ".repeat(74).trim_end(), "b"), A1111), [75, 1]);
    assert_eq!(used(&format!("{}, {}", "a ".repeat(75).trim_end(), "b"), A1111), [75, 2]);
    // ComfyUI knows no such rule, and a comma is a part of its word.
    assert_eq!(used(&format!("{}, {}", "a ".repeat(59).trim_end(), "b ".repeat(30)), ComfyUi), [75, 15]);
}

#[test]
fn comfy_keeps_a_word_together() {
    assert_eq!(used(&format!("{}wide7", "a ".repeat(70)), ComfyUi), [70, 7]);
    assert_eq!(used(&format!("{}wide8", "a ".repeat(70)), ComfyUi), [75, 3]);
    assert_eq!(used(&format!("{}wide7", "a ".repeat(70)), A1111), [75, 2]);
    assert_eq!(used("wide200", ComfyUi), [75, 75, 50]);
}

#[test]
fn weights_and_places_go_with_the_tokens() {
    let text = "aa (bbb:1.5) BREAK (c)";
    let got = cut(text, A1111);
    assert_eq!(got[0].slots[1..3], [Slot::Id(2), Slot::Id(3)]);
    assert_eq!(got[0].weights[..4], [1.0, 1.0, 1.5, 1.0]);
    assert_eq!(got[1].weights[..3], [1.0, 1.1, 1.0]);
    assert_eq!(&text[got[0].span.clone().unwrap()], "aa (bbb");
    assert_eq!(&text[got[1].span.clone().unwrap()], "c");
}

#[test]
fn learned_embeddings_stand_where_their_names_do_and_are_not_cut() {
    let file = |name: &str| std::fs::read(format!("{}/golden/tokenizers/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let clip = Clip::from_vocab(&file("clip_vocab.json"), &file("clip_merges.txt")).unwrap();
    let learned = Learned::new([("EasyNegative", 8), ("easy", 2), ("<cat-toy>", 3), ("", 1)]);
    let slots = |text: &str| learned.encode(&clip, text).into_iter().map(|t| (t.slot, t.span)).collect::<Vec<_>>();
    let text = "a easynegative, EASY (embedding:EasyNegative:1.2) <cat-toy>, uneasy easyish";
    let found: Vec<(usize, &str)> = slots(text)
        .iter()
        .filter_map(|(slot, span)| match slot {
            Slot::Learned { embedding, vector: 0 } => Some((*embedding, &text[span.clone()])),
            _ => None,
        })
        .collect();
    assert_eq!(found, [(0, "easynegative"), (1, "EASY"), (0, "embedding:EasyNegative"), (2, "<cat-toy>")]);
    let plain: Vec<_> = clip.encode("a fox").into_iter().map(|t| (t.slot, t.span)).collect();
    assert_eq!(slots("a fox"), plain);

    let many = format!("{} easynegative", "1 ".repeat(70));
    for dialect in Dialect::ALL {
        let got = chunks(&parse(&many, dialect), dialect, clip.frame(), &mut |text| learned.encode(&clip, text));
        let first = got[1].slots[1];
        let whole = if dialect == A1111 { vec![70, 8] } else { vec![75, 3] };
        assert_eq!(got.iter().map(|c| c.used).collect::<Vec<_>>(), whole, "{dialect:?}");
        assert!(matches!(first, Slot::Learned { embedding: 0, .. }));
    }
    assert_eq!(ROOM, 75);
}
