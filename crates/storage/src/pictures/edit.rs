//! What a person says of pictures.

use super::{CHUNK, PictureRepo};
use crate::error::StoreResult;
use crate::sql::Sql;
use sea_orm::ConnectionTrait;
use weft_domain::PictureId;
use weft_domain::generation::PictureEdit;

impl PictureRepo {
    /// Applies an edit to these pictures; unknown ids are passed over. One that is in the trash keeps the time at which it came there.
    pub async fn edit(&self, ids: &[PictureId], edit: &PictureEdit, now_ms: i64) -> StoreResult<()> {
        if *edit == PictureEdit::default() {
            return Ok(());
        }
        let tx = self.store.begin().await?;
        for ids in ids.chunks(CHUNK) {
            let mut sql = Sql::new("UPDATE pictures SET id = id");
            if let Some(favourite) = edit.favourite {
                sql.push(", favourite = ").bind(favourite);
            }
            if let Some(rating) = edit.rating {
                sql.push(", rating = ").bind((rating > 0).then_some(i64::from(rating)));
            }
            match edit.deleted {
                Some(true) => drop(sql.push(", deleted_ms = COALESCE(deleted_ms, ").bind(now_ms).push(")")),
                Some(false) => drop(sql.push(", deleted_ms = NULL")),
                None => {}
            }
            sql.push(" WHERE id IN ").bind_list(ids.iter().map(|id| id.0));
            tx.execute_raw(sql.on(tx.get_database_backend())).await?;
        }
        Ok(tx.commit().await?)
    }
}
