//! File names that every system takes: what a person calls an adapter, made safe for a disk.

use std::path::{Component, Path};
use unicode_normalization::UnicodeNormalization as _;
use weft_domain::Problem;

/// Longest stem in bytes: with " 99", the ending and a temporary suffix it stays under the 255 of common file systems.
const STEM_MAX: usize = 180;

/// Deepest folder a request may name.
const FOLDER_DEPTH: usize = 12;

/// Names that Windows keeps for devices, with any ending.
const RESERVED: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4",
    "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Turns a display name into a file stem: NFC, no separators, control or direction marks, nothing that a shell, Windows or a web page
/// trips over, not hidden, not a device, at most 180 bytes. None when nothing is left.
#[must_use]
pub(crate) fn safe_stem(name: &str) -> Option<String> {
    let mut out = String::new();
    for c in name.nfc() {
        let c = match c {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '-',
            c if c.is_control() || is_invisible(c) => ' ',
            c => c,
        };
        if c == ' ' && out.ends_with(' ') {
            continue;
        }
        out.push(c);
    }
    let mut stem = out.trim_matches(|c: char| c.is_whitespace() || c == '.').to_owned();
    if stem.to_lowercase().ends_with(".safetensors") {
        stem.truncate(stem.len() - ".safetensors".len());
    }
    while stem.len() > STEM_MAX {
        stem.pop();
    }
    let stem = stem.trim_matches(|c: char| c.is_whitespace() || c == '.').trim_start_matches('-').trim().to_owned();
    let device = stem.split('.').next().unwrap_or("").trim().to_lowercase();
    match stem.as_str() {
        "" => None,
        _ if RESERVED.contains(&device.as_str()) => Some(format!("{stem}_")),
        _ => Some(stem),
    }
}

/// Marks that change how text is drawn without being seen: zero width, direction, byte order, tags, private use.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e007f}')
}

/// Checks a folder below a root as a request names it: `/`-separated, plain parts, no way up or out. Empty is the root itself.
pub(crate) fn safe_folder(folder: &str) -> Result<String, Problem> {
    let refuse = |why: &str| Problem::invalid("folder", format!("This folder cannot be used: {why}."));
    let mut parts = Vec::new();
    for part in folder.split(['/', '\\']).map(str::trim).filter(|p| !p.is_empty() && *p != ".") {
        if part == ".." || Path::new(part).components().any(|c| !matches!(c, Component::Normal(_))) {
            return Err(refuse("it leads out of the root"));
        }
        let safe = safe_stem(part).ok_or_else(|| refuse("it has no usable name"))?;
        if safe != part.nfc().collect::<String>() {
            return Err(refuse("it has characters that not every disk takes").detail(format!("“{safe}” would do.")));
        }
        parts.push(safe);
    }
    if parts.len() > FOLDER_DEPTH {
        return Err(refuse("it is too deep"));
    }
    Ok(parts.join("/"))
}

/// The name itself, then "name 2", "name 3"…; each with the ending (`.safetensors`, or nothing for a folder).
pub(crate) fn candidates<'a>(stem: &'a str, ending: &'a str) -> impl Iterator<Item = String> + 'a {
    std::iter::once(format!("{stem}{ending}")).chain((2..10_000).map(move |n| format!("{stem} {n}{ending}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_safe() {
        assert_eq!(safe_stem("Nordic Aurora").unwrap(), "Nordic Aurora");
        assert_eq!(safe_stem("../../etc/passwd").unwrap(), "-..-etc-passwd".trim_start_matches('-'));
        assert_eq!(safe_stem("<b>x</b>").unwrap(), "b-x--b-");
        assert_eq!(safe_stem("a\nb\u{202e}c\0d").unwrap(), "a b c d");
        assert_eq!(safe_stem("con").unwrap(), "con_");
        assert_eq!(safe_stem("Nul.tar").unwrap(), "Nul.tar_");
        assert_eq!(safe_stem(".hidden.").unwrap(), "hidden");
        assert_eq!(safe_stem("Ink.SafeTensors").unwrap(), "Ink");
        assert_eq!(safe_stem("e\u{301}").unwrap(), "é");
        assert_eq!(safe_stem(" ./ "), None);
        assert!(safe_stem(&"ü".repeat(500)).unwrap().len() <= STEM_MAX);
    }

    #[test]
    fn no_name_leads_out_of_its_folder() {
        for hostile in ["..", "../x", "/etc", "C:\\x", "a/../../b", "\u{2044}..", "....//", "~/x", "a\\..\\..", "-rf"] {
            let Some(stem) = safe_stem(hostile) else { continue };
            let path = Path::new("/root-of-all").join(format!("{stem}.safetensors"));
            assert_eq!(path.parent().unwrap(), Path::new("/root-of-all"), "{hostile}");
            assert!(!stem.starts_with('-'), "{hostile}");
        }
    }

    #[test]
    fn folders_stay_below_their_root() {
        assert_eq!(safe_folder("woven/2026").unwrap(), "woven/2026");
        assert_eq!(safe_folder("").unwrap(), "");
        assert_eq!(safe_folder("./woven/").unwrap(), "woven");
        for hostile in ["..", "a/../../b", "woven/..", "a:b", "con", "x\n", &"a/".repeat(40)] {
            assert!(safe_folder(hostile).is_err() || safe_folder(hostile).unwrap() == hostile.trim(), "{hostile}");
        }
        assert!(safe_folder("a/..").is_err());
        assert!(safe_folder("con").is_err());
        assert_eq!(safe_folder("/etc").unwrap(), "etc");
    }
}
