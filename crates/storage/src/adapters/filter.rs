//! What a [`LibraryQuery`] narrows, as a `WHERE`.

use crate::sql::Sql;
use crate::store::Engine;
use crate::text::{fold, fts5_match, tsquery_match};
use std::collections::BTreeMap;
use weft_domain::LibraryQuery;

/// Which filters a statement applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Apply {
    All,
    /// Only what the facet cube cannot apply by itself: words and tags.
    WordsAndTags,
    /// Everything but the tags: their own counts.
    AllButTags,
}

/// Which roots are watched, and whether there are others whose adapters must stay hidden.
#[derive(Debug, Clone, Default)]
pub(super) struct Live {
    /// Names by id.
    pub roots: BTreeMap<i64, String>,
    pub some_removed: bool,
}

/// True when nothing at all is narrowed: every row counts.
pub(super) fn everything(query: &LibraryQuery, live: &Live, apply: Apply) -> bool {
    let tags_only = LibraryQuery { tag: query.tag.clone(), text: query.text.clone(), ..Default::default() };
    let rest = match apply {
        Apply::All => query.clone(),
        Apply::WordsAndTags => tags_only,
        Apply::AllButTags => LibraryQuery { tag: Vec::new(), ..query.clone() },
    };
    !live.some_removed && !rest.is_narrowed()
}

/// SQLite's "do not use this column's index". PostgreSQL knows from its statistics which way is short, and the sign would only blind it.
pub(super) const fn unhinted(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "+",
        Engine::Postgres => "",
    }
}

/// Appends ` WHERE …` for `adapters` as `a`, below the watched roots.
///
/// [`unhinted`] keeps SQLite from starting at that column's index: a walk along the index that has the wanted order, or that holds
/// all wanted columns, with a look into the list for each row, beats a visit to every listed row.
pub(super) fn push_where(sql: &mut Sql, engine: Engine, query: &LibraryQuery, live: &Live, apply: Apply) {
    sql.push(" WHERE TRUE");
    if live.some_removed {
        sql.push(" AND ").push(unhinted(engine)).push("a.root_id IN ").bind_list(live.roots.keys().copied());
    }
    push_words(sql, engine, query);
    if apply != Apply::AllButTags && !query.tag.is_empty() {
        sql.push(" AND ")
            .push(unhinted(engine))
            .push("a.id IN (SELECT l.adapter_id FROM adapter_tags l JOIN tags t ON t.id = l.tag_id WHERE t.folded IN ");
        sql.bind_list(query.tag.iter().map(|tag| fold(tag))).push(")");
    }
    if apply == Apply::WordsAndTags {
        return;
    }
    for (column, values) in
        [("a.family", &query.family), ("a.kind", &query.kind), ("a.layout_id", &query.layout), ("a.state", &query.state)]
    {
        if !values.is_empty() {
            sql.push(" AND ").push(column).push(" IN ").bind_list(values.iter().cloned());
        }
    }
    if !query.root.is_empty() {
        sql.push(" AND ").push(unhinted(engine)).push("a.root_id IN ").bind_list(query.root.iter().filter_map(|id| id.parse::<i64>().ok()));
    }
    if !query.blocks.is_empty() {
        let has = |word: &str| query.blocks.iter().any(|value| value == word);
        sql.push(match (has("real"), has("fallback")) {
            (true, true) => " AND (a.has_block_weights OR a.fallback)",
            (true, false) => " AND a.has_block_weights",
            (false, true) => " AND a.fallback",
            (false, false) => " AND FALSE",
        });
    }
}

fn push_words(sql: &mut Sql, engine: Engine, query: &LibraryQuery) {
    match engine {
        Engine::Sqlite => {
            if let Some(words) = fts5_match(&query.text) {
                sql.push(" AND +a.id IN (SELECT rowid FROM adapter_search WHERE adapter_search MATCH ").bind(words).push(")");
            }
        }
        Engine::Postgres => {
            if let Some(words) = tsquery_match(&query.text) {
                sql.push(" AND a.search @@ to_tsquery('simple', ").bind(words).push(")");
            }
        }
    }
}
