//! What can be done with a picture.

use super::super::form::Take;
use super::{Viewer, vary};
use crate::dom;
use crate::kit::{Button, Glyph, Icon, IconButton, Menu, MenuItem, Stars};
use crate::picture::file;
use leptos::prelude::*;
use weft_domain::generation::{PictureDetails, PictureEdit, StartPicture};

#[component]
pub(super) fn Acts(details: PictureDetails) -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let id = details.card.id;
    let deleted = details.card.deleted_ms.is_some();
    let favourite = Memo::new(move |_| viewer.details.with(|d| d.as_ref().is_some_and(|d| d.card.favourite)));
    let rating = Signal::derive(move || viewer.details.with(|d| d.as_ref().and_then(|d| d.card.rating).unwrap_or(0)));
    let edit = move |edit: PictureEdit| viewer.edit(edit);
    let with_adapters = !details.recipe.adapters.is_empty();
    let details = StoredValue::new(details);
    view! {
        <div class="viewer-acts">
            <div class="viewer-rate">
                <Stars name="viewer-rating" value=rating on_change=move |n: u8| edit(PictureEdit { rating: Some(n), ..PictureEdit::default() })/>
                <IconButton
                    glyph=Glyph::Heart
                    label="Favourite (F)"
                    pressed=favourite
                    on:click=move |_| edit(PictureEdit { favourite: Some(!favourite.get_untracked()), ..PictureEdit::default() })
                />
                <Menu label="Save" icon=Glyph::Download class="btn btn-quiet" right=true>
                    {["png", "jpeg", "webp"].map(|format| view! {
                        <a class="menu-item" data-close="" href=format!("{}?download=true&format={format}", file(id)) download="">
                            <Icon glyph=Glyph::Download/><span>{format.to_uppercase()}</span><small>"with its parameters"</small>
                        </a>
                    }).collect_view()}
                </Menu>
                {if deleted {
                    view! { <IconButton glyph=Glyph::Undo label="Bring back" on:click=move |_| edit(PictureEdit { deleted: Some(false), ..PictureEdit::default() })/> }.into_any()
                } else {
                    view! { <IconButton glyph=Glyph::Trash label="Delete (Del)" on:click=move |_| edit(PictureEdit { deleted: Some(true), ..PictureEdit::default() })/> }.into_any()
                }}
            </div>
            <div class="viewer-do">
                <Reuse details/>
                <Button icon=Glyph::Branch on:click=move |_| vary::vary(viewer, details, 0.12)>"Vary a little"</Button>
                <Button icon=Glyph::Branch on:click=move |_| vary::vary(viewer, details, 0.4)>"Vary a lot"</Button>
                <Button icon=Glyph::Studio on:click=move |_| begin_with(viewer, details)>"Begin with this"</Button>
                <Button icon=Glyph::Brush on:click=move |_| viewer.masking.set(true)>"Paint a part anew"</Button>
                <Button icon=Glyph::Compare on:click=move |_| viewer.choosing.set(true)>"Compare"</Button>
                {with_adapters.then(|| view! {
                    <Button icon=Glyph::Weave busy=Signal::derive(move || viewer.awaited.with(Option::is_some)) on:click=move |_| vary::without_adapters(viewer, details)>"What did the adapters do?"</Button>
                })}
            </div>
        </div>
    }
}

/// The whole of what made it, or a part, into the form.
#[component]
fn Reuse(details: StoredValue<PictureDetails>) -> impl IntoView {
    let viewer = expect_context::<Viewer>();
    let take = move |take: Take| {
        let recipe = details.with_value(|d| d.recipe.clone());
        let mut missing = Vec::new();
        viewer.desk.edit(|f| missing = f.take(&recipe, take));
        viewer.toasts.say(match missing.len() {
            0 => "Taken over into the form.".to_owned(),
            _ => format!("Taken over. Not in the library: {}.", missing.join(", ")),
        });
        viewer.desk.close_view();
    };
    let item = move |glyph: Glyph, text: &'static str, what: Take| {
        view! { <MenuItem glyph text on:click=move |_| take(what)/> }
    };
    view! {
        <Menu label="Reuse" icon=Glyph::Copy class="btn btn-primary">
            {item(Glyph::Check, "Everything", Take::All)}
            {item(Glyph::Pencil, "Prompt", Take::Prompt)}
            {item(Glyph::Dice, "Seed", Take::Seed)}
            {item(Glyph::Sliders, "Settings", Take::Settings)}
            {item(Glyph::Weave, "Adapters", Take::Composition)}
        </Menu>
    }
}

/// Image to image from here: the form begins with this picture, with its prompt where there is none.
fn begin_with(viewer: Viewer, details: StoredValue<PictureDetails>) {
    details.with_value(|d| {
        viewer.desk.edit(|f| {
            f.start = Some(StartPicture { picture: d.card.id, denoise: 0.6, mask: None });
            f.parent = Some(d.card.id);
            if d.recipe.width > 0 {
                f.size = Some((d.card.width, d.card.height));
            }
            if f.prompt.trim().is_empty() {
                f.prompt.clone_from(&d.recipe.prompt);
            }
        });
    });
    viewer.desk.close_view();
    dom::focus("#studio-prompt");
    viewer.toasts.say("The next picture begins with this one.");
}
