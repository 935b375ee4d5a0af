//! The window onto a long list: only rows near it are in the document, the rest is padding, so that a hundred thousand things scroll
//! like sixty.

use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;

/// Rows kept ready above and below the window.
const SPARE: usize = 4;
/// A list that begins higher than this in its page is read from the page's own top.
const NEAR_TOP: f64 = 420.0;
/// What stays in sight above a list that begins further down.
const ABOVE: f64 = 120.0;

/// What a list hands to its [`Viewport`]. Its elements are children of the list with `data-index`, and a `.card-link` that takes the focus.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scrolling {
    /// Places of the whole list, whether their things are there or not.
    pub count: Signal<usize>,
    /// Changes whenever places are laid out anew.
    pub shape: Signal<u64>,
    /// Places that stand in the page: first and one past the last.
    pub range: RwSignal<(usize, usize)>,
    /// The place that the Tab key leads to.
    pub focus: RwSignal<usize>,
    /// The place in `focus` waits for its thing, to focus it.
    pub wanting: StoredValue<bool>,
    /// Counts answers that start at the top.
    pub fresh: RwSignal<u64>,
    /// Runs when places in the range may lack their things.
    pub need: Callback<()>,
}

/// Columns and the height of one row with its gap, in CSS pixels, as the browser laid them out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Metrics {
    pub columns: usize,
    pub row: f64,
}

/// The window onto a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Viewport {
    of: Scrolling,
    list: NodeRef<html::Ul>,
    queued: StoredValue<bool>,
}

impl Viewport {
    pub(super) fn new(of: Scrolling, list: NodeRef<html::Ul>) -> Self {
        Self { of, list, queued: StoredValue::new(false) }
    }

    /// Follows scrolling, resizing and the list for as long as the component lives.
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
            self.of.count.track();
            self.of.shape.track();
            self.queue();
        });
        // A new answer is read from its top.
        Effect::new(move |before: Option<u64>| {
            let now = self.of.fresh.get();
            if before.is_some_and(|before| before != now) {
                self.to_top();
                self.queue();
            }
            now
        });
    }

    fn to_top(self) {
        let here = window().scroll_y().unwrap_or(0.0);
        let top = self.list.get_untracked().map_or(0.0, |list| list.get_bounding_client_rect().top() + here);
        let target = if top < NEAR_TOP { 0.0 } else { top - ABOVE };
        if here > target {
            window().scroll_to_with_x_and_y(0.0, target);
        }
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
        let total = self.of.count.get_untracked();
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
        if self.of.range.get_untracked() != range {
            self.of.range.set(range);
        }
        self.of.need.run(());
    }

    /// Moves the keyboard's place and scrolls it into sight.
    pub(super) fn go(self, to: usize) {
        let total = self.of.count.get_untracked();
        let Some((list, metrics)) = self.list.get_untracked().zip(self.metrics()) else { return };
        let to = to.min(total.saturating_sub(1));
        self.of.focus.set(to);
        let (first, last) = self.of.range.get_untracked();
        if to < first || to >= last {
            let y = list.get_bounding_client_rect().top() + (to / metrics.columns) as f64 * metrics.row - metrics.row;
            window().scroll_by_with_x_and_y(0.0, y);
            self.place();
        }
        if !focus_place(to) {
            // Its row comes with the next frame, its card perhaps later still.
            let wanting = self.of.wanting;
            wanting.set_value(true);
            request_animation_frame(move || {
                if focus_place(to) {
                    let _gone = wanting.try_set_value(false);
                }
            });
        }
    }
}

/// Focuses the thing in a place, if it is in the page.
fn focus_place(index: usize) -> bool {
    let found = document().query_selector(&format!("[data-index=\"{index}\"] .card-link")).ok().flatten();
    found.and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()).is_some_and(|link| link.focus().is_ok())
}

/// The place that an event happened in.
pub(super) fn index_of(event: &web_sys::Event) -> Option<usize> {
    let target = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    target.closest("[data-index]").ok()??.get_attribute("data-index")?.parse().ok()
}
