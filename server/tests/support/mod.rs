//! The application as `weft serve` builds it, over a temporary data folder; a test differs only in what it is handed.

#![expect(dead_code, reason = "each test file uses its part")]

use axum::Router;
use axum::body::{Body, Bytes};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tower::ServiceExt;
use weft::http::{AppState, router};
use weft_services::{ServiceSettings, Services, Workers};
use weft_weights::progress::Silent;
use weft_weights::samples::{SampleOptions, SampleSize, write_samples};

pub struct TestApp {
    pub data: TempDir,
    pub services: Services,
    router: Router,
    workers: Option<Workers>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl TestApp {
    pub async fn new() -> Self {
        let data = tempfile::tempdir().expect("temporary folder");
        let settings = ServiceSettings::new(data.path().join("data"));
        let services = Services::open(settings).await.expect("services open");
        let workers = Some(services.start());
        let router = router(AppState::new(services.clone()));
        Self { data, services, router, workers }
    }

    /// A folder beside the data folder with `count` sample adapters of `families`.
    pub fn samples(&self, count: usize, families: &[&str]) -> PathBuf {
        let folder = self.data.path().join("loras");
        let families = families.iter().map(|id| weft_weights::family::Family::by_id(id).expect("family id")).collect();
        let options = SampleOptions { count, families, seed: 7, size: Some(SampleSize::Tiny) };
        write_samples(&folder, &options, &Silent).expect("samples");
        folder
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("body");
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "127.0.0.1:3210");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(value) => {
                request = request.header("content-type", "application/json");
                Body::from(value.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).expect("request")).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(body), &[]).await
    }

    /// Waits until no job is queued or running.
    pub async fn settled(&self) -> Value {
        let start = Instant::now();
        loop {
            let jobs = self.get("/api/v1/jobs").await.json();
            let busy = jobs.as_array().expect("list").iter().any(|job| matches!(job["state"].as_str(), Some("queued" | "running")));
            if !busy {
                return jobs;
            }
            assert!(start.elapsed() < Duration::from_secs(120), "jobs do not end: {jobs:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A library with scanned samples.
    pub async fn with_samples(count: usize, families: &[&str]) -> Self {
        let app = Self::new().await;
        let folder = app.samples(count, families);
        let added = app.post("/api/v1/roots", serde_json::json!({ "path": folder })).await;
        assert_eq!(added.status, StatusCode::CREATED, "{:#}", added.json());
        app.settled().await;
        app
    }

    pub async fn stop(mut self) {
        if let Some(workers) = self.workers.take() {
            workers.stop().await;
        }
    }
}
