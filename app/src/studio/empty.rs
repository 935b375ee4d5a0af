//! Before there is anything that can paint: what is needed, and two ways to it.

use crate::library::{AddFolder, FolderWindows, WaysIn};
use leptos::prelude::*;

#[component]
pub(super) fn NoCheckpoint() -> impl IntoView {
    provide_context(FolderWindows::default());
    view! {
        <section class="no-checkpoint">
            <h2>"A checkpoint paints; adapters change it"</h2>
            <p class="lead">"A picture needs a whole model: a checkpoint of the SD 1.5, SD 2, SDXL or Flux.1 family, as one file or as a diffusers folder. Weft reads it where it lies and never changes it."</p>
            <WaysIn
                folder=("Add the folder with yours", "Weft looks for checkpoints and adapters in it. Those that can paint appear here by themselves.")
                samples=("Try the samples", "A tiny model of our own and adapters for it, a few megabytes. Enough to see what an adapter does, on any machine, in seconds.")
            />
            <AddFolder/>
        </section>
    }
}
