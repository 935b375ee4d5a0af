//! The order of the house, kept by a test: which package may use which, and what else a machine can see.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{Metadata, MetadataCommand, Package};

/// Each room and the rooms below it that it may use. A package that is not listed may use none and be used by none.
const FLOORS: [(&str, &[&str]); 12] = [
    ("weft-frontend", &["weft-app"]),
    (
        "weft",
        &["weft-app", "weft-services", "weft-storage", "weft-migrations", "weft-diffusion", "weft-pictures", "weft-weights", "weft-domain"],
    ),
    ("weft-app", &["weft-services", "weft-weights", "weft-domain"]),
    ("weft-services", &["weft-storage", "weft-diffusion", "weft-pictures", "weft-weights-gpu", "weft-weights", "weft-domain"]),
    ("weft-storage", &["weft-migrations", "weft-domain"]),
    ("weft-migrations", &[]),
    ("weft-diffusion", &["weft-weights", "weft-domain"]),
    ("weft-pictures", &["weft-domain"]),
    ("weft-weights-gpu", &["weft-weights"]),
    ("weft-weights", &["weft-domain"]),
    ("weft-domain", &[]),
    ("xtask", &[]),
];

/// What may never be below the web: rooms that compile to WebAssembly and rooms that know no HTTP.
const FORBIDDEN: [(&str, &[&str]); 7] = [
    ("weft-domain", &["tokio", "axum", "sea-orm", "leptos", "reqwest"]),
    ("weft-weights", &["tokio", "axum", "sea-orm", "leptos", "reqwest"]),
    ("weft-diffusion", &["tokio", "axum", "sea-orm", "leptos", "reqwest"]),
    ("weft-pictures", &["tokio", "axum", "sea-orm", "leptos", "reqwest"]),
    ("weft-weights-gpu", &["tokio", "axum", "sea-orm", "leptos", "reqwest"]),
    ("weft-storage", &["axum", "leptos"]),
    ("weft-services", &["axum", "leptos", "sea-orm"]),
];

const LONGEST_FILE: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new().current_dir(root()).no_deps().exec().expect("cargo metadata")
}

fn package<'a>(metadata: &'a Metadata, name: &str) -> &'a Package {
    metadata.packages.iter().find(|package| package.name.as_str() == name).unwrap_or_else(|| panic!("no package {name}"))
}

/// Files that git tracks, or would with `git add .`; without git, there is nothing to check.
fn tracked() -> Vec<PathBuf> {
    let list = Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root()).output();
    let list = list.expect("git lists the files");
    assert!(list.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&list.stderr));
    let names: BTreeSet<String> = String::from_utf8_lossy(&list.stdout).lines().map(str::to_owned).collect();
    names.into_iter().map(|name| root().join(name)).filter(|path| path.is_file()).collect()
}

#[test]
fn each_room_knows_only_the_floors_below_it() {
    let metadata = metadata();
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let floors: BTreeMap<&str, &[&str]> = FLOORS.into_iter().collect();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let allowed = floors.get(name).unwrap_or_else(|| panic!("{name} has no floor: give it one in FLOORS"));
        for dependency in package.dependencies.iter().filter(|dependency| ours.contains(dependency.name.as_str())) {
            assert!(allowed.contains(&dependency.name.as_str()), "{name} must not use {} ({:?})", dependency.name, dependency.kind);
        }
    }
}

/// The table itself: going down from any room never leads back to it.
#[test]
fn the_arrow_never_turns_back() {
    let floors: BTreeMap<&str, &[&str]> = FLOORS.into_iter().collect();
    for (start, below) in FLOORS {
        let mut ahead: Vec<&str> = below.to_vec();
        let mut seen = BTreeSet::new();
        while let Some(room) = ahead.pop() {
            assert_ne!(room, start, "{start} is below itself");
            if seen.insert(room) {
                ahead.extend(floors.get(room).into_iter().flat_map(|rooms| rooms.iter()));
            }
        }
    }
}

#[test]
fn rooms_below_the_web_know_neither_http_nor_pages() {
    let metadata = metadata();
    for (name, forbidden) in FORBIDDEN {
        for dependency in &package(&metadata, name).dependencies {
            assert!(!forbidden.contains(&dependency.name.as_str()), "{name} must not use {}", dependency.name);
        }
    }
}

/// In the browser the page asks the server; only the server's build of it may reach the services.
#[test]
fn the_page_reaches_the_services_only_on_the_server() {
    let metadata = metadata();
    let app = package(&metadata, "weft-app");
    let services = app.dependencies.iter().find(|dependency| dependency.name == "weft-services").expect("weft-app uses the services");
    assert!(services.optional, "weft-services must be optional in weft-app");
    for (feature, enables) in &app.features {
        let reaches = enables.iter().any(|enabled| enabled == "dep:weft-services" || enabled.starts_with("weft-services"));
        assert!(!reaches || feature == "ssr", "feature {feature} of weft-app must not enable the services");
    }
    assert!(!app.features.get("default").is_some_and(|default| default.iter().any(|on| on == "ssr")), "ssr must not be a default");
}

/// The page's WebAssembly needs layouts and Gram algebra, not the engine that reads and merges whole files.
#[test]
fn the_page_carries_no_engine() {
    let metadata = metadata();
    let weights = package(&metadata, "weft-app").dependencies.iter().find(|dependency| dependency.name == "weft-weights");
    assert!(weights.is_none_or(|weights| !weights.uses_default_features), "weft-app must use weft-weights with default-features = false");
}

#[test]
fn every_dependency_says_why() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let section = manifest.split_once("[workspace.dependencies]").expect("workspace dependencies").1;
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let silent: Vec<&str> =
        lines.filter(|line| line.contains('=') && !line.starts_with('#') && !line.contains("path =") && !says_why(line)).collect();
    assert!(silent.is_empty(), "these lines lack a `# reason`:\n{}", silent.join("\n"));
}

fn says_why(line: &str) -> bool {
    line.rsplit_once('#').is_some_and(|(_, reason)| reason.trim().len() > 5)
}

/// Versions live in one place: members take them from the workspace.
#[test]
fn members_name_no_versions() {
    for package in &metadata().packages {
        let manifest = fs::read_to_string(&package.manifest_path).expect("a member's Cargo.toml");
        let table: toml::Table = manifest.parse().expect("TOML");
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(toml::Value::Table(dependencies)) = table.get(section) else { continue };
            for (name, how) in dependencies {
                let shared = how.get("workspace").is_some() || how.get("path").is_some();
                assert!(shared, "{}: {name} must come from [workspace.dependencies]", package.name);
            }
        }
    }
}

#[test]
fn no_file_is_too_long_to_live_in() {
    let code = ["rs", "ts", "mjs", "js", "css", "py"];
    for path in tracked() {
        let is_code = path.extension().and_then(|ext| ext.to_str()).is_some_and(|ext| code.contains(&ext));
        let is_test = path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "golden");
        if is_code && !is_test {
            let lines = fs::read_to_string(&path).expect("a text file").lines().count();
            assert!(lines <= LONGEST_FILE, "{} has {lines} lines: split it by its reasons to change", path.display());
        }
    }
}

/// The tree must work wherever it is cloned: no address of one machine, no document that is not in it.
#[test]
fn nothing_points_outside_the_tree() {
    // In two pieces, so that this file does not contain them.
    let outside = [concat!("/wo", "rk/"), concat!("shared/re", "ference"), concat!("../sha", "red"), concat!("/root", "/.")];
    for path in tracked() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for address in outside {
            assert!(!text.contains(address), "{} mentions {address}", path.display());
        }
    }
}
