//! Pictures of other programs come in: their bytes untouched, their parameters read, what made them looked for in the library.

use super::Pictures;
use crate::access::Editor;
use crate::clock::now_ms;
use crate::names::safe_stem;
use crate::problem::{ForPeople as _, blocking};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use weft_domain::Problem;
use weft_domain::generation::{PictureCard, PictureEdit, Recipe};
use weft_pictures::{Format, Inspected, PictureError, decode, inspect, limits};
use weft_storage::{KeptPicture, KnownHash};

/// What became of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    pub card: PictureCard,
    /// False: the same bytes were here already, and this is their picture.
    pub is_new: bool,
}

impl Pictures {
    /// Takes a picture in. The same bytes are one picture: a second time it is answered as it is, out of the trash if it was there.
    pub async fn import(&self, _: &Editor, bytes: Bytes, name: &str) -> Result<Imported, Problem> {
        if bytes.len() > limits::FILE {
            return Err(refused(&PictureError::TooLong { bytes: bytes.len() }));
        }
        let _one_at_a_time = self.inner.importing.lock().await;
        let whole = bytes.clone();
        let key = blocking(move || hex::encode(Sha256::digest(&whole))).await?;
        if let Some(card) = self.known(&key).await? {
            return Ok(Imported { card, is_new: false });
        }
        let whole = bytes.clone();
        let read = blocking(move || Ok::<_, PictureError>((inspect(&whole)?, decode(&whole)?.colour()))).await?;
        let (Inspected { format, width, height, source, mut recipe }, colour) = read.map_err(|error| refused(&error))?;
        self.match_library(&mut recipe).await?;
        let row = KeptPicture {
            generation: None,
            shot: 0,
            blob: key,
            format: format.as_str().to_owned(),
            size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            width,
            height,
            colour,
            file_name: file_name(name, format),
            source,
            recipe,
            parent: None,
        };
        Ok(Imported { card: self.store(row, bytes).await?, is_new: true })
    }

    async fn known(&self, key: &str) -> Result<Option<PictureCard>, Problem> {
        let Some(card) = self.repo().of_blob(key).await.for_people("looking for a picture")? else { return Ok(None) };
        if card.deleted_ms.is_none() {
            return Ok(Some(card));
        }
        let back = PictureEdit { deleted: Some(false), ..PictureEdit::default() };
        self.repo().edit(&[card.id], &back, now_ms()).await.for_people("restoring a picture")?;
        self.tell(vec![card.id]);
        Ok(Some(PictureCard { deleted_ms: None, ..card }))
    }

    /// Ids of what this library has, by hash and then by name; the rest keeps its name and its hash.
    async fn match_library(&self, recipe: &mut Recipe) -> Result<(), Problem> {
        let repo = self.repo();
        let parsed = |hash: &Option<String>| hash.as_deref().and_then(KnownHash::parse);
        let checkpoint = &mut recipe.checkpoint;
        let found = repo.find_checkpoint(parsed(&checkpoint.hash).as_ref(), &checkpoint.name).await;
        if let Some((id, family)) = found.for_people("looking for a checkpoint")? {
            (checkpoint.id, checkpoint.family) = (Some(id), family);
        }
        for adapter in &mut recipe.adapters {
            let found = repo.find_adapter(parsed(&adapter.hash).as_ref(), &adapter.name).await;
            adapter.id = found.for_people("looking for an adapter")?.map(|(id, _)| id);
        }
        Ok(())
    }
}

fn refused(error: &PictureError) -> Problem {
    Problem::invalid("file", "This file cannot be taken in as a picture.")
        .detail(format!("It was refused because {error}."))
        .hint("PNG, JPEG and WebP up to 64 MB and 200 megapixels are read.")
}

/// The name it came with, with the ending of what it is.
fn file_name(name: &str, format: Format) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = match name.rsplit_once('.') {
        Some((stem, ending)) if Format::parse(ending).is_some() => stem,
        _ => name,
    };
    format!("{}.{}", safe_stem(stem).unwrap_or_else(|| "picture".to_owned()), format.ending())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_name_and_gets_its_true_ending() {
        for (name, want) in [
            ("00012-42.png", "00012-42.webp"),
            ("C:\\pictures\\fox.jpg", "fox.webp"),
            ("../../etc/passwd", "passwd.webp"),
            ("v1.5 fox", "v1.5 fox.webp"),
            ("", "picture.webp"),
            ("\u{202e}gnp.exe", "gnp.exe.webp"),
        ] {
            assert_eq!(file_name(name, Format::Webp), want, "{name}");
        }
    }
}
