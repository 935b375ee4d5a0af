//! The kit: small parts that every page is made of. One file each; looks live in `style/kit.css`.
//!
//! Rules: accessible name and role on each, everything works by keyboard, the first render is the same on server and browser, and no
//! style attribute is ever written into HTML (the content security policy forbids it; sizes that move go through [`crate::dom::set_var`]).

pub mod badge;
pub mod button;
pub mod copy;
pub mod dialog;
pub mod empty;
pub mod field;
pub mod icon;
pub mod menu;
pub mod number;
pub mod progress;
pub mod segmented;
pub mod select;
pub mod skeleton;
pub mod slider;
pub mod stars;
pub mod table;
pub mod tabs;
pub mod tags;
pub mod theme;
pub mod toast;
pub mod tooltip;

pub use badge::{Badge, Chip, Tone};
pub use button::{Button, IconButton, Look};
pub use copy::CopyButton;
pub use dialog::{Dialog, Shape};
pub use empty::{EmptyState, Notice, ProblemView};
pub use field::{SearchField, TextField};
pub use icon::{Glyph, Icon};
pub use menu::{Menu, MenuItem};
pub use number::NumberField;
pub use progress::Progress;
pub use segmented::Segmented;
pub use select::Select;
pub use skeleton::Skeleton;
pub use slider::Slider;
pub use stars::{Stars, StarsShown};
pub use table::Table;
pub use tabs::{TabPanel, Tabs};
pub use tags::TagEditor;
pub use theme::ThemeSwitch;
pub use toast::{ToastHost, Toasts};
pub use tooltip::Tooltip;
