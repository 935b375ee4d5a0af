//! The WebAssembly program and its JavaScript.
//!
//! `wasm_split_cli_support` cuts off the parts that `app` marks, wasm-bindgen makes the rest a module for browsers, wasm-opt shrinks each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};
use walkdir::WalkDir;
use wasm_bindgen_cli_support::Bindgen;
use wasm_split_cli_support as split;

use super::{Mode, stamp};
use crate::workspace::Workspace;
use crate::{npm, proc};

/// What the page is compiled for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The profile of the page that is handed out.
pub(crate) const RELEASE: &str = "wasm-release";

/// Proposals that every browser of the last years has and that rustc uses; without them wasm-opt refuses the file.
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// Passes of -Oz that save bytes but break up repetition, so that the compressed file grows. Measured on the page, brotli 11:
/// untouched 554,691 B; -Oz 591,202 B; -Oz without these 537,550 B (raw 3,018,028, 2,400,437 and 2,582,135 B; before the page was cut).
const WORSE_FOR_BROTLI: [&str; 3] = ["--skip-pass=inlining-optimizing", "--skip-pass=simplify-locals", "--skip-pass=local-cse"];

/// JavaScript that loads the parts; the program's own imports it, and it imports that.
pub(crate) const PARTS_JS: &str = "weft-parts.js";

/// What the tools made, under their names: the JavaScript refers to `weft_bg.wasm`, `./weft-parts.js` and `./snippets/`.
#[derive(Debug)]
pub(crate) struct Wasm {
    /// What every page needs.
    pub(crate) wasm: Vec<u8>,
    pub(crate) js: String,
    /// JavaScript of dependencies: path below `snippets/`, content.
    pub(crate) snippets: Vec<(String, Vec<u8>)>,
    /// Loads the parts; refers to `./weft.js` and to the files of the parts.
    pub(crate) parts_js: String,
    /// Files of the parts, by the name in [`Self::parts_js`].
    pub(crate) parts: BTreeMap<String, Vec<u8>>,
    /// Which files a part needs, in the order in which they are loaded.
    pub(crate) needs: Needs,
}

/// Name of a part (`weave`) to names of files.
type Needs = BTreeMap<String, Vec<String>>;

/// Compiles the `frontend` crate and makes it a module for browsers.
pub(crate) fn build(ws: &Workspace, mode: Mode) -> Result<Wasm> {
    ensure_target()?;
    let compiled = compile(ws, mode)?;
    let raw = fs::read(&compiled).with_context(|| compiled.display().to_string())?;
    let bound = ws.cache().join(match mode {
        Mode::Release => "bindgen",
        Mode::Watch => "bindgen-watch",
    });
    // The lock file names the tools' versions.
    let lock = fs::read(ws.root.join("Cargo.lock")).context("Cargo.lock")?;
    stamp::when_changed(&bound.join("weft_bg.wasm"), &stamp::hash(&[&raw, &lock]), || {
        clear(&bound)?;
        bind(&cut(&raw, &bound)?, &bound, mode)
    })?;
    let finished = |name: &str| {
        let path = bound.join(name);
        let path = if mode == Mode::Release { optimise(ws, &path)? } else { path };
        fs::read(&path).with_context(|| path.display().to_string())
    };
    let needs: Needs = serde_json::from_slice(&fs::read(bound.join(NEEDS)).context(NEEDS)?).context(NEEDS)?;
    let parts = needs.values().flatten().map(|name| Ok((name.clone(), finished(name)?))).collect::<Result<_>>()?;
    Ok(Wasm {
        wasm: finished("weft_bg.wasm")?,
        js: fs::read_to_string(bound.join("weft.js")).context("weft.js")?,
        snippets: snippets(&bound.join("snippets"))?,
        parts_js: fs::read_to_string(bound.join(PARTS_JS)).context(PARTS_JS)?,
        parts,
        needs,
    })
}

/// Installs the WebAssembly target of the pinned toolchain when it is missing.
pub(crate) fn ensure_target() -> Result<()> {
    let mut rustc = Command::new("rustc");
    let libraries = proc::output(rustc.args(["--print", "target-libdir", "--target", TARGET]))?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    if proc::on_path("rustup").is_none() {
        bail!("Rust's target {TARGET} is missing: install it with your Rust (`rustup target add {TARGET}`)");
    }
    proc::run(Command::new("rustup").args(["target", "add", TARGET]))
}

/// A cargo command for the page, in its own target folder.
///
/// It sets no compiler flags for dependencies: with `--cfg erase_components` Leptos writes other HTML, so page and server must agree,
/// and both take their flags from `.cargo/config.toml`.
pub(crate) fn cargo(ws: &Workspace, command: &str) -> Command {
    let mut cargo = proc::cargo();
    cargo.args([command, "--package", "weft-frontend", "--lib", "--target", TARGET, "--target-dir"]).arg(ws.front_target());
    cargo.current_dir(&ws.root);
    cargo
}

fn compile(ws: &Workspace, mode: Mode) -> Result<PathBuf> {
    let profile = match mode {
        Mode::Release => RELEASE,
        Mode::Watch => "dev",
    };
    // The relocations say who calls whom: without them the file cannot be cut.
    proc::run(cargo(ws, "rustc").args(["--profile", profile, "--", "-Clink-arg=--emit-relocs"]))?;
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(ws.front_target().join(TARGET).join(folder).join("weft_frontend.wasm"))
}

fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}

/// File that says which files each part needs.
const NEEDS: &str = "parts.json";

/// Puts the parts, what loads them and what they need into the folder, and returns what is left.
fn cut(raw: &[u8], into: &Path) -> Result<Vec<u8>> {
    let main = into.join("main.wasm");
    let link = format!("./{PARTS_JS}");
    let mut options = split::Options::new(raw);
    options.output_dir = into;
    options.main_out_path = &main;
    options.main_module = "./weft.js";
    options.link_name = &link;
    let done = split::transform(options).map_err(|report| anyhow!("cutting the WebAssembly into parts: {report:#}"))?;
    let files = |stems: Vec<String>| stems.into_iter().map(|stem| format!("{stem}.wasm")).collect();
    let needs: Needs = done.prefetch_map.into_iter().map(|(part, stems)| (part, files(stems))).collect();
    fs::write(into.join(NEEDS), serde_json::to_vec(&needs).context(NEEDS)?).context(NEEDS)?;
    fs::read(&main).context("main.wasm")
}

fn bind(main: &[u8], into: &Path, mode: Mode) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_bytes("weft", main.to_vec())
        .web(true)
        .context("wasm-bindgen")?
        .typescript(false)
        // The linker's table of functions: the parts put theirs into it.
        .keep_lld_exports(true)
        .keep_debug(mode == Mode::Watch)
        .remove_name_section(mode == Mode::Release)
        .remove_producers_section(true)
        .out_name("weft")
        .generate(into)
        .context("wasm-bindgen")
}

fn optimise(ws: &Workspace, bound: &Path) -> Result<PathBuf> {
    let small = ws.cache().join(bound.file_name().context("a file has a name")?).with_extension("opt.wasm");
    let lock = fs::read(ws.root.join("package-lock.json")).context("package-lock.json")?;
    let input = fs::read(bound).with_context(|| bound.display().to_string())?;
    let options = options();
    stamp::when_changed(&small, &stamp::hash(&[&input, options.join(" ").as_bytes(), &lock]), || {
        proc::run(npm::tool(ws, "wasm-opt").arg(bound).args(&options).arg("-o").arg(&small))
    })?;
    Ok(small)
}

fn options() -> Vec<&'static str> {
    [&FEATURES[..], &["-Oz"], &WORSE_FOR_BROTLI].concat()
}

fn snippets(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok) {
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(folder).context("snippet outside its folder")?;
            found.push((name.to_string_lossy().replace('\\', "/"), fs::read(entry.path())?));
        }
    }
    Ok(found)
}
