//! Styles: words that are put around a prompt, by name.

use serde::{Deserialize, Serialize};

/// One style. `{prompt}` in its texts stands for what is typed; without it the text follows after a comma.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Style {
    pub name: String,
    pub prompt: String,
    pub negative: String,
}

/// The styles of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Styles {
    /// By name.
    pub items: Vec<Style>,
    /// Where they lie, whether the file is there or not.
    pub file: String,
}
