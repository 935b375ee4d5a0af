//! Which places of the gallery stand in the page. Only rows near the window are in the document; the rest is padding, so that a hundred
//! thousand adapters scroll like sixty.

use super::state::Gallery;
use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;

/// Rows kept ready above and below the window.
const SPARE: usize = 4;

/// Columns and the height of one row with its gap, in CSS pixels, as the browser laid them out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Metrics {
    pub columns: usize,
    pub row: f64,
}

/// The window onto the gallery's list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Viewport {
    gallery: Gallery,
    list: NodeRef<html::Ul>,
    queued: StoredValue<bool>,
}

impl Viewport {
    pub(super) fn new(gallery: Gallery, list: NodeRef<html::Ul>) -> Self {
        Self { gallery, list, queued: StoredValue::new(false) }
    }

    /// Follows scrolling, resizing and the gallery for as long as the component lives.
    pub(super) fn follow(self) {
        Effect::new(move |_| {
            let scrolled = window_event_listener(leptos::ev::scroll, move |_| self.queue());
            let resized = window_event_listener(leptos::ev::resize, move |_| self.queue());
            on_cleanup(move || {
                scrolled.remove();
                resized.remove();
            });
        });
        Effect::new(move |_| {
            self.gallery.total.track();
            self.gallery.layout.track();
            self.queue();
        });
        // A new answer is read from its top.
        Effect::new(move |before: Option<u64>| {
            let now = self.gallery.fresh.get();
            if before.is_some_and(|before| before != now) {
                window().scroll_to_with_x_and_y(0.0, 0.0);
                self.queue();
            }
            now
        });
    }

    /// Goes back to where the visitor was, once the list has its full height.
    pub(super) fn return_to(self, y: f64) {
        if y > 0.0 {
            let go = move || {
                if self.queued.try_get_value().is_some() {
                    self.place();
                    window().scroll_to_with_x_and_y(0.0, y);
                }
            };
            set_timeout(go, std::time::Duration::from_millis(60));
        }
    }

    /// Places the window before the next paint.
    fn queue(self) {
        if self.queued.try_get_value() != Some(false) {
            return;
        }
        self.queued.set_value(true);
        request_animation_frame(move || {
            if self.queued.try_set_value(false).is_none() {
                self.place();
            }
        });
    }

    /// Columns and row height, from the first row that is in the page.
    pub(super) fn metrics(self) -> Option<Metrics> {
        let list = self.list.get_untracked()?;
        let style = window().get_computed_style(&list).ok().flatten()?;
        let columns = style.get_property_value("grid-template-columns").ok()?.split_whitespace().count().max(1);
        let gap = style.get_property_value("row-gap").ok().and_then(|gap| gap.trim_end_matches("px").parse::<f64>().ok()).unwrap_or(0.0);
        let first = list.first_element_child()?.get_bounding_client_rect().height();
        (first > 1.0).then_some(Metrics { columns, row: first + gap })
    }

    fn place(self) {
        let Some((list, Metrics { columns, row })) = self.list.get_untracked().zip(self.metrics()) else { return };
        let total = self.gallery.cells.with_untracked(Vec::len);
        let rows = total.div_ceil(columns);
        let top = list.get_bounding_client_rect().top();
        let height = window().inner_height().ok().and_then(|h| h.as_f64()).unwrap_or(1000.0);
        // Casts saturate: a negative or huge value becomes a border of the list.
        let above = (-top / row).floor().max(0.0) as usize;
        let below = ((height - top) / row).ceil().max(1.0) as usize;
        let first = above.saturating_sub(SPARE).min(rows);
        let last = (below + SPARE).min(rows);
        let last = last.max((first + 1).min(rows));
        crate::dom::set_var(&list, "padding-top", &format!("{:.1}px", first as f64 * row));
        crate::dom::set_var(&list, "padding-bottom", &format!("{:.1}px", (rows - last) as f64 * row));
        let range = (first * columns, (last * columns).min(total));
        if self.gallery.range.get_untracked() != range {
            self.gallery.range.set(range);
        }
        self.gallery.fetch_range(false);
    }

    /// Moves the keyboard's place by `step` and scrolls it into sight.
    pub(super) fn go(self, to: usize) {
        let total = self.gallery.cells.with_untracked(Vec::len);
        let Some((list, metrics)) = self.list.get_untracked().zip(self.metrics()) else { return };
        let to = to.min(total.saturating_sub(1));
        self.gallery.focus.set(to);
        let (first, last) = self.gallery.range.get_untracked();
        if to < first || to >= last {
            let y = list.get_bounding_client_rect().top() + (to / metrics.columns) as f64 * metrics.row - metrics.row;
            window().scroll_by_with_x_and_y(0.0, y);
            self.place();
        }
        if !focus_place(to) {
            // Its row comes with the next frame, its card perhaps later still.
            let wanting = self.gallery.wanting;
            wanting.set_value(true);
            request_animation_frame(move || {
                if focus_place(to) {
                    let _gone = wanting.try_set_value(false);
                }
            });
        }
    }
}

/// Focuses the card in a place, if it is in the page.
fn focus_place(index: usize) -> bool {
    let found = document().query_selector(&format!("[data-index=\"{index}\"] .card-link")).ok().flatten();
    found.and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()).is_some_and(|link| link.focus().is_ok())
}
