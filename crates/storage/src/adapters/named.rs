//! Adapters by what a prompt calls them.

use super::AdapterRepo;
use crate::error::StoreResult;
use crate::sql::Sql;
use sea_orm::ConnectionTrait;
use std::collections::HashMap;
use weft_domain::AdapterId;

/// Endings that a prompt leaves away.
const ENDINGS: [&str; 5] = ["", ".safetensors", ".pt", ".ckpt", ".bin"];

impl AdapterRepo {
    /// Usable adapters by file name without its ending, else by the name that is shown; letters' case does not count. Of several files of one
    /// name the one that the library has longest. What is not found is left out.
    pub async fn named(&self, names: &[String]) -> StoreResult<HashMap<String, AdapterId>> {
        let mut found = HashMap::new();
        let read = self.store.read();
        for name in names {
            let wanted = name.to_lowercase();
            let files = ENDINGS.iter().map(|ending| format!("{wanted}{ending}"));
            let mut sql = Sql::new(
                "SELECT id FROM adapters WHERE state = 'ready' AND root_id IN (SELECT id FROM roots WHERE removed_ms IS NULL) AND (LOWER(file_name) IN ",
            );
            sql.bind_list(files).push(" OR LOWER(name) = ").bind(wanted.as_str()).push(") ORDER BY CASE WHEN LOWER(name) = ");
            sql.bind(wanted.as_str()).push(" THEN 1 ELSE 0 END, id LIMIT 1");
            if let Some(row) = read.query_one_raw(sql.on(read.get_database_backend())).await? {
                found.insert(name.clone(), AdapterId(row.try_get_by_index(0)?));
            }
        }
        Ok(found)
    }
}
