//! What the gallery offers beside its pictures.

use crate::ids::AdapterId;
use serde::{Deserialize, Serialize};

/// An adapter that kept pictures were made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PictureAdapter {
    pub id: AdapterId,
    pub name: String,
    /// Pictures made with it.
    pub count: u64,
}

/// Adapters by the pictures made with them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PictureAdapters {
    pub items: Vec<PictureAdapter>,
    /// All that fit, not just those named.
    pub total: u64,
}

/// What lies in the trash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Trash {
    pub pictures: u64,
    /// Bytes of files that no other picture needs.
    pub bytes: u64,
}
