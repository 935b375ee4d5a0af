//! A sheet as it fills: a row and a column of labels, one cell for every picture.

use super::super::desk::Desk;
use crate::dom;
use crate::kit::{Button, CopyButton, Glyph, Icon};
use crate::picture::{alt, thumbnail};
use leptos::{html, prelude::*};
use std::collections::BTreeMap;
use weft_domain::generation::{GenerationView, PictureCard};

#[component]
pub(in super::super) fn SheetView() -> impl IntoView {
    let desk = expect_context::<Desk>();
    // The frame changes only with the sheet itself; cells follow their own pictures.
    let frame = Memo::new(move |_| {
        desk.current
            .with(|c| c.as_ref().map(|c| (c.id, c.axes.clone(), c.columns.clone(), c.rows.clone(), c.request.width.zip(c.request.height))))
    });
    let cards = Memo::new(move |_| {
        let by_shot = |c: &GenerationView| c.pictures.iter().map(|p| (p.shot, p.clone())).collect::<BTreeMap<u32, PictureCard>>();
        desk.current.with(|c| c.as_ref().map(by_shot).unwrap_or_default())
    });
    move || {
        frame.get().map(|(id, axes, columns, rows, size)| {
            let title = titled(&axes);
            let label = title.clone();
            let spoken = title.clone();
            let wide = columns.len();
            let link = format!("/studio?generation={id}");
            let node = NodeRef::<html::Table>::new();
            let (w, h) = size.unwrap_or_else(|| desk.defaults.with_untracked(|d| (d.width, d.height)));
            Effect::new(move |_| {
                if let Some(node) = node.get() {
                    dom::set_var(&node, "--aspect", &format!("{:.5}", f64::from(w.max(1)) / f64::from(h.max(1))));
                    dom::set_var(&node, "--columns", &wide.max(1).to_string());
                }
            });
            let row_name = axes.get(1).cloned();
            // Without a second axis there is one row without a label.
            let lines: Vec<Option<String>> = if rows.is_empty() { vec![None] } else { rows.into_iter().map(Some).collect() };
            let labelled = lines.iter().any(Option::is_some);
            let row = move |(y, label): (usize, Option<String>)| {
                let cells = (0..wide).map(|x| u32::try_from(y * wide + x).unwrap_or(u32::MAX)).map(|shot| view! { <td><Cell shot cards/></td> });
                view! {
                    <tr>
                        {label.map(|label| view! { <th scope="row"><span>{label}</span></th> })}
                        {cells.collect_view()}
                    </tr>
                }
            };
            let column_name = axes.first().cloned().unwrap_or_default();
            view! {
                <header class="sheet-head">
                    <h2>{title}</h2>
                    <div class="row-acts">
                        <a class="btn" href=format!("/api/v1/generations/{id}/sheet.png") download=format!("sheet-{id}.png")><Icon glyph=Glyph::Download/><span>"PNG"</span></a>
                        <CopyButton text=Signal::derive(move || absolute(&link)) what="the address of this sheet"/>
                        <Button icon=Glyph::Close on:click=move |_| { desk.current.set(None); desk.remember(); }>"Close"</Button>
                    </div>
                </header>
                <div class="sheet-scroll" role="region" aria-label=label tabindex="0">
                    <table class="sheet" node_ref=node>
                        <caption class="sr-only">{spoken}</caption>
                        <thead>
                            <tr class="sheet-names">
                                {labelled.then(|| view! { <td class="sheet-corner">{row_name.map(|name| view! { <span class="label">{name}" ↓"</span> })}</td> })}
                                <th scope="colgroup" colspan=wide><span class="label">{column_name}" →"</span></th>
                            </tr>
                            <tr>
                                {labelled.then(|| view! { <td></td> })}
                                {columns.into_iter().map(|label| view! { <th scope="col"><span>{label}</span></th> }).collect_view()}
                            </tr>
                        </thead>
                        <tbody>{lines.into_iter().enumerate().map(row).collect_view()}</tbody>
                    </table>
                </div>
            }
        })
    }
}

/// "Weight of ink by seed": names within the line lose their capital, abbreviations keep theirs.
fn titled(axes: &[String]) -> String {
    let within = |name: &String| {
        let mut letters = name.chars();
        match (letters.next(), letters.next()) {
            (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(name.chars().skip(1)).collect(),
            _ => name.clone(),
        }
    };
    axes.iter().enumerate().map(|(at, name)| if at == 0 { name.clone() } else { within(name) }).collect::<Vec<_>>().join(" by ")
}

/// With the host, for pasting elsewhere. Only in the browser.
fn absolute(path: &str) -> String {
    if cfg!(feature = "ssr") {
        return path.to_owned();
    }
    format!("{}{path}", window().location().origin().unwrap_or_default())
}

/// One picture of the sheet: empty, forming, or done.
#[component]
fn Cell(shot: u32, cards: Memo<BTreeMap<u32, PictureCard>>) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let card = Memo::new(move |_| cards.with(|cards| cards.get(&shot).cloned()));
    let preview = Memo::new(move |_| {
        let id = desk.current.with(|c| c.as_ref().map(|c| c.id))?;
        desk.painting.with(|p| p.as_ref().filter(|p| p.generation == id && p.shot == shot).map(|p| p.preview.clone()))
    });
    move || match (card.get(), preview.get()) {
        (Some(card), _) => {
            let id = card.id;
            let words = alt(&card);
            view! {
                <button type="button" class="cell" title="Open in the viewer" on:click=move |_| desk.view(id, cards.with_untracked(|c| c.values().cloned().collect()))>
                    <img src=thumbnail(id, 320) alt=format!("Cell {}: {words}", shot + 1)/>
                </button>
            }
            .into_any()
        }
        (None, Some(Some(src))) => view! { <span class="cell"><img class="forming" src=src alt="Forming"/></span> }.into_any(),
        (None, Some(None)) => view! { <span class="cell skeleton" aria-hidden="true"></span> }.into_any(),
        (None, None) => view! { <span class="cell cell-empty" aria-hidden="true"></span> }.into_any(),
    }
}

#[cfg(test)]
mod tests {
    use super::titled;

    #[test]
    fn a_sheet_is_named_like_a_sentence() {
        let name = |axes: &[&str]| titled(&axes.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
        assert_eq!(name(&["Weight of Ink", "Seed"]), "Weight of Ink by seed");
        assert_eq!((name(&["Seed", "CFG scale"]), name(&["Sampler"])), ("Seed by CFG scale".to_owned(), "Sampler".to_owned()));
    }
}
