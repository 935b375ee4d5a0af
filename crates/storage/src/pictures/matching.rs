//! Finding what another program named: by hash, then by name.

use super::PictureRepo;
use crate::error::StoreResult;
use crate::sql::Sql;
use crate::text::name_key;
use sea_orm::ConnectionTrait;
use weft_domain::{AdapterId, CheckpointId};

/// A hash as pictures carry it: hex, some of the first digits of SHA-256, AutoV2 or AutoV3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHash(String);

impl KnownHash {
    /// Lower-case digits of a hash; None for what cannot be told from chance (fewer than eight digits) or is no hash.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.strip_prefix("0x").unwrap_or(text).to_ascii_lowercase();
        let fits = (8..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then_some(Self(digits))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PictureRepo {
    /// The adapter of that hash, else the one of that name: shown name or file name without its ending. What can be used goes first, then
    /// what came first.
    pub async fn find_adapter(&self, hash: Option<&KnownHash>, name: &str) -> StoreResult<Option<(AdapterId, String)>> {
        Ok(self.find("adapters", hash, name).await?.map(|(id, name)| (AdapterId(id), name)))
    }

    /// The checkpoint of that hash, else the one of that name, as [`Self::find_adapter`]; and its family.
    pub async fn find_checkpoint(&self, hash: Option<&KnownHash>, name: &str) -> StoreResult<Option<(CheckpointId, String)>> {
        Ok(self.find("checkpoints", hash, name).await?.map(|(id, name)| (CheckpointId(id), name)))
    }

    /// Id and family.
    async fn find(&self, table: &str, hash: Option<&KnownHash>, name: &str) -> StoreResult<Option<(i64, String)>> {
        let read = self.store.read();
        if let Some(hash) = hash {
            let mut sql = begun(table);
            sql.push(" AND (FALSE");
            // AutoV3 has twelve digits: a hash over tensors that is written in full begins with them.
            for (column, most) in [("sha256", 64), ("autov3", 12)] {
                let digits = hash.as_str().get(..most).unwrap_or(hash.as_str());
                // What follows the known digits is always smaller than `g`.
                sql.push(" OR (t.").push(column).push(" >= ").bind(digits).push(" AND t.").push(column).push(" < ");
                sql.bind(format!("{digits}g")).push(")");
            }
            sql.push(")").push(LIKELIEST);
            if let Some(row) = read.query_one_raw(sql.on(read.get_database_backend())).await? {
                return Ok(Some((row.try_get_by_index(0)?, row.try_get_by_index(1)?)));
            }
        }
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let stem = [".safetensors", ".ckpt", ".pt"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
        if stem.is_empty() {
            return Ok(None);
        }
        let mut sql = begun(table);
        let mut names = vec![stem.to_owned()];
        names.extend([".safetensors", ".ckpt", ".pt"].iter().map(|ending| format!("{stem}{ending}")));
        sql.push(" AND (t.file_name IN ").bind_list(names).push(" OR t.name_key = ").bind(name_key(stem)).push(")").push(LIKELIEST);
        let row = read.query_one_raw(sql.on(read.get_database_backend())).await?;
        row.map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).transpose()
    }
}

const LIKELIEST: &str = " ORDER BY CASE WHEN t.state = 'ready' THEN 0 ELSE 1 END, t.id LIMIT 1";

fn begun(table: &str) -> Sql {
    let mut sql = Sql::new("SELECT t.id, t.family FROM ");
    sql.push(table).push(" t JOIN roots r ON r.id = t.root_id WHERE r.removed_ms IS NULL");
    sql
}
