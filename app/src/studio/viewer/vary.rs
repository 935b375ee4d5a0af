//! New pictures from an old one, in one press.

use super::super::form::again;
use super::super::settings::drawn;
use super::Viewer;
use crate::api;
use leptos::prelude::*;
use leptos::task::spawn_local;
use weft_domain::generation::{GenerationRequest, PictureDetails, Variation};

/// The same with its noise turned a little towards another seed.
pub(super) fn vary(viewer: Viewer, details: StoredValue<PictureDetails>, strength: f64) {
    let request = details.with_value(|d| {
        let variation = Some(Variation { seed: drawn(), strength });
        GenerationRequest { variation, ..again(&d.recipe, d.card.id) }
    });
    viewer.desk.start(request, false);
    viewer.desk.close_view();
}

/// The same seed without adapters, to be compared with this picture as soon as it is there.
pub(super) fn without_adapters(viewer: Viewer, details: StoredValue<PictureDetails>) {
    let request = details.with_value(|d| GenerationRequest { adapters: Vec::new(), ..again(&d.recipe, d.card.id) });
    spawn_local(async move {
        match api::generation_start(request).await {
            Ok(view) => {
                if let Some(job) = view.job {
                    viewer.live.heard(job);
                }
                if viewer.awaited.try_set(Some(view.id)).is_none() {
                    viewer.toasts.say("Painting the same seed without adapters; the comparison opens when it is there.");
                    // It may be over already: events that came before this answer told of a stranger.
                    viewer.look();
                }
            }
            Err(error) => viewer.toasts.problem(&error),
        }
    });
}
