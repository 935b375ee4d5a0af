//! Experiment sheets: which two things change, and the pictures of all their values side by side.

mod axis;
mod editor;
mod view;

pub(super) use editor::SheetEditor;
pub(super) use view::SheetView;
