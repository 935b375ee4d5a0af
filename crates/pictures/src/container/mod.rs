//! The wrappings of picture files: where each keeps its texts.

pub(crate) mod exif;
