//! Write-back beside the computing: what was written goes to the disk while the rest is made, so that the last sync finds little to do.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

/// Bytes between two syncs: a disk of 1 GB/s needs 30 ms for them, far more than a sync costs by itself.
const STRETCH: u64 = 32 << 20;

/// The thread that syncs a file, from the first [`STRETCH`] on.
#[derive(Debug, Default)]
pub(super) struct Behind(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    At(Worker),
    /// The system tells each failed write-back once only; what came after it cannot be trusted.
    Failed,
}

#[derive(Debug)]
struct Worker {
    ask: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Worker {
    fn start(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let (ask, asked) = sync_channel(1);
        let thread = Builder::new().name("write-back".into()).spawn(move || asked.iter().try_for_each(|()| file.sync_data()))?;
        Ok(Self { ask, thread })
    }
}

impl Behind {
    /// Asks for what was written so far. One that is still busy is not asked twice.
    fn ask(&self, file: &File) -> io::Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Idle) {
            // Without a thread (WebAssembly, a full process table) the last sync does it all.
            let Ok(worker) = Worker::start(file) else { return Ok(()) };
            *state = State::At(worker);
        }
        let ended = matches!(&*state, State::At(worker) if matches!(worker.ask.try_send(()), Err(TrySendError::Disconnected(()))));
        if ended { finish(&mut state) } else { Ok(()) }
    }

    /// Waits for the thread. An error of any of its syncs is an error of the file.
    pub(super) fn end(&self) -> io::Result<()> {
        finish(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn finish(state: &mut State) -> io::Result<()> {
    match std::mem::take(state) {
        State::Idle => Ok(()),
        State::At(Worker { ask, thread }) => {
            drop(ask);
            let result = thread.join().unwrap_or_else(|_| Err(io::Error::other("the write-back ended in a fault")));
            if result.is_err() {
                *state = State::Failed;
            }
            result
        }
        State::Failed => {
            *state = State::Failed;
            Err(io::Error::other("an earlier part could not be put on the disk"))
        }
    }
}

/// Where the bytes of an [`AtomicFile`](super::AtomicFile) go.
#[derive(Debug)]
pub struct Sink<'a> {
    pub(super) file: &'a File,
    pub(super) behind: &'a Behind,
    /// Bytes that nobody was asked to sync yet.
    pub(super) fresh: u64,
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.fresh += n as u64;
        if self.fresh >= STRETCH {
            self.fresh = 0;
            self.behind.ask(self.file)?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Sink<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sink<'a>(file: &'a File, behind: &'a Behind) -> Sink<'a> {
        Sink { file, behind, fresh: 0 }
    }

    #[test]
    fn a_long_file_is_synced_beside_the_writing_and_whole() {
        let file = tempfile::tempfile().unwrap();
        let behind = Behind::default();
        let mut out = sink(&file, &behind);
        let piece: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
        (0..80).for_each(|_| out.write_all(&piece).unwrap());
        assert!(matches!(*behind.0.lock().unwrap(), State::At(_)));
        behind.end().unwrap();
        assert!(matches!(*behind.0.lock().unwrap(), State::Idle));
        assert_eq!(file.metadata().unwrap().len(), 80 << 20);
    }

    #[test]
    fn a_short_file_needs_no_thread() {
        let file = tempfile::tempfile().unwrap();
        let behind = Behind::default();
        sink(&file, &behind).write_all(&[1; 1000]).unwrap();
        assert!(matches!(*behind.0.lock().unwrap(), State::Idle));
        behind.end().unwrap();
    }

    /// A pipe takes writes and refuses to sync: the error reaches the writer, and the file stays failed.
    #[cfg(unix)]
    #[test]
    fn a_failed_write_back_is_told_and_not_forgotten() {
        let (mut from, to) = io::pipe().unwrap();
        let drain = std::thread::spawn(move || io::copy(&mut from, &mut io::sink()).unwrap());
        let file = File::from(std::os::fd::OwnedFd::from(to));
        let behind = Behind::default();
        let mut out = sink(&file, &behind);
        let piece = vec![0; STRETCH as usize];
        let failed = (0..100).any(|_| out.write_all(&piece).is_err());
        assert!(failed || behind.end().is_err());
        assert!(behind.end().is_err());
        drop(file);
        drop(behind);
        drain.join().unwrap();
    }
}
