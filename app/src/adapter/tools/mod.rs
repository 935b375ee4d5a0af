//! What can be made of an adapter: a smaller one, one for another program, one with other blocks; and whether its file is sound.
//!
//! Each tool writes a new file and leaves this one as it is.

mod check;
mod convert;
mod edit;
mod make;
mod resize;

use super::save::Saving;
use crate::kit::{Glyph, Icon};
use leptos::prelude::*;
use weft_domain::FileState;
use weft_domain::merge::OutDtype;

/// One of the tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Resize,
    Convert,
    Edit,
    Check,
}

impl Tool {
    const ALL: [Self; 4] = [Self::Resize, Self::Convert, Self::Edit, Self::Check];

    const fn key(self) -> &'static str {
        match self {
            Self::Resize => "resize",
            Self::Convert => "convert",
            Self::Edit => "edit",
            Self::Check => "check",
        }
    }

    const fn words(self) -> (Glyph, &'static str, &'static str) {
        match self {
            Self::Resize => (Glyph::Shrink, "Resize", "A smaller file that keeps most of the effect"),
            Self::Convert => (Glyph::Swap, "Convert", "The same adapter for another program"),
            Self::Edit => (Glyph::Sliders, "Edit blocks", "Blocks stronger, weaker or off"),
            Self::Check => (Glyph::Shield, "Check", "Is the file whole and sound?"),
        }
    }

    /// A broken file can still be looked through.
    const fn takes(self, state: FileState) -> bool {
        match state {
            FileState::Ready => true,
            FileState::Broken => matches!(self, Self::Check),
            FileState::Missing => false,
        }
    }
}

/// Number types of a result: as it is stored, or another. For a select.
fn dtypes() -> Vec<(String, String)> {
    let as_is = ("".to_owned(), "As it is stored".to_owned());
    std::iter::once(as_is).chain(OutDtype::ALL.into_iter().map(|d| (d.as_str().to_owned(), d.as_str().to_owned()))).collect()
}

/// The number type that a choice stands for; None: as it is stored.
fn dtype(word: &str) -> Option<OutDtype> {
    OutDtype::ALL.into_iter().find(|d| d.as_str() == word)
}

/// Tiles, and the tool that was chosen.
#[component]
pub(super) fn Tools() -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let open = RwSignal::new(None::<Tool>);
    let state = Memo::new(move |_| details.with(|d| d.card.state));
    let usable = move || Tool::ALL.into_iter().filter(|tool| tool.takes(state.get())).collect::<Vec<_>>();
    let tile = move |tool: Tool| {
        let (glyph, title, line) = tool.words();
        let on = move || open.get() == Some(tool);
        view! {
            <button
                type="button"
                class="tile"
                aria-expanded=move || if on() { "true" } else { "false" }
                aria-controls="tool"
                on:click=move |_| open.update(|now| *now = if *now == Some(tool) { None } else { Some(tool) })
            >
                <Icon glyph/>
                <b>{title}</b>
                <small>{line}</small>
            </button>
        }
    };
    let chosen = Memo::new(move |_| open.get().filter(|tool| tool.takes(state.get())));
    view! {
        <Show when=move || !usable().is_empty()>
            <section class="panel tools" aria-label="Tools">
                <h2 class="label">"Tools"</h2>
                <div class="tiles">{move || usable().into_iter().map(tile).collect_view()}</div>
                <div id="tool" class="tool" hidden=move || chosen.get().is_none()>
                    {move || chosen.get().map(|tool| {
                        let inside = match tool {
                            Tool::Resize => view! { <resize::Resize/> }.into_any(),
                            Tool::Convert => view! { <convert::Convert/> }.into_any(),
                            Tool::Edit => view! { <edit::Edit/> }.into_any(),
                            Tool::Check => view! { <check::Check/> }.into_any(),
                        };
                        view! { <div class=format!("tool-body tool-{}", tool.key())>{inside}</div> }
                    })}
                </div>
            </section>
        </Show>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_can_only_be_checked() {
        let of = |state| Tool::ALL.into_iter().filter(|t| t.takes(state)).count();
        assert_eq!((of(FileState::Ready), of(FileState::Broken), of(FileState::Missing)), (4, 1, 0));
    }

    #[test]
    fn number_types_are_read_back() {
        assert!(dtypes().iter().all(|(word, _)| dtype(word).map_or("", OutDtype::as_str) == word));
    }
}
