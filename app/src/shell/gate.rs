//! The browser's Back and Forward, before the router hears of them.
//!
//! Browsers call a window's listeners in the order in which they were added, the capturing ones not always first: so this one is added
//! before the router adds its own, and asks whoever keeps the gate now.

use leptos::prelude::*;

/// From context: `expect_context::<Gate>()`.
#[derive(Debug, Clone, Copy)]
pub struct Gate {
    keeper: StoredValue<Option<Callback<(), bool>>>,
}

impl Gate {
    /// The gate, open. To be made before the router.
    pub(super) fn new() -> Self {
        let gate = Self { keeper: StoredValue::new(None) };
        #[cfg(feature = "hydrate")]
        gate.listen();
        gate
    }

    #[cfg(feature = "hydrate")]
    fn listen(self) {
        // For as long as the page lives: the handle is not needed.
        let _handle = window_event_listener(leptos::ev::popstate, move |event| {
            if self.keeper.get_value().is_some_and(|keeper| keeper.run(())) {
                event.stop_immediate_propagation();
            }
        });
    }

    /// Has `hold` asked at each Back and Forward, as long as the calling owner lives; where it says true, the router does not hear of it.
    /// The address is the new one by then.
    pub fn keep(self, hold: impl Fn() -> bool + Send + Sync + 'static) {
        self.keeper.set_value(Some(Callback::new(move |()| hold())));
        on_cleanup(move || {
            // The gate is as old as the page; a page that is gone has none to open.
            let _gone = self.keeper.try_update_value(|keeper| *keeper = None);
        });
    }
}
