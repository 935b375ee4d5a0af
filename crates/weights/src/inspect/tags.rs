//! Training tags: `ss_tag_frequency` and what stands in for it.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::text::clean;

/// Most tags that are kept.
const KEPT: usize = 300;
/// Average length from which on "tags" are captions.
const CAPTION: usize = 16;

/// A training tag and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TagCount {
    pub tag: String,
    pub count: u64,
}

/// Tags of all folders together, and the folders' names.
#[derive(Debug, Default)]
pub(super) struct Frequency {
    pub(super) counts: HashMap<String, u64>,
    pub(super) folders: Vec<String>,
}

impl Frequency {
    /// Adds a `{folder: {tag: count}}` text; false when it is none.
    pub(super) fn add_json(&mut self, json: &str) -> bool {
        let Ok(Folders(folders)) = serde_json::from_str::<Folders>(json) else { return false };
        for (folder, tags) in folders {
            self.folders.push(folder);
            for (tag, count) in tags {
                let sum = self.counts.entry(tag).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        true
    }

    /// Most frequent first. Captions are taken apart into their words of three letters or more.
    pub(super) fn sorted(&self) -> Vec<TagCount> {
        let letters: usize = self.counts.keys().map(|t| t.chars().count()).sum();
        let captions = !self.counts.is_empty() && letters >= CAPTION * self.counts.len();
        let mut counts: HashMap<String, u64> = HashMap::new();
        let mut add = |tag: &str, n: u64| {
            let tag = clean(tag, 120);
            if !tag.is_empty() {
                let sum = counts.entry(tag).or_default();
                *sum = sum.saturating_add(n);
            }
        };
        for (tag, n) in &self.counts {
            if captions {
                let words = tag.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '-').filter(|w| w.chars().count() >= 3);
                words.map(str::to_lowercase).filter(|w| !FILLERS.contains(&w.as_str())).for_each(|w| add(&w, *n));
            } else {
                tag.split(',').for_each(|t| add(t, *n));
            }
        }
        let mut list: Vec<_> = counts.into_iter().map(|(tag, count)| TagCount { tag, count }).collect();
        list.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.tag.cmp(&b.tag)));
        list.truncate(KEPT);
        list
    }
}

/// Words of captions that say nothing about an adapter.
const FILLERS: [&str; 40] = [
    "the", "and", "with", "that", "this", "from", "has", "have", "her", "his", "hers", "their", "them", "she", "they", "its", "are", "was",
    "were", "which", "while", "for", "into", "onto", "over", "under", "there", "who", "whose", "but", "not", "also", "being", "been",
    "other", "some", "one", "two", "image", "appears",
];

/// `{folder: {tag: count}}`, read without a tree in between; what is no count counts as 0.
struct Folders(Vec<(String, Vec<(String, u64)>)>);

impl<'de> Deserialize<'de> for Folders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Folders;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("folders with tags")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Folders, A::Error> {
                let mut out = Vec::new();
                while let Some((folder, Tags(tags))) = map.next_entry::<String, Tags>()? {
                    out.push((folder, tags));
                }
                Ok(Folders(out))
            }
        }
        deserializer.deserialize_map(V)
    }
}

struct Tags(Vec<(String, u64)>);

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Tags;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tags with counts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tags, A::Error> {
                let mut out = Vec::new();
                while let Some((tag, Count(count))) = map.next_entry::<String, Count>()? {
                    out.push((tag, count));
                }
                Ok(Tags(out))
            }
        }
        deserializer.deserialize_map(V)
    }
}

struct Count(u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Count;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count")
            }
            fn visit_u64<E>(self, v: u64) -> Result<Count, E> {
                Ok(Count(v))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Count, E> {
                Ok(Count(u64::try_from(v).unwrap_or(0)))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Count, E> {
                Ok(Count(v as u64))
            }
            fn visit_str<E>(self, v: &str) -> Result<Count, E> {
                Ok(Count(v.parse().unwrap_or(0)))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
                Ok(Count(0))
            }
            fn visit_unit<E>(self) -> Result<Count, E> {
                Ok(Count(0))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Count, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Count(0))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Count, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Count(0))
            }
        }
        deserializer.deserialize_any(V)
    }
}
