//! The checks of `support/` inside a page of headless Chromium, over WebGPU.
//!
//! Runs where `WEFT_CHROMIUM` names the browser (`cargo xtask test` sets it): it compiles this crate to WebAssembly, serves one page and
//! reads what the page posts back. SwiftShader stands in for a GPU, so this says whether results are right, never how fast they come.
#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";
/// SwiftShader takes about half a minute.
const PATIENCE: Duration = Duration::from_secs(400);
const PAGE: &str = r#"<!doctype html><meta charset="utf-8"><title>checks</title><script type="module">
const post = (text) => fetch("/report", { method: "POST", body: text });
addEventListener("error", (e) => post("FAIL  page: " + e.message));
addEventListener("unhandledrejection", (e) => post("FAIL  page: " + e.reason));
const log = console.error;
console.error = (...words) => { log(...words); post("FAIL  console: " + words.join(" ")); };
const { default: init, run } = await import("/page.js");
await init({ module_or_path: "/page_bg.wasm" });
await post(await run());
</script>"#;

/// Stopped when the test ends, however it does.
struct Browser(Child);

impl Drop for Browser {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

#[test]
fn page() {
    let Some(chromium) = std::env::var_os("WEFT_CHROMIUM") else {
        println!("SKIPPED: WEFT_CHROMIUM does not name a browser");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    bind(&build(), folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let (tell, told) = channel();
    let files = folder.path().to_owned();
    std::thread::spawn(move || serve(&listener, &files, &tell));
    let _browser = open(chromium, &address, folder.path());
    let report = wait(&told);
    println!("{report}");
    assert!(report.ends_with("end"), "the page did not come to its end");
    assert!(!report.contains("FAIL"), "checks failed in the page");
    assert!(report.matches("ok    ").count() >= 24, "both backends ran every check");
}

/// Compiles `page.rs`; the test's own packages are optimised, as in any test.
fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["build", "--package", env!("CARGO_PKG_NAME"), "--example", "page", "--target", TARGET, "--target-dir"]).arg(target);
    assert!(cargo.status().unwrap().success(), "the page does not compile");
    target.join(TARGET).join("debug/examples/page.wasm")
}

fn bind(wasm: &Path, into: &Path) {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(wasm).web(true).unwrap().typescript(false).out_name("page").generate(into).unwrap();
}

fn open(chromium: OsString, address: &str, folder: &Path) -> Browser {
    let mut command = Command::new(chromium);
    command.args(["--headless=new", "--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]);
    command.args(["--no-first-run", "--disable-dev-shm-usage", "--disable-gpu-watchdog"]);
    command.arg(format!("--user-data-dir={}", folder.join("profile").display())).arg(address);
    Browser(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// What the page posted: its report, or with what it failed.
fn wait(told: &Receiver<String>) -> String {
    let mut all = String::new();
    while let Ok(text) = told.recv_timeout(PATIENCE) {
        all.push_str(&text);
        if text.ends_with("end") || text.starts_with("FAIL") {
            return all;
        }
    }
    all + "FAIL  nothing came from the page"
}

fn serve(listener: &TcpListener, folder: &Path, tell: &Sender<String>) {
    for stream in listener.incoming().flatten() {
        let (folder, tell) = (folder.to_owned(), tell.clone());
        // A browser opens connections that it then leaves idle.
        std::thread::spawn(move || answer(stream, &folder, &tell));
    }
}

fn answer(mut stream: TcpStream, folder: &Path, tell: &Sender<String>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let (kind, body) = match first.split(' ').nth(1)? {
        "/" => ("text/html", PAGE.as_bytes().to_vec()),
        "/page.js" => ("text/javascript", std::fs::read(folder.join("page.js")).ok()?),
        "/page_bg.wasm" => ("application/wasm", std::fs::read(folder.join("page_bg.wasm")).ok()?),
        "/report" => {
            let mut text = vec![0; length];
            reader.read_exact(&mut text).ok()?;
            tell.send(String::from_utf8_lossy(&text).into_owned()).ok()?;
            ("text/plain", Vec::new())
        }
        _ => ("text/plain", Vec::new()),
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&body).ok()
}
