//! `target/site`: every file under its final name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use walkdir::WalkDir;

use super::wasm::{PARTS_JS, Wasm};
use super::{Mode, compress, fonts, stamp};
use crate::assets::Assets;
use crate::workspace::Workspace;

/// Files of `public/` that are served as they are, under a hashed name.
const PLAIN: [&str; 8] =
    ["theme.js", "offline.js", "offline.css", "icon.svg", "icon-192.png", "icon-512.png", "icon-maskable-512.png", "apple-touch-icon.png"];

/// Templates of `public/` that keep their name, since browsers or people know it.
const FIXED: [&str; 3] = ["manifest.webmanifest", "offline.html", "sw.js"];

/// What the service worker fetches when it is installed: enough to open the page's shell and to say that Weft is away. The files of the
/// parts come on top, so that a page that stays open still finds its own after an update.
const PRECACHE: [&str; 12] = [
    "offline.html",
    "offline.css",
    "offline.js",
    "theme.js",
    "weft.css",
    "boot.js",
    "weft.js",
    PARTS_JS,
    "weft.wasm",
    "icon.svg",
    "inter.woff2",
    "jetbrains-mono.woff2",
];

/// What earlier steps made.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) wasm: Wasm,
    pub(crate) css: String,
    pub(crate) fonts: Vec<(&'static str, Vec<u8>)>,
}

/// What `write` did.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) build: String,
    pub(crate) changed: bool,
    /// Download sizes of the large parts, for people.
    pub(crate) sizes: String,
}

/// The site while it is put together: URL path to content, and logical name to URL.
#[derive(Debug, Default)]
struct Site {
    contents: BTreeMap<String, Vec<u8>>,
    names: BTreeMap<String, String>,
    parts: BTreeMap<String, Vec<String>>,
}

/// Writes `target/site` and removes from it what no longer belongs.
pub(crate) fn write(ws: &Workspace, mode: Mode, parts: &Parts) -> Result<Written> {
    let mut site = Site::default();
    for (name, bytes) in &parts.fonts {
        site.add_hashed(name, name, bytes.clone());
    }
    let public = ws.root.join("public");
    for name in PLAIN {
        site.add_hashed(name, name, read(&public.join(name))?);
    }
    site.add_hashed("weft.wasm", "weft_bg.wasm", parts.wasm.wasm.clone());
    site.add_program(&parts.wasm)?;
    let css = format!("{}{}", fonts::rules(|name| site.url(name))?, site.link_css(&parts.css)?);
    site.add_hashed("weft.css", "weft.css", css.into_bytes());
    site.add_boot(&public, mode)?;
    let build = site.add_fixed(&public)?;
    let assets = Assets { build: build.clone(), files: site.names.clone(), parts: site.parts.clone() };
    site.contents.insert("/assets.json".into(), serde_json::to_vec_pretty(&assets).context("assets.json")?);
    let changed = site.save(&ws.site(), mode)?;
    Ok(Written { build, changed, sizes: site.sizes(&ws.site()) })
}

impl Site {
    fn add_hashed(&mut self, name: &str, file: &str, bytes: Vec<u8>) {
        let url = hashed(file, &stamp::hash(&[&bytes]));
        self.names.insert(name.to_owned(), url.clone());
        self.contents.insert(url, bytes);
    }

    /// The parts, what loads them, and the program's own JavaScript. The two scripts import each other, so they share one hash.
    fn add_program(&mut self, wasm: &Wasm) -> Result<()> {
        let mut loader = wasm.parts_js.clone();
        for (name, bytes) in &wasm.parts {
            let url = hashed(name, &stamp::hash(&[bytes]));
            loader = loader.replace(&format!("./{name}"), &url);
            self.contents.insert(url, bytes.clone());
        }
        for (part, files) in &wasm.needs {
            let urls = files.iter().filter_map(|name| Some(hashed(name, &stamp::hash(&[wasm.parts.get(name)?]))));
            self.parts.insert(part.clone(), urls.collect());
        }
        let main = self.link_js(wasm)?;
        let both = stamp::hash(&[main.as_bytes(), loader.as_bytes()]);
        let scripts = [("weft.js", main), (PARTS_JS, loader)];
        let urls = scripts.each_ref().map(|(name, _)| (*name, hashed(name, &both)));
        for (name, mut text) in scripts {
            for (other, url) in &urls {
                // Only where it is imported: the same text as a key is the name by which the WebAssembly asks for it.
                text = text.replace(&format!("from \"./{other}\""), &format!("from \"{url}\""));
            }
            let url = hashed(name, &both);
            self.names.insert(name.to_owned(), url.clone());
            self.contents.insert(url, text.into_bytes());
        }
        Ok(())
    }

    fn url(&self, name: &str) -> Result<String> {
        self.names.get(name).cloned().with_context(|| format!("no file is called {name}"))
    }

    /// wasm-bindgen's JavaScript with its references to other files made hashed ones.
    fn link_js(&mut self, wasm: &Wasm) -> Result<String> {
        let url = self.url("weft.wasm")?;
        let file = url.rsplit('/').next().unwrap_or(&url);
        let mut js = wasm.js.replace("weft_bg.wasm", file);
        if !wasm.snippets.is_empty() {
            let all: Vec<&[u8]> = wasm.snippets.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes]).collect();
            let folder = format!("snippets.{}", stamp::hash(&all));
            js = js.replace("./snippets/", &format!("./{folder}/"));
            for (name, bytes) in &wasm.snippets {
                self.contents.insert(format!("/pkg/{folder}/{name}"), bytes.clone());
            }
        }
        Ok(js)
    }

    /// The style sheet with each `/pkg/<logical name>` made the hashed address.
    fn link_css(&self, css: &str) -> Result<String> {
        let mut linked = String::with_capacity(css.len());
        let mut rest = css;
        while let Some((before, after)) = rest.split_once("/pkg/") {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c)).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            linked.push_str(before);
            linked.push_str(&self.url(name).context("style/ refers to /pkg/")?);
            rest = after;
        }
        linked.push_str(rest);
        Ok(linked)
    }

    fn add_boot(&mut self, public: &Path, mode: Mode) -> Result<()> {
        let mut boot = self.fill(&read_text(&public.join("boot.js"))?)?;
        if mode == Mode::Watch {
            boot.insert_str(0, &read_text(&public.join("watch.js"))?);
        }
        self.add_hashed("boot.js", "boot.js", boot.into_bytes());
        Ok(())
    }

    /// Adds the templates with fixed names, and returns the build id that they carry.
    fn add_fixed(&mut self, public: &Path) -> Result<String> {
        let templates: Vec<(&str, String)> = FIXED.iter().map(|name| Ok((*name, read_text(&public.join(name))?))).collect::<Result<_>>()?;
        for name in FIXED {
            self.names.insert(name.to_owned(), format!("/{name}"));
        }
        let urls = self.contents.keys().map(String::as_bytes);
        let build = stamp::hash(&urls.chain(templates.iter().map(|(_, text)| text.as_bytes())).collect::<Vec<_>>());
        let mut precache: Vec<String> = PRECACHE.iter().map(|name| self.url(name)).collect::<Result<_>>()?;
        precache.extend(self.parts.values().flatten().collect::<BTreeSet<_>>().into_iter().cloned());
        let precache = serde_json::to_string_pretty(&precache).context("precache list")?;
        for (name, text) in templates {
            let text = self.fill(&text.replace("{{build}}", &build).replace("\"{{precache}}\"", &precache))?;
            self.contents.insert(format!("/{name}"), text.into_bytes());
        }
        Ok(build)
    }

    /// Replaces each `{{logical name}}` by its URL.
    fn fill(&self, template: &str) -> Result<String> {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                bail!("a template has `{{{{` without `}}}}`");
            };
            filled.push_str(before);
            filled.push_str(&self.url(name)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Brings the folder to this state: new files first, what refers to them next, and only then goes what nothing refers to.
    fn save(&self, folder: &Path, mode: Mode) -> Result<bool> {
        let (hashed, fixed): (Vec<_>, Vec<_>) = self.contents.iter().partition(|(url, _)| url.starts_with("/pkg/"));
        let mut changed = false;
        for (url, bytes) in hashed.into_iter().chain(fixed) {
            changed |= save_file(&folder.join(&url[1..]), bytes, mode)?;
        }
        self.remove_others(folder, mode)?;
        Ok(changed)
    }

    fn remove_others(&self, folder: &Path, mode: Mode) -> Result<()> {
        let ours: BTreeSet<PathBuf> = self.contents.keys().map(|url| folder.join(&url[1..])).collect();
        for entry in WalkDir::new(folder).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file()) {
            let path = entry.path();
            let small = path.extension().is_some_and(|ext| ext == "br" || ext == "gz");
            let keep = if small { mode == Mode::Release && ours.contains(&path.with_extension("")) } else { ours.contains(path) };
            if !keep {
                fs::remove_file(path).with_context(|| path.display().to_string())?;
            }
        }
        Ok(())
    }

    fn sizes(&self, folder: &Path) -> String {
        let first =
            ["weft.wasm", "weft.js", PARTS_JS, "weft.css"].map(|name| (name.to_owned(), self.names.get(name).into_iter().collect()));
        let parts = self.parts.iter().map(|(part, urls)| (format!("part {part}"), urls.iter().collect::<Vec<_>>()));
        let told = first.into_iter().chain(parts).map(|(name, urls)| {
            let (full, small) = urls.iter().map(|url| self.size(folder, url)).fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
            format!("{name} {full} B ({small} B brotli)")
        });
        told.collect::<Vec<_>>().join(", ")
    }

    /// Bytes of a file, as it is and compressed.
    fn size(&self, folder: &Path, url: &str) -> (u64, u64) {
        let full = self.contents.get(url).map_or(0, Vec::len) as u64;
        let small = fs::metadata(folder.join(format!("{}.br", url.trim_start_matches('/')))).map_or(full, |meta| meta.len());
        (full, small)
    }
}

/// The address of a file whose name carries a hash.
fn hashed(file: &str, hash: &str) -> String {
    let (stem, extension) = file.rsplit_once('.').unwrap_or((file, "bin"));
    format!("/pkg/{stem}.{hash}.{extension}")
}

/// Writes one file and its compressed neighbours, unless it is there already.
fn save_file(path: &Path, bytes: &[u8], mode: Mode) -> Result<bool> {
    let there = fs::read(path).is_ok_and(|old| match mode {
        Mode::Release => old == bytes,
        // `watch` appends a line to the service worker to make open pages reload.
        Mode::Watch => old.starts_with(bytes),
    });
    if there && (mode == Mode::Watch || path.with_added_extension("br").exists() || !compress::would(path)) {
        return Ok(false);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    for neighbour in ["br", "gz"] {
        let _absent = fs::remove_file(path.with_added_extension(neighbour));
    }
    compress::beside(path, bytes, mode)?;
    let temporary = path.with_added_extension("tmp");
    fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path)).with_context(|| path.display().to_string())?;
    Ok(!there)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}
