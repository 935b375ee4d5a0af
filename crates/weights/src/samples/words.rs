//! Pleasant names, trigger words and tags for samples.

use super::rng::Rng;
use serde_json::{Map, Value, json};

const FIRST: [&str; 48] = [
    "Stained Glass",
    "Paper Lantern",
    "Cobalt",
    "Ember",
    "Moss",
    "Gilded",
    "Silver Birch",
    "Velvet",
    "Salt Marsh",
    "Indigo",
    "Amber",
    "Porcelain",
    "Woven",
    "Midnight",
    "Juniper",
    "Copper",
    "Honeycomb",
    "Linen",
    "Obsidian",
    "Saffron",
    "Tidal",
    "Quiet",
    "Clockwork",
    "Marble",
    "Harvest",
    "Aurora",
    "Rust",
    "Ivory",
    "Meadow",
    "Ink Wash",
    "Pewter",
    "Coral",
    "Winter",
    "Terracotta",
    "Opal",
    "Thistle",
    "Smoke",
    "Jade",
    "Driftwood",
    "Crimson",
    "Chalk",
    "Fern",
    "Lunar",
    "Walnut",
    "Mosaic",
    "Sepia",
    "Glacier",
    "Orchard",
];

const SECOND: [&str; 48] = [
    "Vespers",
    "Atelier",
    "Harbour",
    "Reverie",
    "Garden",
    "Almanac",
    "Procession",
    "Interlude",
    "Cartography",
    "Menagerie",
    "Cathedral",
    "Lullaby",
    "Workshop",
    "Horizon",
    "Tapestry",
    "Herbarium",
    "Nocturne",
    "Parade",
    "Archive",
    "Tableau",
    "Orchestra",
    "Pilgrim",
    "Carnival",
    "Observatory",
    "Chronicle",
    "Portraits",
    "Skyline",
    "Fables",
    "Rituals",
    "Etchings",
    "Voyage",
    "Greenhouse",
    "Lighthouse",
    "Masquerade",
    "Arcade",
    "Winterscape",
    "Caravan",
    "Silhouettes",
    "Festival",
    "Sonata",
    "Courtyard",
    "Foundry",
    "Library",
    "Weavers",
    "Monsoon",
    "Solstice",
    "Labyrinth",
    "Botanica",
];

const TAGS: [&str; 56] = [
    "1girl",
    "solo",
    "portrait",
    "landscape",
    "stained glass",
    "soft light",
    "watercolor",
    "ink",
    "architecture",
    "flowers",
    "night",
    "city",
    "forest",
    "sea",
    "looking at viewer",
    "backlighting",
    "close-up",
    "detailed background",
    "traditional media",
    "no humans",
    "sky",
    "cloud",
    "window",
    "candle",
    "glass",
    "gold",
    "long hair",
    "short hair",
    "smile",
    "dress",
    "hat",
    "book",
    "cat",
    "bird",
    "rain",
    "snow",
    "sunset",
    "moon",
    "star (sky)",
    "river",
    "mountain",
    "bridge",
    "street",
    "lantern",
    "garden",
    "wood",
    "stone",
    "metal",
    "fabric",
    "pattern",
    "symmetry",
    "silhouette",
    "monochrome",
    "muted color",
    "vivid color",
    "texture",
];

/// What a sample is called and says about itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Words {
    pub(super) title: String,
    pub(super) trigger: String,
    pub(super) tags: Vec<String>,
    /// `ss_tag_frequency`: {"10_trigger": {tag: count}}.
    pub(super) frequency: String,
}

/// Words of sample `index`: titles differ for the first 2304 samples and are numbered from then on.
pub(super) fn words(index: usize, seed: u64, rng: &mut Rng) -> Words {
    let total = FIRST.len() * SECOND.len();
    // 1001 shares no factor with 48·48: a walk over all pairs in an order that looks shuffled.
    let pair = (index * 1001 + seed as usize % total) % total;
    let (first, second) = (FIRST[pair / SECOND.len()], SECOND[pair % SECOND.len()]);
    let round = index / total;
    let title = if round == 0 { format!("{first} {second}") } else { format!("{first} {second} {}", round + 1) };
    let trigger = format!("{}{}", short(first), short(second));
    let images = 20 + rng.below(180);
    let mut counts: Vec<(String, usize)> = vec![(trigger.clone(), images)];
    for _ in 0..8 + rng.below(14) {
        let tag = *rng.pick(&TAGS);
        if counts.iter().all(|(t, _)| t != tag) {
            counts.push((tag.to_owned(), 1 + rng.below(images)));
        }
    }
    let tags = counts.iter().skip(1).map(|(t, _)| t.clone()).take(8).collect();
    let frequency: Map<String, Value> = counts.into_iter().map(|(t, c)| (t, json!(c))).collect();
    let frequency = json!({ format!("10_{trigger}"): frequency }).to_string();
    Words { title, trigger, tags, frequency }
}

/// The consonants and first letter of a word or two, as people make trigger words.
fn short(words: &str) -> String {
    let lower = words.to_lowercase();
    let letters = lower.chars().filter(|c| c.is_ascii_alphabetic());
    letters.enumerate().filter(|(i, c)| *i == 0 || !"aeiou".contains(*c)).map(|(_, c)| c).take(4).collect()
}
