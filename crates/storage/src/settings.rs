//! Small facts that outlive a start, by name.

use crate::error::{StoreError, StoreResult};
use crate::sql::Sql;
use crate::store::Store;
use sea_orm::ConnectionTrait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use weft_domain::Lane;

/// The `settings` table: values are JSON.
#[derive(Debug, Clone)]
pub struct SettingRepo {
    pub(crate) store: Store,
}

/// Name of the setting that keeps a lane from beginning anything; [`crate::JobRepo::claim`] looks at it.
pub(crate) fn paused_name(lane: Lane) -> String {
    format!("paused.{}", lane.as_str())
}

impl SettingRepo {
    /// What is kept under a name. None where nothing is, or something of another form.
    pub async fn get<T: DeserializeOwned>(&self, name: &str) -> StoreResult<Option<T>> {
        let mut sql = Sql::new("SELECT value FROM settings WHERE name = ");
        sql.bind(name);
        let read = self.store.read();
        let row = read.query_one_raw(sql.on(read.get_database_backend())).await?;
        let text: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps a value under a name.
    pub async fn set<T: Serialize + Sync>(&self, name: &str, value: &T) -> StoreResult<()> {
        let text = serde_json::to_string(value).map_err(|source| StoreError::Corrupt { what: "setting", id: 0, source })?;
        let mut sql = Sql::new("INSERT INTO settings (name, value) VALUES (");
        sql.bind(name).push(", ").bind(text).push(") ON CONFLICT (name) DO UPDATE SET value = excluded.value");
        let write = self.store.write();
        write.execute_raw(sql.on(write.get_database_backend())).await?;
        Ok(())
    }

    /// Whether nothing new is begun in a lane.
    pub async fn paused(&self, lane: Lane) -> StoreResult<bool> {
        Ok(self.get(&paused_name(lane)).await?.unwrap_or(false))
    }

    /// Keeps a lane from beginning anything, on every worker of this database, until it is told otherwise.
    pub async fn pause(&self, lane: Lane, paused: bool) -> StoreResult<()> {
        self.set(&paused_name(lane), &paused).await
    }
}
