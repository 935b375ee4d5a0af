//! Every family's weights under every program's names, and back.

use crate::sink;
use crate::support::{Build, Random, norm, open, probe};
use proptest::prelude::*;
use std::collections::BTreeMap;
use weft_weights::adapter::Component;
use weft_weights::family::Family;
use weft_weights::keys::names::{Catalogue, Weight, catalogue};
use weft_weights::merge::{Member, OutDtype};
use weft_weights::ops::{Convention, ConvertOptions, convert_into};
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;

/// Number of the block a weight stands in.
fn block(weight: &Weight) -> Option<usize> {
    weight.native.split('.').find_map(|part| part.trim_start_matches("block").parse().ok())
}

/// Pairs of the given rank on the weights of the first, second and last block and outside of blocks, in the original names.
fn file(model: &Catalogue, rank: usize, seed: u64) -> Vec<u8> {
    let last = model.weights.iter().filter_map(block).max();
    let mut rng = Random(seed);
    let build = Build::default().meta("modelspec.architecture", &format!("{}/lora", model.family.id()));
    let chosen = model.weights.iter().filter(|w| matches!(block(w), None | Some(0 | 1)) || block(w) == last);
    let sized = chosen.filter_map(|w| w.shape.filter(|(m, n)| *m > 1 && *n > 1).map(|shape| (w, shape)));
    sized.fold(build, |b, (w, (m, n))| b.peft(&format!("diffusion_model.{}", w.native), (m, n, rank), &mut rng)).bytes()
}

fn converted(file: &[u8], to: Convention) -> Result<Vec<u8>, String> {
    let (adapter, source) = (open(file), MemorySource(file));
    let options = ConvertOptions { dtype: Some(OutDtype::F32), ..ConvertOptions::new(to) };
    let done = convert_into(Member { adapter: &adapter, source: &source }, &options, sink(), &Silent);
    done.map(|(out, _)| out.into_inner()).map_err(|e| e.to_string())
}

type Answers = BTreeMap<(Component, String), Vec<f64>>;

fn furthest(found: &Answers, truth: &Answers) -> (f64, String) {
    assert_eq!(found.keys().collect::<Vec<_>>(), truth.keys().collect::<Vec<_>>());
    let gap = |key: &(Component, String)| {
        let (x, y) = (&found[key], &truth[key]);
        let difference: Vec<f64> = x.iter().zip(y).map(|(x, y)| x - y).collect();
        if x.len() == y.len() { norm(&difference) / norm(y).max(1e-30) } else { f64::INFINITY }
    };
    truth.keys().map(|k| (gap(k), k.1.clone())).fold((0.0, String::new()), |worst, one| if one.0 > worst.0 { one } else { worst })
}

fn models() -> Vec<Catalogue> {
    Family::ALL.into_iter().flat_map(catalogue).collect()
}

#[test]
fn every_size_of_every_family_goes_through_all_names_and_back() {
    let mut wrong = Vec::new();
    let models = models();
    assert!(models.len() > 40, "{}", models.len());
    for model in &models {
        let what = format!("{:?} {}", model.family, model.size);
        let own = file(model, 1, 7);
        let found = open(&own).detection.family;
        if found != model.family {
            wrong.push(format!("{what}: told as {found:?}"));
            continue;
        }
        let truth = probe(&own);
        let mut at = own;
        for to in
            [Convention::Kohya, Convention::Diffusers, Convention::Peft, Convention::ComfyUi, Convention::Diffusers, Convention::Kohya]
        {
            match converted(&at, to) {
                Ok(out) => at = out,
                Err(e) => {
                    wrong.push(format!("{what} to {}: {e}", to.name()));
                    continue;
                }
            }
            let (gap, path) = furthest(&probe(&at), &truth);
            if gap > 1e-6 {
                wrong.push(format!("{what} to {}: {path} is off by {gap:e}", to.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), models.len(), wrong.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the way, ΔW stays: any model, rank and seed, by any three programs' names.
    #[test]
    fn conversions_by_any_way_keep_the_change(which in any::<prop::sample::Index>(), rank in 1usize..5, seed: u64, way in prop::array::uniform3(0usize..4)) {
        let models = models();
        let own = file(which.get(&models), rank, seed);
        let truth = probe(&own);
        let mut at = own;
        for to in way.map(|i| Convention::ALL[i]) {
            at = converted(&at, to).unwrap();
        }
        let (gap, path) = furthest(&probe(&at), &truth);
        prop_assert!(gap < 1e-6, "{}: {:e}", path, gap);
    }
}
