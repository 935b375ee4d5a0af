//! What a job is making, under a temporary name until it is complete: a file, or a folder of them.

use super::Form;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use weft_weights::write::{AtomicFile, WriteError, temp_name};

/// A file or a folder without its name yet. Dropped before [`Unfinished::publish`], it leaves nothing.
#[derive(Debug)]
pub(crate) enum Unfinished {
    File(AtomicFile),
    Folder(Folder),
}

impl Unfinished {
    /// Begins beside `target`, which must not exist.
    pub(crate) fn create(target: &Path, form: Form) -> Result<Self, WriteError> {
        match form {
            Form::File => AtomicFile::create(target, false).map(Self::File),
            Form::Folder => Folder::create(target).map(Self::Folder),
        }
    }

    /// Where to make it: a file that is there and may be replaced, or a folder that is not there yet.
    pub(crate) fn place(&self) -> PathBuf {
        match self {
            Self::File(file) => file.temporary().to_owned(),
            Self::Folder(folder) => folder.inside(),
        }
    }

    /// Gives it its name; never replaces what has taken the name meanwhile.
    pub(crate) fn publish(self) -> Result<(), WriteError> {
        match self {
            Self::File(file) => file.commit(false),
            Self::Folder(folder) => folder.publish(),
        }
    }
}

/// A folder inside of one with a temporary name.
#[derive(Debug)]
pub(crate) struct Folder {
    temp: PathBuf,
    target: PathBuf,
}

impl Folder {
    fn create(target: &Path) -> Result<Self, WriteError> {
        if target.symlink_metadata().is_ok() {
            return Err(WriteError::Exists(target.display().to_string()));
        }
        let parent = target.parent().unwrap_or(Path::new("."));
        for n in 0..10_000 {
            let temp = temp_name(parent, n);
            match fs::create_dir(&temp) {
                Ok(()) => return Ok(Self { temp, target: target.to_owned() }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(failed(parent, e)),
            }
        }
        Err(failed(parent, io::Error::other("too many unfinished results; remove the .weft-*.tmp folders of crashed runs")))
    }

    fn inside(&self) -> PathBuf {
        self.temp.join("result")
    }

    /// Its files were forced to the disk by whoever wrote them.
    fn publish(self) -> Result<(), WriteError> {
        if self.target.symlink_metadata().is_ok() {
            return Err(WriteError::Exists(self.target.display().to_string()));
        }
        sync(&self.inside());
        fs::rename(self.inside(), &self.target).map_err(|e| failed(&self.target, e))?;
        self.target.parent().into_iter().for_each(sync);
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is unfinished must not stay, and of what is published this is the empty shell.
        drop(fs::remove_dir_all(&self.temp));
    }
}

/// Makes names durable. Folders cannot be opened on every system; the bytes of the files are safe already.
fn sync(folder: &Path) {
    if let Ok(folder) = fs::File::open(folder) {
        drop(folder.sync_all());
    }
}

fn failed(path: &Path, source: io::Error) -> WriteError {
    WriteError::Io { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("model");
        let entries = || fs::read_dir(dir.path()).unwrap().count();
        let folder = Unfinished::create(&target, Form::Folder).unwrap();
        fs::create_dir_all(folder.place().join("unet")).unwrap();
        assert!(!target.exists());
        drop(folder);
        assert_eq!(entries(), 0);
        let folder = Unfinished::create(&target, Form::Folder).unwrap();
        fs::create_dir_all(folder.place().join("unet")).unwrap();
        folder.publish().unwrap();
        assert!(target.join("unet").is_dir());
        assert_eq!(entries(), 1);
        // What has the name keeps it.
        assert!(matches!(Unfinished::create(&target, Form::Folder), Err(WriteError::Exists(_))));
        let late = dir.path().join("late");
        let folder = Unfinished::create(&late, Form::Folder).unwrap();
        fs::create_dir(folder.place()).unwrap();
        fs::write(&late, b"mine").unwrap();
        assert!(matches!(folder.publish(), Err(WriteError::Exists(_))));
        assert_eq!(fs::read(&late).unwrap(), b"mine");
        assert_eq!(entries(), 2);
    }
}
