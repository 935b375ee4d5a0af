//! Block profiles of the strands: the preset of each, and the editor of the one that was chosen.

use super::loom::Loom;
use crate::blocks::colour;
use crate::kit::{Glyph, IconButton, Select};
use crate::profile::{Change, Editor, Profiled, labels, preset, preset_options};
use leptos::prelude::*;
use weft_domain::AdapterId;
use weft_weights::layout::Layout;

/// The preset of a strand, and the way to its equaliser.
#[component]
pub(super) fn PresetSelect(id: AdapterId, name: Memo<String>) -> impl IntoView {
    let loom = expect_context::<Loom>();
    let layout = Memo::new(move |_| loom.layout().map(|l| l.id));
    let value = Signal::derive(move || {
        loom.state.with(|s| match s.strand(id) {
            Some(s) if s.preset.is_some() => s.preset.clone().unwrap_or_default(),
            Some(s) if !s.factors.is_empty() => "custom".to_owned(),
            _ => "ALL".to_owned(),
        })
    });
    let options = Signal::derive(move || {
        let now = value.get();
        let mut options = preset_options(layout.get().and_then(Layout::by_id));
        if now == "custom" {
            options.push(("custom".to_owned(), "My own".to_owned()));
        } else if options.iter().all(|(key, _)| *key != now) {
            options.push((now.clone(), now));
        }
        options
    });
    let choose = move |key: String| {
        let names = labels(&loom.axis.read_untracked());
        if let Some(change) = untrack(move || loom.layout()).and_then(|layout| preset(layout, &key, &names)) {
            apply(loom, id, change);
        }
    };
    let open = Memo::new(move |_| loom.editing.get() == Some(id));
    view! {
        <Select
            label=format!("Profile of {}", name.get_untracked())
            options
            value
            on_change=choose
            disabled=Signal::derive(move || layout.get().is_none())
        />
        <IconButton
            glyph=Glyph::Sliders
            label=Signal::derive(move || if open.get() { "Close the block sliders".to_owned() } else { "Edit block by block".to_owned() })
            pressed=open
            disabled=Signal::derive(move || layout.get().is_none())
            on:click=move |_| loom.editing.update(|e| *e = if *e == Some(id) { None } else { Some(id) })
        />
    }
}

/// Makes a change of a strand's profile.
fn apply(loom: Loom, id: AdapterId, change: Change) {
    let Change { what, preset, factors } = change;
    loom.edit_strand(&what, id, |s| (s.preset, s.factors) = (preset, factors));
}

/// The editor of the strand that was chosen; stands below the chart, block under block.
#[component]
pub(super) fn ProfileEditor() -> impl IntoView {
    let loom = expect_context::<Loom>();
    let id = Memo::new(move |_| loom.editing.get().filter(|id| loom.state.with(|s| s.strand(*id).is_some()) && loom.layout().is_some()));
    move || {
        id.get().map(|id| {
            let place = NodeRef::<leptos::html::Div>::new();
            Effect::new(move |_| {
                if let Some(place) = place.get() {
                    let options = web_sys::ScrollIntoViewOptions::new();
                    options.set_block(web_sys::ScrollLogicalPosition::Nearest);
                    place.scroll_into_view_with_scroll_into_view_options(&options);
                }
            });
            let tone = loom.state.with_untracked(|s| s.strand(id).map_or(0, |s| s.colour));
            let factors = Memo::new(move |_| loom.state.with(|s| s.strand(id).map(|s| s.factors.clone()).unwrap_or_default()));
            let profiled = Profiled {
                layout: Signal::derive(move || loom.layout()),
                axis: loom.axis.into(),
                factors: factors.into(),
                name: Signal::derive(move || loom.name(id)),
                active: loom.active,
                on_change: Callback::new(move |change| apply(loom, id, change)),
            };
            view! {
                <div class="profile-place" node_ref=place>
                    <Editor profiled class=colour(tone) id="profile">
                        <IconButton glyph=Glyph::Close label="Close the block sliders" on:click=move |_| loom.editing.set(None)/>
                    </Editor>
                </div>
            }
        })
    }
}
