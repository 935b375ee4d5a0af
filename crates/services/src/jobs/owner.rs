//! Who a worker is. The name outlives the process, so that a start right after a crash knows which jobs its own earlier life held.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// A worker's name on leases, and the lock that proves that no other process goes by it.
#[derive(Debug)]
pub struct Owner {
    id: String,
    /// Nobody else uses this name: what it holds in the table is left over from an earlier life.
    sole: bool,
    /// Held as long as the worker lives.
    _lock: Option<File>,
}

impl Owner {
    /// The worker of a data folder. A second process on the same folder (a command beside the server) is a stranger with its own name.
    pub fn of(data_dir: &Path) -> std::io::Result<Self> {
        let path = data_dir.join("worker.lock");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Self::stranger()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let name = data_dir.join("worker.id");
        let id = match std::fs::read_to_string(&name) {
            Ok(id) if !id.trim().is_empty() => id.trim().to_owned(),
            _ => {
                let id = uuid::Uuid::new_v4().simple().to_string();
                std::fs::write(&name, &id)?;
                id
            }
        };
        Ok(Self { id, sole: true, _lock: Some(file) })
    }

    /// A worker with a name of its own and no past.
    #[must_use]
    pub fn stranger() -> Self {
        Self { id: uuid::Uuid::new_v4().simple().to_string(), sole: false, _lock: None }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn is_sole(&self) -> bool {
        self.sole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_outlives_the_process_but_is_never_shared() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let first = Owner::of(folder.path())?;
        let beside = Owner::of(folder.path())?;
        assert!(first.is_sole() && !beside.is_sole());
        assert_ne!(first.id(), beside.id());
        let name = first.id().to_owned();
        drop(first);
        assert_eq!(Owner::of(folder.path())?.id(), name);
        Ok(())
    }
}
