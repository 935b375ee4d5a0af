//! What each golden file is, and how strong it is where.

use crate::read::{Opened, data, json, target};
use serde_json::Value;
use std::collections::BTreeMap;
use weft_weights::adapter::Component;
use weft_weights::progress::Silent;
use weft_weights::strength::{Strengths, strengths};

/// Strengths against float64, relative.
const STRENGTH: f64 = 1e-5;

struct File {
    name: String,
    told: Value,
    opened: Opened,
}

fn all() -> Vec<File> {
    let told = json(&data().join("expected.json"));
    let files: Vec<File> = told
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, told)| File {
            name: name.clone(),
            told: told.clone(),
            opened: Opened::new(&data().join(name), told["adapter_config"].as_str()),
        })
        .collect();
    assert!(files.len() > 50, "golden files are missing");
    files
}

/// Collects all that differs before failing, so that one run shows everything.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn same(&mut self, what: &str, want: &Value, found: &Value) {
        if want != found {
            self.0.push(format!("{what}: {found}, should be {want}"));
        }
    }

    fn near(&mut self, what: &str, want: f64, found: f64) {
        if (found - want).abs() > STRENGTH * want || found.is_nan() {
            self.0.push(format!("{what}: {found:e}, should be {want:e}"));
        }
    }
}

impl Drop for Differences {
    fn drop(&mut self) {
        assert!(self.0.is_empty() || std::thread::panicking(), "{} differences:\n{}", self.0.len(), self.0.join("\n"));
    }
}

/// The expected modules by the key of one of their tensors.
fn modules(told: &Value) -> BTreeMap<&str, &Value> {
    told["modules"].as_object().unwrap().values().map(|m| (m["anchor"].as_str().unwrap(), m)).collect()
}

fn id<T: serde::Serialize>(value: T) -> Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn family_layout_kind_and_rank_are_recognised() {
    let mut off = Differences::default();
    for File { name, told, opened } in all() {
        let adapter = &opened.adapter;
        if !told["family"].is_null() {
            off.same(&format!("{name} family"), &told["family"], &id(adapter.detection.family));
            let layout = adapter.detection.layout.map(|l| l.id);
            if !told["layout"].is_null() || told["family"] == "unknown" {
                off.same(&format!("{name} layout"), &told["layout"], &id(layout));
            }
        }
        if !told["kind"].is_null() {
            off.same(&format!("{name} kind"), &told["kind"], &id(adapter.kind));
        }
        let ranks = || adapter.modules.iter().map(|m| m.rank).filter(|r| *r > 0);
        if let (Some(min), Some(max)) = (ranks().min(), ranks().max())
            && !told["rank"].is_null()
        {
            off.same(&format!("{name} rank"), &told["rank"], &serde_json::json!({"min": min, "max": max}));
        }
    }
}

#[test]
fn every_module_is_found_under_its_target_and_slot() {
    let mut off = Differences::default();
    for File { name, told, opened } in all() {
        let expected = modules(&told);
        off.same(&format!("{name} modules"), &id(expected.len()), &id(opened.adapter.modules.len()));
        for module in &opened.adapter.modules {
            let Some(want) = opened.keys(module).find_map(|key| expected.get(key)) else {
                off.0.push(format!("{name}: {} is no module", module.name));
                continue;
            };
            let what = |part: &str| format!("{name} {} {part}", module.name);
            off.same(&what("kind"), &want["kind"], &id(module.kind));
            off.same(&what("naming"), &told["naming"], &id(module.naming));
            if want["frobenius"].is_null() {
                continue; // the kinds that need the base: shapes and ranks are not theirs to tell
            }
            off.same(&what("shape"), &want["shape"], &serde_json::json!([module.out_dim, module.in_dim]));
            if want["kind"] != "lokr" {
                off.same(&what("rank"), &want["rank"], &id(module.rank));
            }
            if !told["family"].is_null() && told["family"] != "unknown" {
                let wanted = format!("{}:{}", want["component"].as_str().unwrap(), want["target"].as_str().unwrap());
                off.same(&what("target"), &id(wanted), &id(target(module)));
                off.same(&what("rows"), &want["rows"], &id(module.target.rows));
                off.same(&what("slot"), &want["slot"], &id(slot(&opened, module.slot)));
            }
        }
    }
}

fn slot(opened: &Opened, slot: Option<weft_weights::layout::SlotRef>) -> Option<&'static str> {
    use weft_weights::layout::SlotRef;
    match (slot?, opened.adapter.detection.layout) {
        (SlotRef::Extra(extra), _) => Some(extra.label()),
        (place, Some(layout)) => Some(place.label(layout)),
        (SlotRef::Block(_), None) => None,
    }
}

fn measure(opened: &Opened) -> Strengths {
    strengths(&opened.adapter, &opened.source, &Silent).unwrap()
}

#[test]
fn strengths_of_modules_are_those_of_float64() {
    let mut off = Differences::default();
    for File { name, told, opened } in all() {
        let found = measure(&opened);
        let expected = modules(&told);
        for (module, strength) in opened.adapter.modules.iter().zip(&found.modules) {
            let want = opened.keys(module).find_map(|key| expected.get(key)).and_then(|m| m["frobenius"].as_f64());
            match (want, strength.frobenius) {
                (Some(want), Some(found)) => off.near(&format!("{name} {}", module.name), want, found),
                (want, found) => off.same(&format!("{name} {}", module.name), &id(want), &id(found)),
            }
        }
    }
}

#[test]
fn strengths_of_slots_and_totals_are_those_of_float64() {
    let mut off = Differences::default();
    for File { name, told, opened } in all() {
        let found = measure(&opened);
        off.near(&format!("{name} denoiser"), told["denoiser_frobenius"].as_f64().unwrap(), found.frobenius);
        off.near(&format!("{name} text encoders"), told["te_frobenius"].as_f64().unwrap(), found.te_frobenius);
        if told["family"].is_null() || told["family"] == "unknown" {
            continue;
        }
        let slots: BTreeMap<&str, _> = found.slots.iter().filter_map(|s| Some((slot(&opened, Some(s.slot))?, s))).collect();
        let expected = told["slots"].as_object().unwrap();
        off.same(&format!("{name} slots"), &id(expected.keys().collect::<Vec<_>>()), &id(slots.keys().collect::<Vec<_>>()));
        for (label, want) in expected {
            let Some(found) = slots.get(label.as_str()) else { continue };
            off.near(&format!("{name} {label}"), want["frobenius"].as_f64().unwrap(), found.frobenius);
            off.near(&format!("{name} {label} rms"), want["rms"].as_f64().unwrap(), found.rms);
        }
        let parts: f64 = opened
            .adapter
            .modules
            .iter()
            .zip(&found.modules)
            .filter(|(m, _)| m.target.component == Component::Denoiser)
            .filter_map(|(_, s)| s.frobenius)
            .map(|f| f * f)
            .sum();
        off.near(&format!("{name} parts"), parts.sqrt(), found.frobenius);
    }
}
