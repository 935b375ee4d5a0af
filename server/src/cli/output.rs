//! Progress and numbers on a terminal.

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use weft_weights::progress::Progress;
use weft_weights::write::AtomicFile;

/// A bar on stderr; nothing where stderr is no terminal. Ctrl-C asks the work to stop between two steps.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    cancelled: &'static AtomicBool,
}

/// Set by Ctrl-C for the rest of the process: the only global, because a signal has no other place to go.
static CANCELLED: AtomicBool = AtomicBool::new(false);

impl Bar {
    /// A bar that is not yet moving.
    pub(super) fn new() -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {eta}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(0).with_style(style);
        watch_interrupt();
        Self { bar, cancelled: &CANCELLED }
    }

    /// Takes the bar off the screen.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn step(&self, done: u64, total: u64, what: &str) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.set_message(what.to_owned());
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// The first Ctrl-C asks, the second ends the program.
fn watch_interrupt() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        std::thread::spawn(|| {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            runtime.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    if CANCELLED.swap(true, Ordering::Relaxed) {
                        std::process::exit(130);
                    }
                    eprintln!("\nstopping after this step; press again to stop at once");
                }
            });
        });
    });
}

/// `8`, or `4 to 16`.
pub(super) fn span(min: usize, max: usize) -> String {
    if min == max { min.to_string() } else { format!("{min} to {max}") }
}

/// `12.3 MB`.
pub(super) fn bytes(count: u64) -> String {
    indicatif::DecimalBytes(count).to_string()
}

/// Words from strangers' files: what could steer a terminal is shown, not obeyed.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Writes a small text file beside `target`, whole or not at all.
pub(super) fn beside(target: &Path, name: &str, text: &str, overwrite: bool) -> Result<()> {
    let file = AtomicFile::create(&target.with_file_name(name), overwrite)?;
    file.file()?.write_all(text.as_bytes())?;
    Ok(file.commit(overwrite)?)
}

/// An error with its causes, in one line. Many errors name their cause themselves: what was said already is not said again.
#[must_use]
pub fn why(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if said.is_empty() {
            said = cause;
        } else if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context as _, anyhow};

    #[test]
    fn a_cause_is_told_once() {
        let full = weft_weights::write::WriteError::Io { path: "ink".into(), source: std::io::Error::other("no room") };
        let error = anyhow::Error::from(full).context("The merge ended");
        assert_eq!(why(&error), "The merge ended: could not write ink: no room");
        let error = Err::<(), _>(anyhow!("no such file")).context("ink.safetensors").unwrap_err();
        assert_eq!(why(&error), "ink.safetensors: no such file");
    }
}
