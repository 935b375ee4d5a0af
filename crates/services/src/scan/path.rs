//! Paths below a root as text: `/`-separated, and back to the same bytes.
//!
//! A name that is no valid Unicode (possible on Unix) keeps its odd bytes as private characters U+F780–U+F7FF, so that the row still
//! leads to its file; people see the replacement mark instead.

use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};
use weft_domain::Problem;

const ODD: u32 = 0xf700;

fn is_odd(c: char) -> bool {
    (0xf780..=0xf7ff).contains(&u32::from(c))
}

/// One name as text.
#[cfg(unix)]
#[must_use]
pub(crate) fn encode(name: &OsStr) -> String {
    let mut out = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_odd(c) {
                let mut bytes = [0; 4];
                out.extend(c.encode_utf8(&mut bytes).bytes().map(odd));
            } else {
                out.push(c);
            }
        }
        out.extend(chunk.invalid().iter().copied().map(odd));
    }
    out
}

/// One name as text.
#[cfg(not(unix))]
#[must_use]
pub(crate) fn encode(name: &std::ffi::OsStr) -> String {
    name.to_string_lossy().into_owned()
}

#[cfg(unix)]
fn odd(byte: u8) -> char {
    char::from_u32(ODD + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The path below a root that a row names.
#[cfg(unix)]
#[must_use]
pub(crate) fn decode(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(u32::from(c).wrapping_sub(ODD)) {
            Ok(byte) if is_odd(c) => bytes.push(byte),
            _ => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// The path below a root that a row names.
#[cfg(not(unix))]
#[must_use]
pub(crate) fn decode(text: &str) -> PathBuf {
    text.split('/').collect()
}

/// For people: odd bytes become the replacement mark.
#[must_use]
pub(crate) fn shown(text: &str) -> String {
    text.chars().map(|c| if is_odd(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The full path of a row's file, after making sure that it lies inside its root with no link on the way.
pub(crate) fn resolve(root: &Path, relative: &str) -> Result<PathBuf, Problem> {
    let below = decode(relative);
    let plain = below.components().all(|c| matches!(c, std::path::Component::Normal(_))) && below.components().next().is_some();
    if !plain {
        return Err(Problem::not_found("This file does not lie inside its folder."));
    }
    let full = root.join(&below);
    match full.canonicalize() {
        Ok(real) if real == full => Ok(full),
        Ok(_) => {
            Err(Problem::not_found("A link stands in the way of this file.").detail("Weft follows no link out of a folder it watches."))
        }
        Err(_) => {
            Err(Problem::not_found("The file is not there.").hint("If it lies on a drive that is off, switch the drive on and scan again."))
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn odd_names_come_back_byte_for_byte() {
        for bytes in [&b"plain.safetensors"[..], b"caf\xe9.safetensors", b"\xff\xfe\x80", "ü\u{f790}x".as_bytes(), b"a b\nc"] {
            let text = encode(OsStr::from_bytes(bytes));
            assert_eq!(decode(&text).as_os_str().as_bytes(), bytes);
        }
        assert_eq!(shown(&encode(OsStr::from_bytes(b"caf\xe9"))), "caf\u{fffd}");
    }

    #[test]
    fn nothing_outside_resolves() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(dir.path().join("secret"), b"x").unwrap();
        std::fs::write(root.join("in"), b"x").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), root.join("link")).unwrap();
        std::os::unix::fs::symlink(dir.path(), root.join("way")).unwrap();
        assert!(resolve(&root, "in").is_ok());
        for out in ["../secret", "link", "way/secret", "/etc/passwd", "", "in/../../secret"] {
            assert!(resolve(&root, out).is_err(), "{out}");
        }
    }
}
