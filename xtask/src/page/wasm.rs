//! The WebAssembly program and its JavaScript.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use walkdir::WalkDir;
use wasm_bindgen_cli_support::Bindgen;

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
/// untouched 554,691 B; -Oz 591,202 B; -Oz without these 537,550 B (raw 3,018,028, 2,400,437 and 2,582,135 B).
const WORSE_FOR_BROTLI: [&str; 3] = ["--skip-pass=inlining-optimizing", "--skip-pass=simplify-locals", "--skip-pass=local-cse"];

/// The parts as wasm-bindgen names them: the JavaScript refers to `weft_bg.wasm` and to `./snippets/`.
#[derive(Debug)]
pub(crate) struct Wasm {
    pub(crate) wasm: Vec<u8>,
    pub(crate) js: String,
    /// JavaScript of dependencies: path below `snippets/`, content.
    pub(crate) snippets: Vec<(String, Vec<u8>)>,
}

/// Compiles the `frontend` crate and makes it a module for browsers.
pub(crate) fn build(ws: &Workspace, mode: Mode) -> Result<Wasm> {
    ensure_target()?;
    let compiled = compile(ws, mode)?;
    let raw = fs::read(&compiled).with_context(|| compiled.display().to_string())?;
    let bound = ws.cache().join(match mode {
        Mode::Release => "bindgen",
        Mode::Watch => "bindgen-watch",
    });
    // The module names the wasm-bindgen it was made for, so its own content says when to run again.
    stamp::when_changed(&bound.join("weft_bg.wasm"), &stamp::hash(&[&raw]), || bind(&raw, &bound, mode))?;
    let wasm = match mode {
        Mode::Watch => bound.join("weft_bg.wasm"),
        Mode::Release => optimise(ws, &bound.join("weft_bg.wasm"))?,
    };
    Ok(Wasm {
        wasm: fs::read(&wasm).with_context(|| wasm.display().to_string())?,
        js: fs::read_to_string(bound.join("weft.js")).context("weft.js")?,
        snippets: snippets(&bound.join("snippets"))?,
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
/// It sets no compiler flags: with `--cfg erase_components` Leptos writes other HTML, so page and server must agree, and both take
/// their flags from `.cargo/config.toml`.
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
    proc::run(cargo(ws, "build").args(["--profile", profile]))?;
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(ws.front_target().join(TARGET).join(folder).join("weft_frontend.wasm"))
}

fn bind(raw: &[u8], into: &Path, mode: Mode) -> Result<()> {
    if into.exists() {
        fs::remove_dir_all(into).with_context(|| into.display().to_string())?;
    }
    let mut bindgen = Bindgen::new();
    bindgen
        .input_bytes("weft", raw.to_vec())
        .web(true)
        .context("wasm-bindgen")?
        .typescript(false)
        .keep_debug(mode == Mode::Watch)
        .remove_name_section(mode == Mode::Release)
        .remove_producers_section(true)
        .out_name("weft")
        .generate(into)
        .context("wasm-bindgen")
}

fn optimise(ws: &Workspace, bound: &Path) -> Result<PathBuf> {
    let small = ws.cache().join("weft_bg.opt.wasm");
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
