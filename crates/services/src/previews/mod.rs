//! Pictures of adapters: the one beside the file or inside its metadata, else the woven portrait of its strengths.

mod colour;
mod cover;
mod job;
mod palette;
mod pattern;
pub mod portrait;
mod thumbnail;

pub(crate) use cover::present as cover_present;
pub(crate) use job::{BESIDE, INSIDE, ThumbnailJob};

use crate::access::Reader;
use crate::library::no_such_adapter;
use crate::problem::ForPeople as _;
use bytes::Bytes;
use portrait::{Subject, Warp};
use weft_domain::{AdapterCard, AdapterId, BlockStrength, Problem};
use weft_storage::{Blobs, Store};
use weft_weights::layout::Layout;

/// One picture to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub bytes: Bytes,
    /// `image/jpeg`, `image/png` or `image/svg+xml`.
    pub content_type: &'static str,
    /// Changes exactly when the bytes do; without quotes.
    pub etag: String,
}

/// The pictures use case. Clones share it.
#[derive(Debug, Clone)]
pub struct Previews {
    store: Store,
    blobs: Blobs,
}

impl Previews {
    pub(crate) fn new(store: Store, blobs: Blobs) -> Self {
        Self { store, blobs }
    }

    /// The picture of an adapter, `width` in pixels rounded up to one that is kept (160, 320, 640). Portraits are drawn at any size.
    pub async fn picture(&self, _: &Reader, id: AdapterId, width: u32) -> Result<Picture, Problem> {
        let adapters = self.store.adapters();
        let place = adapters.place(id).await.for_people("looking up a file")?.ok_or_else(no_such_adapter)?;
        if let Some(key) = &place.preview_blob
            && let Some(picture) = self.stored(key, width).await?
        {
            return Ok(picture);
        }
        let card = adapters.cards(&[id]).await.for_people("reading a card")?.pop().ok_or_else(no_such_adapter)?;
        let blocks = adapters.blocks(&[id]).await.for_people("reading strengths")?.pop().map(|(_, blocks)| blocks).unwrap_or_default();
        let layout = place.layout_id.as_deref().and_then(Layout::by_id);
        let seed = place.header_hash.as_deref().unwrap_or(&place.rel_path);
        let svg = drawn(&card, &blocks, layout, seed);
        Ok(Picture { bytes: svg.into(), content_type: "image/svg+xml", etag: card.preview_version })
    }

    async fn stored(&self, key: &str, width: u32) -> Result<Option<Picture>, Problem> {
        let width = thumbnail::WIDTHS.into_iter().find(|kept| *kept >= width).unwrap_or(thumbnail::WIDTHS[thumbnail::WIDTHS.len() - 1]);
        let found = self.blobs.get_derived(key, &format!("w{width}")).await.for_people("reading a picture")?;
        Ok(found.map(|bytes| {
            let content_type = thumbnail::content_type(&bytes);
            Picture { bytes, content_type, etag: format!("{}-{width}", key.chars().take(20).collect::<String>()) }
        }))
    }
}

/// The portrait of a card. What is not measured is drawn neutral, in the shape of its layout.
fn drawn(card: &AdapterCard, blocks: &[BlockStrength], layout: Option<&Layout>, seed: &str) -> String {
    let measured = card.has_block_weights && !card.fallback && !blocks.is_empty();
    let warps: Vec<Warp> = match (blocks.is_empty(), layout) {
        (false, _) => threads(blocks.iter().map(|b| (b.group.as_str(), b.present.then_some(b.rms)))),
        (true, Some(layout)) => threads(layout.slots.iter().map(|s| (s.group.id(), Some(1.0)))),
        (true, None) => Vec::new(),
    };
    let subject = Subject { warps: &warps, measured, family: &card.family, kind: &card.kind, rank: card.rank_max, seed: seed_of(seed) };
    portrait::draw(&subject)
}

/// Threads in layout order; a new group begins where its name changes.
fn threads<'a>(slots: impl Iterator<Item = (&'a str, Option<f64>)>) -> Vec<Warp> {
    let (mut group, mut before) = (0u8, None);
    slots
        .map(|(name, rms)| {
            if before.is_some_and(|b| b != name) {
                group = group.saturating_add(1);
            }
            before = Some(name);
            Warp { rms, group }
        })
        .collect()
}

/// FNV-1a: the same number for the same text everywhere.
fn seed_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
