//! Samples are recognised for what they are, are marked, stay small, and come out the same for the same seed.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;
use weft_weights::adapter::{Adapter, Kind};
use weft_weights::family::Family;
use weft_weights::header::Header;
use weft_weights::layout::SlotRef;
use weft_weights::progress::Silent;
use weft_weights::samples::{SampleOptions, SampleSize, write_samples};
use weft_weights::source::FileSource;

fn open(path: &Path) -> Adapter {
    let header = Header::read(&FileSource::open(path).unwrap()).unwrap();
    Adapter::from_header(header, path.file_name().and_then(|n| n.to_str()), None).unwrap()
}

#[test]
fn a_set_is_recognised_marked_and_small() {
    let dir = tempfile::tempdir().unwrap();
    let files = write_samples(dir.path(), &SampleOptions::new(24), &Silent).unwrap();
    assert_eq!(files.len(), 24);
    let total: u64 = files.iter().map(|f| f.bytes).sum();
    let list: Vec<_> = files.iter().map(|f| (f.family, f.kind, f.naming, f.bytes)).collect();
    assert!(total < 60_000_000, "{total} bytes: {list:#?}");
    let mut families = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    for f in &files {
        let a = open(&f.path);
        let name = f.path.display();
        assert_eq!(a.detection.family, f.family, "{name}: {:?}", a.detection.evidence);
        assert_eq!(a.kind, f.kind, "{name}");
        assert!(a.detection.confidence > 0.5, "{name}: {}", a.detection.confidence);
        assert!(a.detection.layout.is_some(), "{name}");
        assert!(a.warnings.is_empty() && a.carried.is_empty(), "{name}: {:?}", a.warnings);
        assert!(a.modules.iter().all(|m| m.naming == f.naming), "{name}");
        assert!(a.modules.iter().all(|m| m.slot.is_some()), "{name}");
        let blocks: BTreeSet<_> = a.modules.iter().filter(|m| matches!(m.slot, Some(SlotRef::Block(_)))).map(|m| m.slot).collect();
        assert!(blocks.len() >= 11, "{name}: {}", blocks.len());
        assert_eq!(a.header.metadata["weft.synthetic"], "true");
        assert!(a.header.metadata["modelspec.title"].ends_with("(sample)"));
        assert!(a.header.metadata["modelspec.description"].contains("not trained"));
        let tags: serde_json::Value = serde_json::from_str(&a.header.metadata["ss_tag_frequency"]).unwrap();
        assert!(tags.as_object().unwrap().values().next().unwrap().as_object().unwrap().len() > 4);
        families.insert(f.family);
        kinds.insert(f.kind);
    }
    assert!(families.len() >= 8, "{families:?}");
    assert!(kinds.contains(&Kind::Lora) && kinds.contains(&Kind::Loha) && kinds.contains(&Kind::Lokr));
}

#[test]
fn the_same_seed_gives_the_same_files_and_existing_ones_stay() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let options = SampleOptions { size: Some(SampleSize::Tiny), ..SampleOptions::new(14) };
    let first = write_samples(a.path(), &options, &Silent).unwrap();
    let second = write_samples(b.path(), &options, &Silent).unwrap();
    for (x, y) in first.iter().zip(&second) {
        assert_eq!(std::fs::read(&x.path).unwrap(), std::fs::read(&y.path).unwrap(), "{}", x.path.display());
    }
    let distinct: BTreeSet<Vec<u8>> = first.iter().map(|f| std::fs::read(&f.path).unwrap()).collect();
    assert_eq!(distinct.len(), 14);
    std::fs::write(&first[0].path, b"mine").unwrap();
    let again = write_samples(a.path(), &options, &Silent).unwrap();
    assert!(again.iter().all(|f| !f.written));
    assert_eq!(std::fs::read(&first[0].path).unwrap(), b"mine");
    let other = write_samples(b.path(), &SampleOptions { seed: 2, ..options }, &Silent).unwrap();
    assert!(other.iter().all(|f| f.written));
}

#[test]
fn tiny_samples_are_small_and_still_recognised() {
    let dir = tempfile::tempdir().unwrap();
    let options = SampleOptions { size: Some(SampleSize::Tiny), ..SampleOptions::new(60) };
    let files = write_samples(dir.path(), &options, &Silent).unwrap();
    let total: u64 = files.iter().map(|f| f.bytes).sum();
    assert!(total / 60 < 300_000, "{} bytes each", total / 60);
    for f in &files {
        let a = open(&f.path);
        assert_eq!(a.detection.family, f.family, "{}: {:?}", f.path.display(), a.detection.evidence);
        assert!(a.detection.layout.is_some(), "{}", f.path.display());
    }
}

/// A file of each family and naming is recognised, from its keys and shapes together with what it says about itself.
#[test]
fn every_family_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let families = Family::ALL.to_vec();
    let options = SampleOptions { size: Some(SampleSize::Tiny), seed: 3, ..SampleOptions::new(4 * families.len()) };
    let files = write_samples(dir.path(), &SampleOptions { families, ..options }, &Silent).unwrap();
    for f in &files {
        let a = open(&f.path);
        assert_eq!(a.detection.family, f.family, "{}: {:?}", f.path.display(), a.detection.evidence);
        assert!(a.detection.layout.is_some() && a.detection.confidence > 0.5, "{}: {:?}", f.path.display(), a.detection.evidence);
        assert!(a.modules.iter().all(|m| matches!(m.slot, Some(SlotRef::Block(_)))), "{}", f.path.display());
    }
    let seen: BTreeSet<_> = files.iter().map(|f| (f.family, f.naming)).collect();
    assert!(seen.len() > 60, "{}", seen.len());
}

#[test]
fn one_family_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let options = SampleOptions { families: vec![Family::Wan], size: Some(SampleSize::Tiny), ..SampleOptions::new(5) };
    let files = write_samples(dir.path(), &options, &Silent).unwrap();
    assert!(files.iter().all(|f| f.family == Family::Wan && open(&f.path).detection.family == Family::Wan));
}
