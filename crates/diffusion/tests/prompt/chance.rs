//! Wildcards, choices, styles.

use std::collections::BTreeMap;
use weft_diffusion::prompt::{Refused, Style, Wildcards, apply_styles, expand};

fn lists() -> Wildcards {
    BTreeMap::from([
        ("animal".to_owned(), vec!["fox".to_owned(), "{owl|cat}".to_owned()]),
        ("deep/colour".to_owned(), vec!["red".to_owned()]),
        ("self".to_owned(), vec!["__self__".to_owned()]),
        ("twice".to_owned(), vec!["__twice__ __twice__".to_owned()]),
        ("empty".to_owned(), Vec::new()),
    ])
}

fn made(text: &str, seed: u64) -> String {
    expand(text, &lists(), seed).unwrap().text
}

#[test]
fn a_choice_is_one_of_them_each_in_its_turn() {
    let mut seen: BTreeMap<String, i32> = BTreeMap::new();
    for seed in 0..4000 {
        *seen.entry(made("a {red|green|2::blue} fox", seed)).or_insert(0) += 1;
        assert_eq!(made("a {red|green|2::blue} fox", seed), made("a {red|green|2::blue} fox", seed));
    }
    let [(_, blue), (_, green), (_, red)] = seen.iter().collect::<Vec<_>>()[..] else { panic!("{seen:?}") };
    // Four standard deviations around 2000, 1000, 1000.
    assert!((blue - 2000).abs() < 130 && (green - 1000).abs() < 110 && (red - 1000).abs() < 110, "{seen:?}");
}

#[test]
fn several_of_them() {
    for seed in 0..50 {
        let two = made("{2$$a|b|c}", seed);
        let words: Vec<&str> = two.split(", ").collect();
        assert!(words.len() == 2 && words[0] != words[1], "{two}");
        assert!(["a", "b", "a and b", "b and a"].contains(&made("{1-2$$ and $$a|b}", seed).as_str()));
        assert_eq!(made("{9$$a}", seed), "a");
        assert_eq!(made("{0$$a|b}", seed), "");
        assert!(["x y", "x z"].contains(&made("x {y|{z|z}}", seed).as_str()));
        assert!(["fox", "owl", "cat"].contains(&made("__animal__", seed).as_str()));
    }
    assert_eq!(made("__deep/colour__ __DEEP/Colour__", 1), "red red");
}

#[test]
fn what_is_no_choice_stays() {
    for text in
        ["", "a|b", "a}b", "{a|b", "{a|{b", "{2$$a|b", "snake_case __ _a_ ___", "$$ 5$", "__a\nb__", r"back \ slash", "🦊 {", "{x$$a|b"]
    {
        assert_eq!(made(text, 3), text);
    }
    assert_eq!(made(r"\{a\|b\} \__animal__", 3), "{a|b} __animal__");
    let out = expand("__nothing__ __empty__ __nothing__", &lists(), 1).unwrap();
    assert_eq!((out.text.as_str(), out.unknown), ("__nothing__ __empty__ __nothing__", vec!["nothing".to_owned(), "empty".to_owned()]));
}

#[test]
fn what_has_no_end_is_refused() {
    assert_eq!(expand("__self__", &lists(), 1), Err(Refused::TooDeep));
    assert!(matches!(expand("__twice__", &lists(), 1), Err(Refused::TooDeep | Refused::TooMany)));
    assert_eq!(expand(&"{".repeat(100), &lists(), 1), Err(Refused::TooDeep));
    let wide = BTreeMap::from([("w".to_owned(), vec!["x".repeat(1000)])]);
    assert_eq!(expand(&"__w__".repeat(9000), &wide, 1), Err(Refused::TooLong));
}

#[test]
fn styles_go_around_and_behind() {
    let styles = [
        Style { prompt: "oil painting of {prompt}, old master".to_owned(), negative: "photo".to_owned() },
        Style { prompt: "warm light".to_owned(), negative: String::new() },
    ];
    let (prompt, negative) = apply_styles(&styles, "a fox", "");
    assert_eq!(prompt, "oil painting of a fox, old master, warm light");
    assert_eq!(negative, "photo");
}
