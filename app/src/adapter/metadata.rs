//! The file's own metadata, folded, searchable.

use super::save::Saving;
use crate::format;
use crate::kit::{SearchField, Table};
use leptos::prelude::*;

/// Key and value of every entry in the header.
#[component]
pub(super) fn Metadata() -> impl IntoView {
    let details = expect_context::<Saving>().details;
    let entries = Memo::new(move |_| details.with(|d| d.metadata.clone()));
    let text = RwSignal::new(String::new());
    let found = move || {
        let words = text.get().to_lowercase();
        entries.with(|list| {
            let fits = |(key, value): &&(String, String)| key.to_lowercase().contains(&words) || value.to_lowercase().contains(&words);
            list.iter().filter(fits).cloned().collect::<Vec<_>>()
        })
    };
    let row =
        |(key, value): (String, String)| view! { <tr><th scope="row"><code>{key}</code></th><td class="wrap"><bdi>{value}</bdi></td></tr> };
    let count = move || format::plural(entries.with(|list| list.len() as u64), "entry").replace("entrys", "entries");
    view! {
        <Show when=move || entries.with(|list| !list.is_empty())>
            <details class="panel fold">
                <summary><span class="label">"Metadata"</span><span class="hint">{count}</span></summary>
                <SearchField label="Search the metadata" value=text on_input=Callback::new(move |value| text.set(value)) placeholder="Search keys and values"/>
                <Table caption="Metadata">
                    <thead><tr><th scope="col">"Key"</th><th scope="col">"Value"</th></tr></thead>
                    <tbody>{move || found().into_iter().map(row).collect_view()}</tbody>
                </Table>
            </details>
        </Show>
    }
}
