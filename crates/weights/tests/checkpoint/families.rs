//! Every family: an adapter with kohya's names fits a checkpoint in the original names, and one in diffusers' names, split where diffusers
//! splits. Headers of real widths; the values are not there.

use crate::fitting::checkpoint;
use std::io::Cursor;
use weft_weights::adapter::{Adapter, Component};
use weft_weights::family::Family;
use weft_weights::header::Header;
use weft_weights::keys::{Rows, names};
use weft_weights::ops::fits::{Level, fits};
use weft_weights::samples::{SampleSize, SampleSpec};
use weft_weights::source::MemorySource;

fn sample(family: Family) -> Option<Adapter> {
    let spec = SampleSpec { size: SampleSize::Tiny, ..SampleSpec::full(family, 2, 1) };
    let bytes = spec.write(Cursor::new(Vec::new())).ok()?.into_inner();
    Adapter::from_header(Header::read(&MemorySource(&bytes)).ok()?, None, None).ok()
}

/// The weights of an adapter in the original names, and in diffusers'; None where a name is not known.
fn checkpoints(adapter: &Adapter) -> (Option<Vec<(String, Vec<usize>)>>, Option<Vec<(String, Vec<usize>)>>) {
    let family = adapter.detection.family;
    let (mut native, mut split) = (Some(Vec::new()), Some(Vec::new()));
    for module in adapter.modules.iter().filter(|m| m.target.component == Component::Denoiser) {
        let (m, n) = (module.out_dim, module.in_dim);
        let weight = |name: String, rows: usize| (format!("{name}.weight"), vec![rows, n]);
        match names::native(family, &module.target) {
            Some(name) => native.iter_mut().for_each(|l| l.push(weight(name.clone(), m))),
            None => native = None,
        }
        let twins = names::twins(family, Component::Denoiser, &module.target.path, None);
        let nths = twins.iter().filter(|t| matches!(t.rows, Rows::Nth(_))).count();
        let after = twins.iter().any(|t| matches!(t.rows, Rows::After { .. }));
        if twins.is_empty() || twins.iter().any(|t| matches!(t.rows, Rows::After { own, .. } if own > 0)) {
            split = None;
        }
        for twin in &twins {
            let rows = match twin.rows {
                Rows::All => m,
                Rows::Nth(_) if after => n,
                Rows::Nth(_) => m / nths.max(1),
                Rows::After { columns, .. } => m.saturating_sub(columns * n),
            };
            split.iter_mut().for_each(|l| l.push(weight(twin.name.clone(), rows)));
        }
    }
    (native, split)
}

#[test]
fn adapters_of_every_family_find_their_weights_in_both_forms() {
    let mut wrong = Vec::new();
    let mut counts = (0, 0);
    for family in Family::ALL {
        let Some(adapter) = sample(family) else { continue };
        if adapter.detection.family != family {
            continue;
        }
        let (native, split) = checkpoints(&adapter);
        for (form, list) in [("original", native), ("diffusers", split)] {
            let Some(list) = list.filter(|l| !l.is_empty()) else { continue };
            let checkpoint = checkpoint(&list);
            let fit = fits(&adapter, &checkpoint, None);
            if fit.level == Level::Exact {
                if form == "original" { counts.0 += 1 } else { counts.1 += 1 }
            } else {
                wrong.push(format!("{} {form}: told as {:?}: {}", family.id(), checkpoint.model().family, fit.reason));
            }
        }
    }
    println!("{counts:?}\n{}", wrong.join("\n"));
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(counts.0 >= 15 && counts.1 >= 10, "{counts:?}");
}
