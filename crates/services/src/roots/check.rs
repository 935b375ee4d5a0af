//! May this folder become a root? Looks at the disk, changes nothing.

use std::path::{Path, PathBuf};
use weft_domain::Problem;

fn refuse(title: impl Into<String>) -> Problem {
    Problem::invalid("path", title)
}

/// What a person typed as an absolute path: trimmed, quotes off, `~` resolved.
fn expand(typed: &str) -> Result<PathBuf, Problem> {
    let typed = typed.trim();
    let typed = typed.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(typed).trim();
    if typed.is_empty() {
        return Err(refuse("Which folder? The path is empty."));
    }
    if typed.contains('\0') {
        return Err(refuse("This is no path."));
    }
    let home = || std::env::home_dir().ok_or_else(|| refuse("Weft cannot tell where your home folder is.").hint("Write the whole path."));
    let path = match typed.strip_prefix('~') {
        Some("") => home()?,
        Some(rest) if rest.starts_with(['/', '\\']) => home()?.join(rest.trim_start_matches(['/', '\\'])),
        Some(_) => return Err(refuse("Only your own home folder can be written as ~.").hint("Write the whole path.")),
        None => PathBuf::from(typed),
    };
    if path.is_absolute() {
        return Ok(path);
    }
    Err(refuse("The path must be absolute.").hint(if cfg!(windows) {
        "Such as D:\\Models\\Lora."
    } else {
        "Such as /home/you/models/lora, or ~/models/lora."
    }))
}

/// The folder as the disk knows it: it exists, is a folder, can be read, and is not a whole disk.
pub(crate) fn folder(typed: &str) -> Result<PathBuf, Problem> {
    let path = expand(typed)?;
    let real = path.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => refuse("There is no such folder.").detail(format!("Looked for {}.", path.display())),
        std::io::ErrorKind::PermissionDenied => {
            refuse("Weft may not look into this folder.").hint("Give the user that runs Weft the right to read it.")
        }
        _ => refuse("This folder cannot be reached.").detail(error.to_string()),
    })?;
    if !real.is_dir() {
        return Err(refuse("This is a file, not a folder.").hint("Add the folder that it lies in."));
    }
    if let Err(error) = std::fs::read_dir(&real) {
        return Err(refuse("Weft may not read this folder.").detail(error.to_string()));
    }
    if real.parent().is_none() {
        return Err(refuse("This is a whole disk.").hint("Choose the folder that holds your adapters."));
    }
    if real.to_str().is_none() {
        return Err(refuse("The name of this folder is not valid Unicode.").hint("Rename it, or add the folder above it."));
    }
    Ok(real)
}

/// Refuses a folder that overlaps a watched one: a file must have one place in the library.
pub(crate) fn apart<'a>(folder: &Path, others: impl Iterator<Item = (&'a str, &'a Path)>) -> Result<(), Problem> {
    for (name, other) in others {
        if folder == other {
            return Err(Problem {
                field: Some("path".into()),
                ..Problem::conflict(format!("“{name}” is this folder: it is in the library already."))
            });
        }
        if folder.starts_with(other) {
            return Err(
                refuse(format!("This folder lies inside “{name}”, which is in the library already.")).detail("Its adapters are there.")
            );
        }
        if other.starts_with(folder) {
            return Err(refuse(format!("This folder lies around “{name}”, which is in the library already."))
                .hint(format!("Remove “{name}” first: what you wrote about its adapters comes along.")));
        }
    }
    Ok(())
}

/// Refuses Weft's own data, but for the samples in it.
pub(crate) fn not_our_data(folder: &Path, data: &Path, samples: &Path) -> Result<(), Problem> {
    if folder.starts_with(data) && folder != samples {
        return Err(refuse("This is where Weft keeps its own data."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_folder_is_refused_by_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), b"").unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        for (typed, word) in [
            (String::new(), "empty"),
            ("models".to_owned(), "absolute"),
            ("a\0b".to_owned(), "no path"),
            (path("gone"), "no such"),
            (path("file"), "file, not"),
            ("~someone/x".to_owned(), "~"),
        ] {
            let problem = folder(&typed).unwrap_err();
            assert!(problem.title.contains(word), "{typed}: {problem}");
            assert_eq!(problem.field.as_deref(), Some("path"));
        }
        #[cfg(unix)]
        assert!(folder("/").unwrap_err().title.contains("whole disk"));
        assert_eq!(folder(&format!(" \"{}/\" ", dir.path().display())).unwrap(), dir.path().canonicalize().unwrap());
    }

    #[test]
    fn roots_never_overlap() {
        let one = [("Loras", Path::new("/m/lora"))];
        assert!(apart(Path::new("/m/lora2"), one.into_iter()).is_ok());
        for path in ["/m/lora", "/m/lora/deep", "/m"] {
            assert!(apart(Path::new(path), one.into_iter()).is_err(), "{path}");
        }
        let (data, samples) = (Path::new("/d"), Path::new("/d/samples"));
        assert!(not_our_data(Path::new("/d/blobs"), data, samples).is_err());
        assert!(not_our_data(Path::new("/d"), data, samples).is_err());
        assert!(not_our_data(samples, data, samples).is_ok());
    }
}
