//! The one way to ask the library: words, filters, order, window. Its text form is the page's URL and REST's query string.

use crate::adapter::AdapterCard;
use crate::urlencode;
use serde::{Deserialize, Serialize};

/// Order of the gallery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    #[default]
    Name,
    /// Newest in the library first.
    Added,
    /// Newest file first.
    Modified,
    /// Largest first.
    Size,
    /// Highest first.
    Rank,
    /// Best first; unrated last.
    Rating,
    /// Strongest ΔW first; unmeasured last.
    Strength,
}

impl Sort {
    /// Every order in menu order, with its words for people.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Name, "Name"),
        (Self::Added, "Newest here"),
        (Self::Modified, "Newest file"),
        (Self::Rating, "Rating"),
        (Self::Strength, "Strength"),
        (Self::Rank, "Rank"),
        (Self::Size, "Size"),
    ];

    /// The word in URLs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Size => "size",
            Self::Rank => "rank",
            Self::Rating => "rating",
            Self::Strength => "strength",
        }
    }

    /// The order a URL names; unknown words give none.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().map(|(sort, _)| sort).find(|sort| sort.as_str() == word)
    }
}

/// What to show of the library. Lists are "any of"; different fields are "and".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryQuery {
    /// Words that must all appear in name, file, folder, triggers or tags; each matches from the start of a word.
    pub text: String,
    pub family: Vec<String>,
    pub kind: Vec<String>,
    pub layout: Vec<String>,
    pub tag: Vec<String>,
    /// `ready`, `missing`, `broken`.
    pub state: Vec<String>,
    /// `real` or `fallback`.
    pub blocks: Vec<String>,
    /// Root ids.
    pub root: Vec<String>,
    pub sort: Sort,
    /// Turns the natural direction of `sort` round.
    pub reverse: bool,
    pub offset: u64,
    /// 0 means the default window of 60; at most 500.
    pub limit: u64,
}

impl LibraryQuery {
    /// Rows of one window when nothing is said.
    pub const DEFAULT_LIMIT: u64 = 60;
    /// Most rows of one window.
    pub const MAX_LIMIT: u64 = 500;
    /// Longest search text that is looked at, in characters.
    pub const TEXT_MAX: usize = 400;

    /// The window's size after defaults and limits.
    #[must_use]
    pub fn window(&self) -> u64 {
        match self.limit {
            0 => Self::DEFAULT_LIMIT,
            n => n.min(Self::MAX_LIMIT),
        }
    }

    /// The list behind a filter's URL key.
    #[must_use]
    pub fn filter(&self, key: &str) -> Option<&Vec<String>> {
        Some(match key {
            "family" => &self.family,
            "kind" => &self.kind,
            "layout" => &self.layout,
            "tag" => &self.tag,
            "state" => &self.state,
            "blocks" => &self.blocks,
            "root" => &self.root,
            _ => return None,
        })
    }

    /// The same, to change.
    pub fn filter_mut(&mut self, key: &str) -> Option<&mut Vec<String>> {
        Some(match key {
            "family" => &mut self.family,
            "kind" => &mut self.kind,
            "layout" => &mut self.layout,
            "tag" => &mut self.tag,
            "state" => &mut self.state,
            "blocks" => &mut self.blocks,
            "root" => &mut self.root,
            _ => return None,
        })
    }

    /// Names of the list filters, in the order of the page.
    pub const FILTERS: [&'static str; 7] = ["family", "kind", "layout", "blocks", "state", "tag", "root"];

    /// Adds the value to its filter, or takes it away. Starts again at the first row.
    #[must_use]
    pub fn toggled(&self, key: &str, value: &str) -> Self {
        let mut next = Self { offset: 0, ..self.clone() };
        if let Some(list) = next.filter_mut(key) {
            match list.iter().position(|v| v == value) {
                Some(at) => drop(list.remove(at)),
                None => list.push(value.to_owned()),
            }
        }
        next
    }

    /// True when anything narrows the view.
    #[must_use]
    pub fn is_narrowed(&self) -> bool {
        !self.text.trim().is_empty() || Self::FILTERS.iter().any(|key| self.filter(key).is_some_and(|list| !list.is_empty()))
    }

    /// `text=ink&family=flux1&sort=rating`, without what stands at its default. Round trips through [`Self::from_query`].
    #[must_use]
    pub fn to_query(&self) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        if !self.text.is_empty() {
            pairs.push(("text", self.text.clone()));
        }
        for key in Self::FILTERS {
            for value in self.filter(key).into_iter().flatten() {
                pairs.push((key, value.clone()));
            }
        }
        if self.sort != Sort::default() {
            pairs.push(("sort", self.sort.as_str().to_owned()));
        }
        if self.reverse {
            pairs.push(("reverse", "true".to_owned()));
        }
        if self.offset > 0 {
            pairs.push(("offset", self.offset.to_string()));
        }
        if self.limit > 0 {
            pairs.push(("limit", self.limit.to_string()));
        }
        urlencode::encode(&pairs)
    }

    /// Reads a query string; unknown keys and bad values are passed over, as an old bookmark must not break a page.
    #[must_use]
    pub fn from_query(query: &str) -> Self {
        let mut this = Self::default();
        for (key, value) in urlencode::decode(query) {
            match key.as_str() {
                "text" => this.text = value.chars().take(Self::TEXT_MAX).collect(),
                "sort" => this.sort = Sort::parse(&value).unwrap_or_default(),
                "reverse" => this.reverse = value == "true",
                "offset" => this.offset = value.parse().unwrap_or(0),
                "limit" => this.limit = value.parse().unwrap_or(0),
                key => {
                    if let Some(list) = this.filter_mut(key)
                        && !value.is_empty()
                        && !list.contains(&value)
                    {
                        list.push(value);
                    }
                }
            }
        }
        this
    }
}

/// One choice of a filter and how many adapters it would leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Facet {
    pub value: String,
    pub label: String,
    pub count: u64,
}

/// Choices of every filter with live counts: each filter counts under all the others, not under itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Facets {
    pub family: Vec<Facet>,
    pub kind: Vec<Facet>,
    pub layout: Vec<Facet>,
    pub blocks: Vec<Facet>,
    pub state: Vec<Facet>,
    /// The forty most used.
    pub tag: Vec<Facet>,
    pub root: Vec<Facet>,
}

/// A window of the library.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LibraryPage {
    pub items: Vec<AdapterCard>,
    /// All that match, not just this window.
    pub total: u64,
    pub offset: u64,
    /// Only with the first window: counts do not change while one scrolls.
    pub facets: Option<Facets>,
    /// With the first window: whether Weft's own samples are all that is watched.
    pub samples_only: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_survives_its_url() {
        let query = LibraryQuery {
            text: "ink & \"paper\" 100 % ü".into(),
            family: vec!["flux1".into(), "sdxl".into()],
            tag: vec!["a+b".into()],
            sort: Sort::Rating,
            reverse: true,
            offset: 120,
            ..Default::default()
        };
        assert_eq!(LibraryQuery::from_query(&query.to_query()), query);
    }

    #[test]
    fn an_old_bookmark_does_not_break() {
        let query = LibraryQuery::from_query("?sort=colour&gone=1&family=&family=sd1&family=sd1&offset=-3&%zz=%");
        assert_eq!(query, LibraryQuery { family: vec!["sd1".into()], ..Default::default() });
    }

    #[test]
    fn toggling_twice_changes_nothing() {
        let query = LibraryQuery { text: "x".into(), ..Default::default() };
        assert_eq!(query.toggled("kind", "lora").toggled("kind", "lora"), query);
    }
}
