//! Tables as sea-orm entities. Private: other crates see the records and views that repositories give out.

#![expect(unreachable_pub, reason = "what the entity macros make of a row is pub, so the row has to be")]

pub(crate) mod adapter;
pub(crate) mod adapter_measures;
pub(crate) mod adapter_tag;
pub(crate) mod checkpoint;
pub(crate) mod detail;
pub(crate) mod root;
pub(crate) mod tag;
