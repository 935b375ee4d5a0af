//! Filters with live counts: chips for what is chosen often, menus for long lists, one sheet of all on a phone.

use super::head::{ClearFilters, LayoutSwitch, Order, use_go};
use super::state::Gallery;
use crate::kit::{Button, Chip, Dialog, Glyph, Menu, Shape};
use leptos::prelude::*;
use weft_domain::query::Facet;
use weft_domain::{Facets, LibraryQuery};

/// A filter: key in the query, name for people, its list of choices.
type Group = (&'static str, &'static str, fn(&Facets) -> &Vec<Facet>);

/// Shown as chips.
const CHIPS: [Group; 4] = [
    ("family", "Family", |f| &f.family),
    ("kind", "Kind", |f| &f.kind),
    ("blocks", "Blocks", |f| &f.blocks),
    ("state", "State", |f| &f.state),
];

/// Shown as menus: their lists are long.
const MENUS: [Group; 3] = [("tag", "Tags", |f| &f.tag), ("layout", "Layout", |f| &f.layout), ("root", "Folder", |f| &f.root)];

/// Choices worth offering: those that leave something, and those that are on.
fn choices(gallery: Gallery, (key, _, of): Group) -> Vec<Facet> {
    let chosen = gallery.list.query.with(|query| query.filter(key).cloned().unwrap_or_default());
    let mut list: Vec<Facet> =
        gallery.list.beside.with(|facets| of(facets).iter().filter(|f| f.count > 0 || chosen.contains(&f.value)).cloned().collect());
    for value in chosen {
        if !list.iter().any(|facet| facet.value == value) {
            list.push(Facet { label: value.clone(), value, count: 0 });
        }
    }
    list
}

/// A group with one single choice that is not on filters nothing.
fn useful(gallery: Gallery, group: Group) -> bool {
    let list = choices(gallery, group);
    let on = gallery.list.query.with(|query| query.filter(group.0).is_some_and(|list| !list.is_empty()));
    on || list.len() > 1
}

/// One choice as a chip; its count follows the facets without rebuilding it.
#[component]
fn Choice(group: Group, facet: Facet) -> impl IntoView {
    let gallery = expect_context::<Gallery>();
    let go = use_go();
    let (key, _, of) = group;
    let value = StoredValue::new(facet.value);
    let count = Signal::derive(move || {
        gallery.list.beside.with(|facets| of(facets).iter().find(|f| value.with_value(|v| *v == f.value)).map(|f| f.count))
    });
    let on = Signal::derive(move || {
        gallery.list.query.with(|query| query.filter(key).is_some_and(|list| value.with_value(|v| list.contains(v))))
    });
    let toggle = move |_| go(gallery.list.query.with_untracked(|query| value.with_value(|v| query.toggled(key, v))));
    view! { <Chip label=facet.label count on on:click=toggle/> }
}

/// The choices of a group as chips.
#[component]
fn Choices(group: Group) -> impl IntoView {
    let gallery = expect_context::<Gallery>();
    view! {
        <For each=move || choices(gallery, group) key=|facet| facet.value.clone() let:facet>
            <Choice group facet/>
        </For>
    }
}

/// How many filters are on.
fn count(query: &LibraryQuery) -> usize {
    LibraryQuery::FILTERS.iter().filter_map(|key| query.filter(key)).map(Vec::len).sum()
}

/// The row below the header.
#[component]
pub(super) fn FilterBar() -> impl IntoView {
    let gallery = expect_context::<Gallery>();
    let open = RwSignal::new(false);
    let on = Memo::new(move |_| gallery.list.query.with(count));
    let menu = move |group: Group| {
        let (key, name, _) = group;
        let label = Signal::derive(move || match gallery.list.query.with(|query| query.filter(key).map_or(0, Vec::len)) {
            0 => name.to_owned(),
            n => format!("{name} {n}"),
        });
        view! {
            <Show when=move || useful(gallery, group)>
                <Menu label class="chip chip-menu">
                    <div class="menu-chips" role="group" aria-label=name><Choices group/></div>
                </Menu>
            </Show>
        }
    };
    let row = move |group: Group| {
        view! {
            <Show when=move || useful(gallery, group)>
                <div class="chip-group" role="group" aria-label=group.1><Choices group/></div>
            </Show>
        }
    };
    let section = move |group: Group| {
        view! {
            <Show when=move || useful(gallery, group)>
                <section>
                    <h3 class="label">{group.1}</h3>
                    <div class="chips"><Choices group/></div>
                </section>
            </Show>
        }
    };
    view! {
        <div class="filters" role="group" aria-label="Filters">
            {CHIPS.into_iter().map(row).collect_view()}
            {MENUS.into_iter().map(menu).collect_view()}
            <Show when=move || { on.get() > 0 }><ClearFilters/></Show>
        </div>
        <div class="filters-phone">
            <Button icon=Glyph::Filter on:click=move |_| open.set(true)>
                {move || if on.get() > 0 { format!("Filters · {}", on.get()) } else { "Filters".to_owned() }}
            </Button>
            <Show when=move || { on.get() > 0 }><ClearFilters/></Show>
        </div>
        <Dialog id="filters" title="Filters and order" open shape=Shape::Sheet>
            <div class="filter-sheet">
                <div class="sheet-order"><Order/><LayoutSwitch name="layout-sheet"/></div>
                {CHIPS.into_iter().chain(MENUS).map(section).collect_view()}</div>
        </Dialog>
    }
}
