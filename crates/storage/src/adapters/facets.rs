//! Live counts. One statement counts every combination of filter values that occurs (a few hundred at most); each filter's counts
//! under all the others are then sums over that cube. Tags, which an adapter may have many of, are counted apart.

use super::AdapterRepo;
use super::filter::{Apply, Live, everything, push_where, unhinted};
use crate::error::StoreResult;
use crate::sql::Sql;
use crate::text::fold;
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::BTreeMap;
use weft_domain::LibraryQuery;
use weft_domain::query::{Facet, Facets};

/// Tags that are offered.
const TAGS: i64 = 40;

/// How many adapters share these values.
#[derive(Debug, Clone, FromQueryResult)]
pub(super) struct Cell {
    root_id: i64,
    state: String,
    family: String,
    family_label: String,
    kind: String,
    layout_id: Option<String>,
    has_block_weights: bool,
    fallback: bool,
    n: i64,
}

impl Cell {
    /// The value in each cube filter; None where it has none.
    fn values(&self) -> [Option<String>; 6] {
        let blocks = match (self.has_block_weights, self.fallback) {
            (true, _) => Some("real".to_owned()),
            (false, true) => Some("fallback".to_owned()),
            (false, false) => None,
        };
        let layout = self.layout_id.clone();
        [Some(self.family.clone()), Some(self.kind.clone()), layout, blocks, Some(self.state.clone()), Some(self.root_id.to_string())]
    }
}

/// Filters of the cube, in the order of [`Cell::values`].
const CUBE: [&str; 6] = ["family", "kind", "layout", "blocks", "state", "root"];

impl AdapterRepo {
    /// Counts of every combination under the query's words and tags.
    pub(super) async fn cube(&self, query: &LibraryQuery, live: &Live) -> StoreResult<Vec<Cell>> {
        const COLUMNS: &str = "a.root_id, a.state, a.family, a.family_label, a.kind, a.layout_id, a.has_block_weights, a.fallback";
        let read = self.store.read();
        let mut sql = Sql::new("SELECT ");
        sql.push(COLUMNS).push(", COUNT(*) AS n FROM adapters a");
        push_where(&mut sql, self.store.engine(), query, live, Apply::WordsAndTags);
        sql.push(" GROUP BY ").push(COLUMNS);
        Ok(Cell::find_by_statement(sql.on(read.get_database_backend())).all(read).await?)
    }

    /// The most used tags under everything but the tag filter, and the chosen ones whatever their count.
    pub(super) async fn tag_facet(&self, query: &LibraryQuery, live: &Live) -> StoreResult<Vec<Facet>> {
        let read = self.store.read();
        let mut sql = Sql::new("SELECT t.name, c.n FROM (SELECT l.tag_id, COUNT(*) AS n FROM adapter_tags l");
        if !everything(query, live, Apply::AllButTags) {
            sql.push(" WHERE ").push(unhinted(self.store.engine())).push("l.adapter_id IN (SELECT a.id FROM adapters a");
            push_where(&mut sql, self.store.engine(), query, live, Apply::AllButTags);
            sql.push(")");
        }
        sql.push(" GROUP BY l.tag_id) c JOIN tags t ON t.id = c.tag_id ORDER BY c.n DESC, t.folded LIMIT ").bind(TAGS);
        let rows = read.query_all_raw(sql.on(read.get_database_backend())).await?;
        let mut facet = Vec::with_capacity(rows.len());
        for row in &rows {
            let name: String = row.try_get_by_index(0)?;
            facet.push(Facet { label: name.clone(), value: name, count: count(row.try_get_by_index(1)?) });
        }
        for chosen in &query.tag {
            if !facet.iter().any(|tag| fold(&tag.value) == fold(chosen)) {
                facet.push(Facet { value: chosen.clone(), label: chosen.clone(), count: self.tag_count(query, live, chosen).await? });
            }
        }
        Ok(facet)
    }

    async fn tag_count(&self, query: &LibraryQuery, live: &Live, tag: &str) -> StoreResult<u64> {
        let read = self.store.read();
        let only = LibraryQuery { tag: vec![tag.to_owned()], ..query.clone() };
        let mut sql = Sql::new("SELECT COUNT(*) FROM adapters a");
        push_where(&mut sql, self.store.engine(), &only, live, Apply::All);
        let row = read.query_one_raw(sql.on(read.get_database_backend())).await?;
        Ok(count(row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(0)))
    }
}

/// Adapters that match every filter of the query.
pub(super) fn total(cells: &[Cell], query: &LibraryQuery) -> u64 {
    cells.iter().filter(|cell| misses(&cell.values(), query).is_empty()).map(|cell| count(cell.n)).sum()
}

/// Counts of the six single-valued filters; `root_names` labels the roots.
pub(super) fn facets(cells: &[Cell], query: &LibraryQuery, root_names: &BTreeMap<i64, String>) -> Facets {
    let mut counts: [BTreeMap<String, u64>; 6] = Default::default();
    let mut family_labels = BTreeMap::new();
    for cell in cells {
        family_labels.insert(cell.family.clone(), cell.family_label.clone());
        let values = cell.values();
        let missed = misses(&values, query);
        for (at, value) in values.into_iter().enumerate() {
            // Counts in a filter when no *other* filter turns it away.
            if let Some(value) = value
                && missed.iter().all(|&miss| miss == at)
            {
                *counts[at].entry(value).or_default() += count(cell.n);
            }
        }
    }
    for (at, key) in CUBE.into_iter().enumerate() {
        for chosen in query.filter(key).into_iter().flatten() {
            counts[at].entry(chosen.clone()).or_default();
        }
    }
    let [family, kind, layout, blocks, state, root] = counts;
    let root_label = |value: &str| value.parse().ok().and_then(|id: i64| root_names.get(&id).cloned()).unwrap_or_else(|| value.to_owned());
    Facets {
        family: listed(family, |value| family_labels.get(value).cloned().unwrap_or_else(|| value.to_owned())),
        kind: listed(kind, kind_label),
        layout: listed(layout, str::to_owned),
        blocks: listed(blocks, |value| (if value == "real" { "Real blocks" } else { "Neutral profile" }).to_owned()),
        state: listed(state, capitalised),
        tag: Vec::new(),
        root: listed(root, root_label),
    }
}

/// Positions of the filters that turn these values away.
fn misses(values: &[Option<String>; 6], query: &LibraryQuery) -> Vec<usize> {
    let missed = |(at, key): (usize, &str)| {
        let wanted = query.filter(key).filter(|wanted| !wanted.is_empty())?;
        let hit = values[at].as_ref().is_some_and(|value| wanted.contains(value));
        (!hit).then_some(at)
    };
    CUBE.into_iter().enumerate().filter_map(missed).collect()
}

/// Most frequent first, then by label.
fn listed(counts: BTreeMap<String, u64>, label: impl Fn(&str) -> String) -> Vec<Facet> {
    let mut facet: Vec<Facet> = counts.into_iter().map(|(value, count)| Facet { label: label(&value), value, count }).collect();
    facet.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    facet
}

fn kind_label(kind: &str) -> String {
    match kind {
        "lora" => "LoRA",
        "locon" => "LoCon",
        "loha" => "LoHa",
        "lokr" => "LoKr",
        "dora" => "DoRA",
        "oft" => "OFT",
        "boft" => "BOFT",
        "ia3" => "IA3",
        "glora" => "GLoRA",
        other => return capitalised(other),
    }
    .to_owned()
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
