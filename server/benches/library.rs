//! The library at 10,000 adapters: scan, search, rendered page, memory. `cargo bench -p weft --bench library [-- COUNT]`
//!
//! One scan is one measurement, so this is a plain program that prints a table, not a statistics harness.

#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use axum::body::Body;
use http::Request;
use std::time::{Duration, Instant};
use tower::ServiceExt;
use weft::http::{AppState, router};
use weft_domain::root::AddRoot;
use weft_domain::{JobKind, LibraryQuery, Sort};
use weft_services::{ServiceSettings, Services};
use weft_weights::progress::Silent;
use weft_weights::samples::{SampleOptions, SampleSize, write_samples};

const DEFAULT_COUNT: usize = 10_000;
const SEARCHES: [&str; 12] =
    ["a", "st", "glass", "ink dra", "flux", "nordic aurora", "sample 00", "paper", "xl", "velvet n", "zzzz", "co et"];

fn main() {
    let count = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(DEFAULT_COUNT);
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("loras");
    row("what", "measured");
    row("---", "---");
    let start = Instant::now();
    write_samples(&folder, &SampleOptions { count, families: vec![], seed: 1, size: Some(SampleSize::Tiny) }, &Silent).unwrap();
    row(&format!("write {count} samples"), &seconds(start.elapsed()));
    headers_alone(&folder, count);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let settings = ServiceSettings::new(dir.path().join("data"));
        let services = Services::open(settings).await.unwrap();
        let workers = services.start();
        scan(&services, &folder, count).await;
        search(&services).await;
        pages(&services).await;
        workers.stop().await;
    });
    row("memory of the process at the end", &format!("{} MB", resident_mb()));
}

/// Headers parsed and recognised, without the database.
fn headers_alone(folder: &std::path::Path, count: usize) {
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
    let start = Instant::now();
    let read = files.iter().filter(|path| weft_weights::inspect::inspect_header(path).is_ok()).count();
    let spent = start.elapsed();
    row(&format!("{read} headers read, one thread, no database"), &format!("{:.0} files/s", count as f64 / spent.as_secs_f64()));
}

async fn scan(services: &Services, folder: &std::path::Path, count: usize) {
    let admin = services.access.owner();
    let start = Instant::now();
    let root = services.roots.add(&admin, AddRoot { path: folder.display().to_string(), name: None }).await.unwrap();
    ended(services, JobKind::Scan).await;
    let spent = start.elapsed();
    row(
        &format!("scan of {count} new files into SQLite"),
        &format!("{}, {:.0} files/s", seconds(spent), count as f64 / spent.as_secs_f64()),
    );
    let start = Instant::now();
    ended(services, JobKind::Strengths).await;
    ended(services, JobKind::Hash).await;
    row("strengths and hashes of all, after the scan", &seconds(start.elapsed()));
    let start = Instant::now();
    services.roots.scan(&admin.clone().into(), root.id).await.unwrap();
    ended(services, JobKind::Scan).await;
    row("scan again, nothing changed", &seconds(start.elapsed()));
}

/// Waits until no job of this kind is queued or running.
async fn ended(services: &Services, kind: JobKind) {
    let reader = services.access.owner().into();
    loop {
        let jobs = services.jobs.list(&reader).await.unwrap();
        if jobs.iter().any(|job| job.kind == kind && job.state.finished())
            && !jobs.iter().any(|job| job.kind == kind && !job.state.finished())
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn search(services: &Services) {
    let reader = services.access.owner().into();
    let mut spent = Vec::new();
    for round in 0..20 {
        for text in SEARCHES {
            let sort = Sort::ALL[round % Sort::ALL.len()].0;
            let query = LibraryQuery { text: text.into(), sort, ..Default::default() };
            let start = Instant::now();
            services.library.query(&reader, &query).await.unwrap();
            spent.push(start.elapsed());
        }
    }
    row("search with facets, first window: median", &millis(percentile(&mut spent, 50)));
    row("search with facets, first window: p95", &millis(percentile(&mut spent, 95)));
}

async fn pages(services: &Services) {
    let router = router(AppState::new(services.clone()));
    for path in ["/", "/?family=flux1&sort=rating", "/weave"] {
        let mut spent = Vec::new();
        let mut size = 0;
        for _ in 0..40 {
            let start = Instant::now();
            let request = Request::builder().uri(path).header("host", "127.0.0.1").body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            size = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().len();
            spent.push(start.elapsed());
        }
        row(
            &format!("server-rendered `{path}`: median / p95"),
            &format!("{} / {} ({} KB)", millis(percentile(&mut spent, 50)), millis(percentile(&mut spent, 95)), size / 1024),
        );
    }
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn row(what: &str, measured: &str) {
    println!("| {what} | {measured} |");
}

/// Resident set in megabytes, from the kernel.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}
