//! The two fonts that ship with the page, in the subsets it needs.

use std::fs;

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;

/// One font file and the `@font-face` rule that loads it.
#[derive(Debug)]
struct Face {
    /// Logical name in the manifest of assets.
    name: &'static str,
    /// Below `node_modules/@fontsource-variable`.
    file: &'static str,
    family: &'static str,
    weights: &'static str,
    /// Characters for which browsers fetch the file, as the package states them.
    range: &'static str,
}

const LATIN: &str = "U+0000-00FF,U+0131,U+0152-0153,U+02BB-02BC,U+02C6,U+02DA,U+02DC,U+0304,U+0308,U+0329,U+2000-206F,U+20AC,U+2122,\
                     U+2191,U+2193,U+2212,U+2215,U+FEFF,U+FFFD";
const LATIN_EXT: &str = "U+0100-02BA,U+02BD-02C5,U+02C7-02CC,U+02CE-02D7,U+02DD-02FF,U+0304,U+0308,U+0329,U+1D00-1DBF,U+1E00-1E9F,\
                         U+1EF2-1EFF,U+2020,U+20A0-20AB,U+20AD-20C0,U+2113,U+2C60-2C7F,U+A720-A7FF";

const FACES: [Face; 3] = [
    Face { name: "inter.woff2", file: "inter/files/inter-latin-wght-normal.woff2", family: "Inter", weights: "100 900", range: LATIN },
    Face {
        name: "inter-ext.woff2",
        file: "inter/files/inter-latin-ext-wght-normal.woff2",
        family: "Inter",
        weights: "100 900",
        range: LATIN_EXT,
    },
    Face {
        name: "jetbrains-mono.woff2",
        file: "jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2",
        family: "JetBrains Mono",
        weights: "100 800",
        range: LATIN,
    },
];

const LICENCES: [(&str, &str); 2] = [("inter-licence.txt", "inter/LICENSE"), ("jetbrains-mono-licence.txt", "jetbrains-mono/LICENSE")];

/// The font files and their licences, by logical name.
pub(crate) fn read(ws: &Workspace) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let packages = ws.root.join("node_modules/@fontsource-variable");
    let files = FACES.iter().map(|face| (face.name, face.file)).chain(LICENCES);
    files
        .map(|(name, file)| {
            let path = packages.join(file);
            Ok((name, fs::read(&path).with_context(|| path.display().to_string())?))
        })
        .collect()
}

/// The `@font-face` rules, with `url_of` giving the address of each logical name.
pub(crate) fn rules(url_of: impl Fn(&str) -> Result<String>) -> Result<String> {
    FACES
        .iter()
        .map(|Face { name, family, weights, range, .. }| {
            let url = url_of(name)?;
            Ok(format!(
                "@font-face{{font-family:\"{family}\";font-style:normal;font-display:swap;font-weight:{weights};\
                 src:url(\"{url}\")format(\"woff2\");unicode-range:{range}}}\n"
            ))
        })
        .collect()
}
