//! A picture becomes a row.

use super::view::PROMPT_CHARS;
use super::{KeptPicture, PictureRepo};
use crate::error::{StoreError, StoreResult};
use crate::sql::Sql;
use crate::text::{search_text, storable};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use weft_domain::PictureId;

impl PictureRepo {
    /// Stores a picture whose bytes are there already, and whether it is new: a shot of a generation has one row, whoever comes first.
    /// Adapters and a parent that have gone are left out.
    pub async fn insert(&self, new: &KeptPicture, now_ms: i64) -> StoreResult<(PictureId, bool)> {
        let tx = self.store.begin().await?;
        let id = match row(&tx, new, now_ms).await? {
            Some(id) => id,
            None => {
                let id = shot(&tx, new).await?;
                tx.commit().await?;
                return Ok((id, false));
            }
        };
        for adapter in &new.recipe.adapters {
            let Some(known) = adapter.id else { continue };
            let mut sql = Sql::new("INSERT INTO picture_adapters (picture_id, adapter_id, weight) SELECT CAST(");
            sql.bind(id.0).push(" AS BIGINT), id, CAST(").bind(adapter.weight).push(" AS DOUBLE PRECISION) FROM adapters WHERE id = ");
            sql.bind(known.0).push(" ON CONFLICT DO NOTHING");
            tx.execute_raw(sql.on(tx.get_database_backend())).await?;
        }
        tx.commit().await?;
        Ok((id, true))
    }
}

/// None where the shot has its row.
async fn row(tx: &DatabaseTransaction, new: &KeptPicture, now_ms: i64) -> StoreResult<Option<PictureId>> {
    let recipe = &new.recipe;
    let json = serde_json::to_string(recipe).map_err(|source| StoreError::Corrupt { what: "recipe", id: 0, source })?;
    let mut sql = Sql::new(
        "INSERT INTO pictures (generation_id, shot, blob, format, size, width, height, colour, file_name, source, prompt, seed, \
         checkpoint_id, checkpoint, recipe, search_text, created_ms, parent_id) VALUES (",
    );
    sql.bind(new.generation.map(|id| id.0)).push(", ").bind(i64::from(new.shot)).push(", ").bind(new.blob.as_str());
    sql.push(", ").bind(new.format.as_str()).push(", ").bind(new.size);
    sql.push(", ").bind(i64::from(new.width)).push(", ").bind(i64::from(new.height));
    sql.push(", ").bind(new.colour.as_str()).push(", ").bind(storable(&new.file_name)).push(", ").bind(new.source.as_str());
    sql.push(", ").bind(storable(&recipe.prompt.chars().take(PROMPT_CHARS).collect::<String>()));
    sql.push(", ").bind(recipe.seed.map(|seed| seed.to_string()));
    sql.push(", ").bind(recipe.checkpoint.id.map(|id| id.0)).push(", ").bind(storable(&recipe.checkpoint.name));
    // JSON writes a NUL as an escape, which both engines hold in a text.
    sql.push(", ").bind(json).push(", ").bind(words(new)).push(", ").bind(now_ms);
    sql.push(", (SELECT id FROM pictures WHERE id = ").bind(new.parent.map(|id| id.0));
    sql.push(")) ON CONFLICT (generation_id, shot) DO NOTHING RETURNING id");
    let row = tx.query_one_raw(sql.on(tx.get_database_backend())).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.map(PictureId))
}

async fn shot(tx: &DatabaseTransaction, new: &KeptPicture) -> StoreResult<PictureId> {
    let mut sql = Sql::new("SELECT id FROM pictures WHERE generation_id = ");
    sql.bind(new.generation.map(|id| id.0)).push(" AND shot = ").bind(i64::from(new.shot));
    let row = tx.query_one_raw(sql.on(tx.get_database_backend())).await?;
    let missing = || StoreError::NotFound { what: "picture", id: i64::from(new.shot) };
    Ok(PictureId(row.ok_or_else(missing)?.try_get_by_index(0)?))
}

/// What the gallery's search looks at.
fn words(new: &KeptPicture) -> String {
    let recipe = &new.recipe;
    let fixed = [recipe.prompt.as_str(), recipe.negative.as_str(), recipe.checkpoint.name.as_str(), new.file_name.as_str()];
    let names = recipe.adapters.iter().map(|adapter| adapter.name.as_str());
    search_text(names.chain(fixed))
}
