//! The layout table: block names and groups of every family.

use crate::http::door::Door;
use axum::Json;
use serde::Serialize;
use weft_services::access::Reader;
use weft_weights::layout::{LAYOUTS, Layout};

/// A named, versioned list of blocks.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct LayoutView {
    id: String,
    version: u32,
    slots: Vec<SlotView>,
}

/// One block.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct SlotView {
    slot: String,
    label: String,
    group: String,
}

/// Every layout that Weft knows.
#[utoipa::path(get, path = "/layouts", tag = "library", responses((status = 200, body = Vec<LayoutView>)))]
pub(super) async fn list(Door(_reader): Door<Reader>) -> Json<Vec<LayoutView>> {
    Json(LAYOUTS.iter().map(view).collect())
}

fn view(layout: &Layout) -> LayoutView {
    let slots = layout.slots.iter().map(|slot| SlotView {
        slot: slot.label.to_owned(),
        label: slot.label.to_owned(),
        group: slot.group.id().to_owned(),
    });
    LayoutView { id: layout.id.to_owned(), version: layout.version.into(), slots: slots.collect() }
}
