//! Is the program in working order?

use weft_storage::Store;

/// Asks the database. Clones share it.
#[derive(Debug, Clone)]
pub struct HealthCheck {
    store: Store,
}

impl HealthCheck {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// True when the database answers.
    pub async fn check(&self) -> bool {
        match self.store.ping().await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "the database does not answer");
                false
            }
        }
    }

    /// "SQLite" or "PostgreSQL".
    #[must_use]
    pub fn database_name(&self) -> String {
        self.store.database_name().to_owned()
    }
}
