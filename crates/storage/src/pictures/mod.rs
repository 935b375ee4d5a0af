//! Pictures that are kept: rows over the blobs that hold their bytes.

mod adapters;
mod edit;
mod input;
mod insert;
mod matching;
mod query;
mod sweep;
mod view;

pub use input::{KeptPicture, PictureFile};
pub use matching::KnownHash;

use crate::store::Store;

/// The pictures.
#[derive(Debug, Clone)]
pub struct PictureRepo {
    pub(crate) store: Store,
}

/// Rows of one statement's value list: both engines stay far below their limit of bound values.
const CHUNK: usize = 500;
