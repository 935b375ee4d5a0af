//! Against numpy's dense float64 results, made from what the files store. Tolerance 1e-6 relative.

use super::build::{Opened, between, close};
use serde_json::Value;
use std::path::{Path, PathBuf};
use weft_weights::compare::{CompareOptions, Comparison, Relation, compare};
use weft_weights::measures::{MeasureOptions, Measures, measures};
use weft_weights::progress::Silent;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/measures")
}

fn expected() -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder().join("expected.json")).unwrap()).unwrap()
}

fn file(name: &str) -> Opened {
    Opened::read(&folder().join(format!("{name}.safetensors")))
}

fn same(got: &Measures, want: &Value, what: &str) {
    let number = |key: &str| want[key].as_f64().unwrap();
    let spread = got.spectrum.unwrap();
    for (key, got) in [
        ("frobenius", got.frobenius),
        ("rms", got.rms),
        ("elements", got.elements),
        ("spectral", got.spectral),
        ("stable_rank", got.stable_rank),
        ("effective_rank", spread.effective_rank),
        ("effective_rank_energy", spread.effective_rank_energy),
    ] {
        close(got, number(key), 1e-6, &format!("{what} {key}"));
    }
    for (key, got) in [("rank", spread.rank), ("rank_90", spread.rank_90), ("rank_95", spread.rank_95), ("rank_99", spread.rank_99)] {
        assert_eq!(got as u64, want[key].as_u64().unwrap(), "{what} {key}");
    }
}

#[test]
fn measures_of_every_kind_agree_with_the_dense_spectra() {
    let expected = expected();
    for (name, want) in expected["files"].as_object().unwrap() {
        let opened = file(name);
        let got = measures(&opened.adapter, &opened.source, None, &MeasureOptions::default(), &Silent).unwrap();
        assert_eq!(got.modules.len(), want["modules"].as_object().unwrap().len(), "{name}");
        for module in &got.modules {
            assert_eq!(module.problem, None);
            same(module.measures.as_ref().unwrap(), &want["modules"][&module.name], &format!("{name} {}", module.name));
        }
        assert_eq!(got.slots.len(), want["slots"].as_object().unwrap().len(), "{name}");
        for slot in &got.slots {
            same(&slot.measures, &want["slots"][&slot.label], &format!("{name} {}", slot.label));
        }
        same(&got.denoiser, &want["denoiser"], name);
    }
}

/// Norms and the stable rank of matrices that are too large for their spectrum.
#[test]
fn large_matrices_have_norms() {
    let (expected, opened) = (expected(), file("kinds"));
    let got = measures(&opened.adapter, &opened.source, None, &MeasureOptions { dense_work: 0.0 }, &Silent).unwrap();
    let mut without = 0;
    for module in &got.modules {
        let (m, want) = (module.measures.as_ref().unwrap(), &expected["files"]["kinds"]["modules"][&module.name]);
        for (key, got) in [("frobenius", m.frobenius), ("spectral", m.spectral), ("stable_rank", m.stable_rank)] {
            close(got, want[key].as_f64().unwrap(), 1e-6, &format!("{} {key}", module.name));
        }
        without += usize::from(m.spectrum.is_none());
    }
    assert_eq!((without, got.denoiser.spectrum), (3, None));
    assert!(got.notes[0].contains("3 stored matrices"), "{:?}", got.notes);
}

/// Overlaps and signs are compared with an absolute tolerance: they lie between 0 and 1.
fn related(got: &Relation, want: &Value, what: &str) {
    let number = |key: &str| want[key].as_f64();
    assert_eq!(got.shared as u64, want["shared"].as_u64().unwrap(), "{what}");
    close(got.norm_a, number("norm_a").unwrap(), 1e-6, &format!("{what} norm_a"));
    close(got.norm_b, number("norm_b").unwrap(), 1e-6, &format!("{what} norm_b"));
    close(got.distance, number("distance").unwrap(), 1e-6, &format!("{what} distance"));
    for (key, got, tolerance) in [("cosine", got.cosine, 1e-7), ("chance", got.chance, 1e-7), ("sign_conflict", got.sign_conflict, 2e-6)] {
        match (got, number(key)) {
            (Some(got), Some(want)) => between(got, want, tolerance, &format!("{what} {key}")),
            (got, want) => assert_eq!(got.is_some(), want.is_some(), "{what} {key}"),
        }
    }
}

#[test]
fn relations_agree_with_the_dense_matrices() {
    let expected = expected();
    for (name, want) in expected["pairs"].as_object().unwrap() {
        let (a, b) = name.split_once('+').unwrap();
        let (a, b) = (file(a), file(b));
        let all_rows = CompareOptions { sample_rows: usize::MAX, ..CompareOptions::default() };
        let got = compare(&[a.member(), b.member()], &all_rows, &Silent).unwrap();
        let pair = &got.pairs[0];
        related(&pair.denoiser, &want["denoiser"], name);
        for slot in &pair.slots {
            related(&slot.relation, &want["slots"][&slot.slot], &format!("{name} {}", slot.slot));
        }
        for module in &pair.modules {
            // Windows that do not meet are told one by one here, the whole weight there.
            let Some(want) = want["weights"].get(&module.target).filter(|_| module.rows.is_none()) else { continue };
            let what = format!("{name} {}", module.target);
            related(&module.relation, want, &what);
            for (key, got) in [("input", &module.relation.input), ("output", &module.relation.output)] {
                let Some(got) = got else { continue };
                let want = &want[key];
                between(got.mean, want["mean"].as_f64().unwrap(), 1e-6, &format!("{what} {key}"));
                between(got.chance, want["chance"].as_f64().unwrap(), 1e-12, &format!("{what} {key} chance"));
                let cosines = want["cosines"].as_array().unwrap();
                assert_eq!(got.cosines.len(), cosines.len(), "{what} {key}");
                for (got, want) in got.cosines.iter().zip(cosines) {
                    between(*got, want.as_f64().unwrap(), 1e-6, &format!("{what} {key} cosine"));
                }
            }
        }
    }
}

/// The difference of near-equal files cancels: it must come from the difference itself.
#[test]
fn a_tiny_distance_is_right() {
    let (a, b) = (file("first"), file("first_nearly"));
    let got = compare(&[a.member(), b.member()], &CompareOptions::default(), &Silent).unwrap();
    let relation = &got.pairs[0].denoiser;
    let want = expected()["pairs"]["first+first_nearly"]["denoiser"]["distance"].as_f64().unwrap();
    assert!(relation.relative_distance < 3e-5, "{}", relation.relative_distance);
    close(relation.distance, want, 1e-6, "distance");
}

#[test]
fn verdicts_of_the_golden_files() {
    let names = ["first", "second", "third", "first_nearly"];
    let files = names.map(file);
    let options = CompareOptions { names: names.map(str::to_owned).to_vec(), ..CompareOptions::default() };
    let members = files.iter().map(Opened::member).collect::<Vec<_>>();
    let got = compare(&members, &options, &Silent).unwrap();
    let text = |a, b| got.pairs.iter().find(|p| (p.a, p.b) == (a, b)).unwrap().sentences.join(" ");
    assert!(text(0, 1).contains("fight in OUT03–OUT05 (cosine −0."), "{}", text(0, 1));
    assert!(text(0, 1).contains("pull together in M00"), "{}", text(0, 1));
    assert!(text(0, 2).contains("first and third are independent"), "{}", text(0, 2));
    assert!(text(0, 3).contains("hold the same change"), "{}", text(0, 3));
    assert!(got.verdict.fits && got.notes.is_empty(), "{:?} {:?}", got.verdict, got.notes);
    let json = serde_json::to_string(&got).unwrap();
    let back: Comparison = serde_json::from_str(&json).unwrap();
    assert_eq!(back.sentences, got.sentences);
}
