//! What programs write about how a picture was made, as one [`Recipe`](weft_domain::generation::Recipe).

mod a1111;
pub(crate) mod weft;

pub use a1111::write::infotext;
