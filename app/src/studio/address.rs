//! The page's address: what the gallery shows, which generation and which picture are open.
//!
//! `text`, `checkpoint`, `adapter`, `source`, `favourite`, `rating`, `trash`, `sort` are the gallery's; `generation` and `picture` what is
//! open. Lists are separated by commas. What cannot be read is passed over: an old link must not break the page.

use weft_domain::generation::{PictureQuery, PictureSort, PictureSource};
use weft_domain::{GenerationId, PictureId};

/// Longest search text, in characters.
const TEXT_MAX: usize = 500;

/// What the address says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Address {
    pub query: PictureQuery,
    pub generation: Option<GenerationId>,
    pub picture: Option<PictureId>,
}

impl Address {
    /// Reads it through `get`, which knows the decoded values by key.
    #[must_use]
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let list = |key: &str| get(key).unwrap_or_default();
        let numbers = |key: &str| list(key).split(',').filter_map(|n| n.trim().parse::<i64>().ok()).take(64).collect::<Vec<_>>();
        let number = |key: &str| get(key).and_then(|n| n.parse::<i64>().ok());
        let words = list("source");
        let query = PictureQuery {
            text: list("text").chars().take(TEXT_MAX).collect(),
            checkpoint: numbers("checkpoint").into_iter().map(weft_domain::CheckpointId).collect(),
            adapter: numbers("adapter").into_iter().map(weft_domain::AdapterId).collect(),
            source: PictureSource::ALL.into_iter().filter(|s| words.split(',').any(|w| w == s.as_str())).collect(),
            favourite: list("favourite") == "true",
            rating: get("rating").and_then(|n| n.parse().ok()).filter(|n| (1..=5).contains(n)),
            trash: list("trash") == "true",
            sort: PictureSort::parse(&list("sort")).unwrap_or_default(),
            ..PictureQuery::default()
        };
        Self { query, generation: number("generation").map(GenerationId), picture: number("picture").map(PictureId) }
    }

    /// The address itself.
    #[must_use]
    pub fn url(&self) -> String {
        let q = &self.query;
        let join = |ids: Vec<String>| ids.join(",");
        let yes = |on: bool| if on { "true".to_owned() } else { String::new() };
        let pairs = [
            ("text", q.text.clone()),
            ("checkpoint", join(q.checkpoint.iter().map(ToString::to_string).collect())),
            ("adapter", join(q.adapter.iter().map(ToString::to_string).collect())),
            ("source", join(q.source.iter().map(|s| s.as_str().to_owned()).collect())),
            ("favourite", yes(q.favourite)),
            ("rating", q.rating.map(|n| n.to_string()).unwrap_or_default()),
            ("trash", yes(q.trash)),
            ("sort", if q.sort == PictureSort::default() { String::new() } else { q.sort.as_str().to_owned() }),
            ("generation", self.generation.map(|id| id.to_string()).unwrap_or_default()),
            ("picture", self.picture.map(|id| id.to_string()).unwrap_or_default()),
        ];
        let pairs: Vec<String> =
            pairs.into_iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| format!("{key}={}", escape(&value))).collect();
        if pairs.is_empty() { "/studio".to_owned() } else { format!("/studio?{}", pairs.join("&")) }
    }
}

/// Anything but the order narrows what is shown.
#[must_use]
pub fn is_narrowed(query: &PictureQuery) -> bool {
    let PictureQuery { sort, offset, limit, trash, .. } = *query;
    *query != PictureQuery { sort, offset, limit, trash, ..PictureQuery::default() }
}

/// Percent-encodes all that is not plain in a query value.
fn escape(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b',' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_domain::AdapterId;

    #[test]
    fn what_is_shown_survives_its_address() {
        let query = PictureQuery {
            text: "fox".to_owned(),
            adapter: vec![AdapterId(3), AdapterId(9)],
            source: vec![PictureSource::A1111, PictureSource::ComfyUi],
            favourite: true,
            rating: Some(4),
            sort: PictureSort::Rating,
            ..PictureQuery::default()
        };
        let address = Address { query, generation: Some(GenerationId(7)), picture: Some(PictureId(12)) };
        let url = address.url();
        let pairs: Vec<(&str, &str)> = url.trim_start_matches("/studio?").split('&').filter_map(|p| p.split_once('=')).collect();
        let back = Address::read(|key| pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| (*v).to_owned()));
        assert_eq!(back, address);
        assert_eq!(Address::default().url(), "/studio");
    }

    #[test]
    fn an_old_link_does_not_break_the_page() {
        let odd = Address::read(|key| match key {
            "rating" => Some("9".to_owned()),
            "adapter" => Some("x,4,".to_owned()),
            "sort" => Some("colour".to_owned()),
            "generation" => Some("-".to_owned()),
            _ => None,
        });
        let want = PictureQuery { adapter: vec![AdapterId(4)], ..PictureQuery::default() };
        assert_eq!(odd, Address { query: want, ..Address::default() });
        assert!(is_narrowed(&odd.query) && !is_narrowed(&PictureQuery { trash: true, ..PictureQuery::default() }));
    }
}
