//! Where a new file goes: a watched folder and a folder inside it.

use crate::dom;
use crate::kit::{Notice, Select, TextField, Tone};
use leptos::prelude::*;
use weft_domain::{RootId, RootState, RootView};

/// The chosen place; the last one is kept in this browser.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub root: RwSignal<Option<RootId>>,
    /// Below the root, `/`-separated.
    pub folder: RwSignal<String>,
    options: StoredValue<Vec<(String, String)>>,
    key: &'static str,
}

impl Place {
    /// A place among these folders, those that are offline left out. `key` names what is kept.
    pub(crate) fn new(roots: Vec<RootView>, key: &'static str) -> Self {
        let usable: Vec<RootView> = roots.into_iter().filter(|r| r.state == RootState::Online).collect();
        let root = RwSignal::new(usable.iter().find(|r| !r.samples).or(usable.first()).map(|r| r.id));
        let folder = RwSignal::new(String::new());
        let ids: Vec<RootId> = usable.iter().map(|r| r.id).collect();
        Effect::new(move |_| {
            let kept = dom::stored(key).unwrap_or_default();
            if let Some((id, path)) = kept.split_once(' ')
                && let Some(id) = id.parse().ok().filter(|id| ids.contains(id))
            {
                root.set(Some(id));
                folder.set(path.to_owned());
            }
        });
        let options = usable.into_iter().map(|r| (r.id.to_string(), r.name)).collect();
        Self { root, folder, options: StoredValue::new(options), key }
    }

    /// Keeps it for the next time, and says what it is.
    pub(crate) fn take(self) -> Option<(RootId, String)> {
        let root = self.root.get_untracked()?;
        let folder = self.folder.with_untracked(|f| f.trim().to_owned());
        dom::store(self.key, &format!("{root} {folder}"));
        Some((root, folder))
    }
}

/// The fields of a place, or why there is none.
#[component]
pub(crate) fn PlaceFields(
    place: Place,
    /// Id of the folder's field, unique on the page.
    #[prop(into)]
    id: String,
    /// An example of a folder.
    example: &'static str,
    #[prop(into)] error: Signal<Option<String>>,
) -> impl IntoView {
    let options = place.options.get_value();
    if options.is_empty() {
        return view! {
            <Notice tone=Tone::Warn><p>"There is no folder to save to. Add one in the "<a class="link" href="/">"library"</a>"."</p></Notice>
        }
        .into_any();
    }
    let folder = place.folder;
    view! {
        <Select
            label="Save to"
            show_label=true
            options
            value=Signal::derive(move || place.root.get().map(|r| r.to_string()).unwrap_or_default())
            on_change=move |v: String| place.root.set(v.parse().ok())
        />
        <TextField id label="Folder inside it" value=folder on_input=move |v: String| folder.set(v) placeholder=example error mono=true/>
    }
    .into_any()
}
