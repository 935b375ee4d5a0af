//! Weights, breaks, tags, editing.

use weft_diffusion::prompt::{Edits, Item, MAX_WEIGHT, parse};
use weft_domain::generation::Dialect::{self, A1111, ComfyUi};

fn parts(text: &str, dialect: Dialect) -> Vec<(String, f64)> {
    let items = parse(text, dialect).items.into_iter();
    items
        .map(|item| match item {
            Item::Text(part) => (part.text, part.weight),
            Item::Break(_) => ("BREAK".to_owned(), -1.0),
        })
        .collect()
}

fn check(text: &str, dialect: Dialect, want: &[(&str, f64)]) {
    let got = parts(text, dialect);
    let same = got.len() == want.len() && got.iter().zip(want).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-12);
    assert!(same, "{text:?}: {got:?}");
}

/// The examples that A1111's own source gives.
#[test]
fn a1111_weights() {
    check("normal text", A1111, &[("normal text", 1.0)]);
    check("an (important) word", A1111, &[("an ", 1.0), ("important", 1.1), (" word", 1.0)]);
    check("(unbalanced", A1111, &[("unbalanced", 1.1)]);
    check(r"\(literal\]", A1111, &[("(literal]", 1.0)]);
    check("(unnecessary)(parens)", A1111, &[("unnecessaryparens", 1.1)]);
    check(
        "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
        A1111,
        &[
            ("a ", 1.0),
            ("house", 1.1 * 1.1 * 1.3),
            (" ", 1.1),
            ("on", 1.0),
            (" a ", 1.1),
            ("hill", 0.55),
            (", sun, ", 1.1),
            ("sky", 1.1_f64.powi(4)),
            (".", 1.1),
        ],
    );
    check("a [b] c", A1111, &[("a ", 1.0), ("b", 1.0 / 1.1), (" c", 1.0)]);
    check("(a: -.5 ) b", A1111, &[("a", -0.5), (" b", 1.0)]);
    check("a) b: c:1.2) d", A1111, &[("a) b: c:1.2) d", 1.0)]);
    check("(a:1.2.3)", A1111, &[("a:1.2.3", 1.1)]);
    check("(a [b) c]", A1111, &[("a ", 1.1), ("b", 1.0), (" c", 1.0 / 1.1)]);
    check(r"lone \ backslash \\ two", A1111, &[(r"lone  backslash \ two", 1.0)]);
}

#[test]
fn a1111_breaks() {
    check("a BREAK b", A1111, &[("a", 1.0), ("BREAK", -1.0), ("b", 1.0)]);
    check("BREAKFAST a_BREAK BREAK", A1111, &[("BREAKFAST a_BREAK", 1.0), ("BREAK", -1.0)]);
    check("a BREAK b", ComfyUi, &[("a BREAK b", 1.0)]);
}

#[test]
fn comfy_weights() {
    check("an (important) [word]", ComfyUi, &[("an ", 1.0), ("important", 1.1), (" [word]", 1.0)]);
    check("((a))", ComfyUi, &[("a", 1.1 * 1.1)]);
    // A number is the weight, whatever stands around it.
    check("(a (b:1.3) c:0.5)", ComfyUi, &[("a ", 0.5), ("b", 1.3), (" c", 0.5)]);
    check("(a (b) c:0.5)", ComfyUi, &[("a ", 0.5), ("b", 0.55), (" c", 0.5)]);
    check(r"\(a\) (b\):1.2)", ComfyUi, &[("(a) ", 1.0), ("b)", 1.2)]);
    check(
        "(:1.2) (a:) (a:x) (a:b:2)",
        ComfyUi,
        &[(":1.2", 1.1), (" ", 1.0), ("a:", 1.1), (" ", 1.0), ("a:x", 1.1), (" ", 1.0), ("a:b", 2.0)],
    );
    check("a (b", ComfyUi, &[("a (b", 1.0)]);
    check("a) (b)", ComfyUi, &[("a) ", 1.0), ("b", 1.1)]);
    check("(a:inf)(b:nan)", ComfyUi, &[("a:inf", 1.1), ("b:nan", 1.1)]);
}

#[test]
fn every_part_knows_where_it_was_typed() {
    for (text, dialect) in [(r"a \(b\) (ć:1.2) <lora:x:1> d", A1111), (r"a \(b\) (ć:1.2) <lora:x:1> d", ComfyUi)] {
        let prompt = parse(text, dialect);
        for part in prompt.parts() {
            for (at, letter) in part.text.char_indices() {
                assert_eq!(text[part.source(at..at + letter.len_utf8())].chars().next(), Some(letter), "{part:?}");
            }
        }
        assert_eq!(&text[prompt.adapters[0].span.clone()], "<lora:x:1>");
    }
}

#[test]
fn adapters_in_each_dialects_order() {
    let tag = |text: &str, dialect| {
        let prompt = parse(text, dialect);
        let tag = prompt.adapters.first().cloned();
        (tag.map(|tag| (tag.name, tag.model, tag.text)), prompt.notices.len())
    };
    let one = |name: &str, model, text| Some((name.to_owned(), model, text));
    assert_eq!(tag("a <lora:fox:0.8> b", A1111), (one("fox", 0.8, 0.8), 0));
    assert_eq!(tag("<lora:fox:0.8:0.4>", A1111), (one("fox", 0.4, 0.8), 0));
    assert_eq!(tag("<lora:fox:0.8:0.4>", ComfyUi), (one("fox", 0.8, 0.4), 0));
    assert_eq!(tag("<lora:fox:te=0.2:unet=0.9>", A1111), (one("fox", 0.9, 0.2), 0));
    assert_eq!(tag("<lora:fox>", A1111), (one("fox", 1.0, 1.0), 0));
    assert_eq!(tag("<LoRA: a fox v1.5 :-1>", ComfyUi), (one("a fox v1.5", -1.0, -1.0), 0));
    assert_eq!(tag("<lora:fox:heavy>", A1111), (one("fox", 1.0, 1.0), 1));
    for text in ["<lora:>", "<lora:fox", "<b>", "<hypernet:x:1>", "< lora:x:1>"] {
        assert_eq!(tag(text, A1111), (None, 0), "{text}");
    }
    check("a <lora:x:1>b", A1111, &[("a b", 1.0)]);
}

/// The examples that A1111's own source gives, for ten steps.
#[test]
fn editing() {
    let schedule = |text: &str| {
        let edits = Edits::new(text, 10);
        let mut out: Vec<(usize, String)> = Vec::new();
        for step in 0..10 {
            let now = edits.at(step);
            if step > 0 && now != edits.at(step - 1) {
                assert!(edits.changes().contains(&step), "{text}: step {step} is not among {:?}", edits.changes());
            }
            match out.last_mut() {
                Some(last) if last.1 == now => last.0 = step + 1,
                _ => out.push((step + 1, now)),
            }
        }
        out
    };
    let cases: [(&str, &[(usize, &str)]); 12] = [
        ("test", &[(10, "test")]),
        ("a [b:3]", &[(3, "a "), (10, "a b")]),
        ("a [b: 3]", &[(3, "a "), (10, "a b")]),
        ("a [[[b]]:2]", &[(2, "a "), (10, "a [[b]]")]),
        ("[(a:2):3]", &[(3, ""), (10, "(a:2)")]),
        ("a [b : c : 1] d", &[(1, "a b  d"), (10, "a  c  d")]),
        ("a[b:[c:d:2]:1]e", &[(1, "abe"), (2, "ace"), (10, "ade")]),
        ("a [unbalanced", &[(10, "a [unbalanced")]),
        ("a [b:.5] c", &[(5, "a  c"), (10, "a b c")]),
        ("a [b::4] c", &[(4, "a b c"), (10, "a  c")]),
        ("((a][:b:c [d:3]", &[(3, "((a][:b:c "), (10, "((a][:b:c d")]),
        ("a [<lora:x:1>:5] <lora:y:1>", &[(5, "a  <lora:y:1>"), (10, "a <lora:x:1> <lora:y:1>")]),
    ];
    for (text, want) in cases {
        let want: Vec<(usize, String)> = want.iter().map(|(step, text)| (*step, (*text).to_owned())).collect();
        assert_eq!(schedule(text), want, "{text}");
    }
    let turns = Edits::new("[fe|||]male", 10);
    let shown: Vec<String> = (0..5).map(|step| turns.at(step)).collect();
    assert_eq!(shown, ["female", "male", "male", "male", "female"]);
    assert_eq!(Edits::new("[a|(b:1.1)]", 4).at(1), "(b:1.1)");
    assert!(Edits::new("[emphasis] (a:1.2)", 4).is_plain());
}

#[test]
fn brackets_never_reach_infinity() {
    let text = "(".repeat(20_000) + "x" + &")".repeat(20_000);
    for dialect in Dialect::ALL {
        assert_eq!(parts(&text, dialect), [("x".to_owned(), MAX_WEIGHT)]);
    }
}
