//! Where things lie.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The folders of this checkout.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo puts native programs (`CARGO_TARGET_DIR`, or `target`).
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Finds the checkout this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in no workspace")?.to_owned();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => root.join(dir),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// What the server serves: `target/site`, fixed, because the server embeds it by this path.
    pub(crate) fn site(&self) -> PathBuf {
        self.root.join("target/site")
    }

    /// The target folder of the WebAssembly build; apart from the native one, whose features differ.
    pub(crate) fn front_target(&self) -> PathBuf {
        self.root.join("target/front")
    }

    /// Outputs of single steps and what they were made from.
    pub(crate) fn cache(&self) -> PathBuf {
        self.root.join("target/xtask")
    }
}
