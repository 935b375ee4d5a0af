//! The bytes of a picture: the file as it is, in another format, small, or as pixels.

use super::{Pictures, no_such_picture};
use crate::access::Reader;
use crate::problem::{ForPeople as _, blocking, internal};
use bytes::Bytes;
use weft_domain::{PictureId, Problem};
use weft_pictures::{Format, PictureError, Pixels, THUMBNAIL_WIDTHS, decode, encode, thumbnail};
use weft_storage::PictureFile as Stored;

/// One file to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureFile {
    pub bytes: Bytes,
    /// `image/png`, `image/jpeg` or `image/webp`.
    pub content_type: &'static str,
    /// Changes exactly when the bytes do; without quotes.
    pub etag: String,
    /// What the file is called when it is downloaded.
    pub name: String,
}

impl Pictures {
    /// The file of a picture. None, or its own format: the bytes as they were kept; another one: written anew, parameters and all.
    pub async fn file(&self, _: &Reader, id: PictureId, format: Option<Format>) -> Result<PictureFile, Problem> {
        let stored = self.stored(id).await?;
        let bytes = self.bytes(&stored).await?;
        let own = Format::parse(&stored.format).unwrap_or_default();
        let format = format.unwrap_or(own);
        let tag: String = stored.blob.chars().take(24).collect();
        if format == own {
            return Ok(PictureFile { bytes, content_type: own.content_type(), etag: tag, name: stored.file_name });
        }
        let recipe = self.repo().details(id).await.for_people("reading a picture")?.ok_or_else(no_such_picture)?.recipe;
        let made = blocking(move || decode(&bytes).and_then(|pixels| encode(&pixels, &recipe, format))).await?;
        let stem = stored.file_name.rsplit_once('.').map_or(stored.file_name.as_str(), |(stem, _)| stem);
        Ok(PictureFile {
            bytes: made.map_err(|error| unreadable(id, &error))?.into(),
            content_type: format.content_type(),
            etag: format!("{tag}-{}", format.as_str()),
            name: format!("{stem}.{}", format.ending()),
        })
    }

    /// A small copy, `width` in pixels rounded up to one that is kept ([`THUMBNAIL_WIDTHS`]). Made when it is first asked for.
    pub async fn thumbnail(&self, _: &Reader, id: PictureId, width: u32) -> Result<PictureFile, Problem> {
        let widest = THUMBNAIL_WIDTHS[THUMBNAIL_WIDTHS.len() - 1];
        let width = THUMBNAIL_WIDTHS.into_iter().find(|kept| *kept >= width).unwrap_or(widest);
        let stored = self.stored(id).await?;
        let suffix = format!("t{width}");
        let kept = || async { self.inner.blobs.get_derived(&stored.blob, &suffix).await.for_people("reading a thumbnail") };
        if let Some(bytes) = kept().await? {
            return Ok(small(bytes, &stored, width));
        }
        let _one_at_a_time = self.inner.making.lock().await;
        if let Some(bytes) = kept().await? {
            return Ok(small(bytes, &stored, width));
        }
        let bytes = self.bytes(&stored).await?;
        let made = blocking(move || thumbnail(&bytes, width)).await?.map_err(|error| unreadable(id, &error))?;
        let bytes = Bytes::from(made.bytes);
        // Without room on the disk it is made anew the next time; the picture is shown all the same.
        if let Err(error) = self.inner.blobs.put_derived(&stored.blob, &suffix, bytes.clone()).await {
            tracing::warn!(%error, "a thumbnail cannot be stored");
        }
        Ok(small(bytes, &stored, width))
    }

    /// The pixels of a picture, for one that begins with it.
    pub(crate) async fn pixels(&self, id: PictureId) -> Result<Pixels, Problem> {
        let bytes = self.bytes(&self.stored(id).await?).await?;
        blocking(move || decode(&bytes)).await?.map_err(|error| unreadable(id, &error))
    }

    async fn stored(&self, id: PictureId) -> Result<Stored, Problem> {
        self.repo().file(id).await.for_people("looking up a picture")?.ok_or_else(no_such_picture)
    }

    async fn bytes(&self, stored: &Stored) -> Result<Bytes, Problem> {
        let bytes = self.inner.blobs.get(&stored.blob).await.for_people("reading a picture")?;
        bytes.ok_or_else(|| {
            tracing::error!(picture = %stored.id, blob = %stored.blob, "the bytes of a picture are gone");
            Problem::not_found("The file of this picture is gone.").hint("It was removed from Weft's data folder by somebody else.")
        })
    }
}

fn small(bytes: Bytes, stored: &Stored, width: u32) -> PictureFile {
    let tag: String = stored.blob.chars().take(24).collect();
    let format = Format::of(&bytes).unwrap_or(Format::Jpeg);
    PictureFile { bytes, content_type: format.content_type(), etag: format!("{tag}-{width}"), name: stored.file_name.clone() }
}

/// Pixels of a kept picture were read once before: that they cannot be now is worth a line in the log.
fn unreadable(id: PictureId, error: &PictureError) -> Problem {
    match error {
        PictureError::Write(_) => internal("a picture cannot be written", error),
        error => {
            tracing::warn!(picture = %id, %error, "a kept picture cannot be read");
            Problem::invalid("picture", "The pixels of this picture cannot be read.").detail(error.to_string())
        }
    }
}
