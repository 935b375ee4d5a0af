//! Picture files and what is written in them.
//!
//! [`encode`] writes a picture with its [`Recipe`](weft_domain::generation::Recipe) as PNG, JPEG or WebP: the text that A1111 and most of
//! the web read, and our own JSON beside it. [`inspect`] reads the parameters that Weft and other programs left in a file, without a look
//! at its pixels; [`decode`], [`thumbnail`] and [`Pixels::colour`] look at them.
//!
//! Pure: no database, no HTTP, no clock. Every file is hostile: sizes, counts and depths are bounded before anything is allocated
//! ([`limits`]), and what is wrong with a file is a [`PictureError`] in words for people.

mod container;
mod encode;
mod error;
mod format;
pub mod limits;
mod pixels;
mod recipe;
pub mod sheet;

pub use encode::encode;
pub use error::PictureError;
pub use format::Format;
pub use pixels::{Pixels, THUMBNAIL_WIDTHS, Thumbnail, decode, size, thumbnail};
pub use recipe::{Inspected, infotext, inspect, parse_infotext};
