//! The engine of this machine: models on their own thread, spoken to by messages.
//!
//! The thread starts with the first picture and keeps what it has loaded ([`shelf`]): the next picture of the same checkpoint begins at
//! once, whatever its adapters. A panic costs the models, never the thread.

mod conditions;
mod failure;
mod files;
mod paint;
mod shelf;
mod start;
mod tokenizers;
mod words;

pub(crate) use tokenizers::Tokenizers;

use super::generator::{Able, Generator, Painted, Shot, Unpainted, Watch};
use crate::problem::blocking;
use async_trait::async_trait;
use shelf::Shelf;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::oneshot;
use weft_diffusion::model::{Compute, LoadOptions};
use weft_domain::Problem;

/// What the engine is built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    /// Weft's own folder: `tokenizers/` and `models/` below it are looked into.
    pub data_dir: PathBuf,
    /// Most bytes that models and their work may take; None: [`EngineSettings::usual_memory`].
    pub memory: Option<u64>,
}

impl EngineSettings {
    /// Six tenths of the machine's memory, or of what its container may use; 8 GiB where the machine does not say.
    #[must_use]
    pub fn usual_memory() -> u64 {
        machine_memory().map_or(8 << 30, |bytes| bytes / 10 * 6)
    }
}

/// Memory of the machine in bytes, where the system tells it.
fn machine_memory() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let machine = line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.saturating_mul(1024);
    let limit = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let container = limit("/sys/fs/cgroup/memory.max").or_else(|| limit("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    Some(container.map_or(machine, |c| c.min(machine)))
}

/// The engine; clones share it.
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    compute: Compute,
    budget: u64,
    data: PathBuf,
    tokenizers: Tokenizers,
    /// To the thread, once there is one.
    orders: Mutex<Option<mpsc::Sender<Order>>>,
}

struct Order {
    shot: Shot,
    watch: Arc<dyn Watch>,
    answer: oneshot::Sender<Result<Painted, Unpainted>>,
}

impl Engine {
    /// An engine without a thread yet.
    #[must_use]
    pub fn new(settings: EngineSettings) -> Self {
        let (compute, without) = Compute::best();
        if let Some(why) = without {
            tracing::warn!(%why, "there is no graphics card to paint with; the processor does it");
        }
        let budget = settings.memory.unwrap_or_else(EngineSettings::usual_memory);
        let tokenizers = Tokenizers::new(&settings.data_dir);
        Self { inner: Arc::new(Inner { compute, budget, data: settings.data_dir, tokenizers, orders: Mutex::default() }) }
    }

    pub(crate) fn tokenizers(&self) -> &Tokenizers {
        &self.inner.tokenizers
    }

    /// Most bytes that models and their work take.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.inner.budget
    }

    /// Hands an order to the thread; starts one when there is none, or none any more.
    fn send(&self, mut order: Order) -> Result<(), Problem> {
        let mut orders = self.inner.orders.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..2 {
            let sender = match &*orders {
                Some(sender) => sender.clone(),
                None => {
                    let (sender, receiver) = mpsc::channel();
                    let shelf = Shelf::new(self.inner.compute.clone(), self.inner.budget, &self.inner.data, self.inner.tokenizers.clone());
                    let thread = std::thread::Builder::new().name("weft-engine".to_owned()).spawn(move || work(shelf, &receiver));
                    thread.map_err(|error| crate::problem::internal("the engine's thread cannot start", &error))?;
                    orders.insert(sender).clone()
                }
            };
            match sender.send(order) {
                Ok(()) => return Ok(()),
                Err(mpsc::SendError(back)) => {
                    order = back;
                    *orders = None;
                }
            }
        }
        Err(Problem::internal())
    }
}

/// The thread's whole life: one order after another, until nobody can send any.
fn work(mut shelf: Shelf, orders: &mpsc::Receiver<Order>) {
    while let Ok(Order { shot, watch, answer }) = orders.recv() {
        // Whoever asked may have gone meanwhile.
        if answer.is_closed() {
            continue;
        }
        let painted = catch_unwind(AssertUnwindSafe(|| paint::paint(&mut shelf, &shot, watch.as_ref())));
        let result = painted.unwrap_or_else(|panic| {
            let what = panic.downcast_ref::<&str>().map(|s| (*s).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
            tracing::error!(panic = what.as_deref().unwrap_or("unknown"), "the engine panicked");
            // What it left half done must not show in the next picture.
            shelf.clear();
            Err(failure::broken().into())
        });
        let _asker_is_gone = answer.send(result);
    }
}

#[async_trait]
impl Generator for Engine {
    fn label(&self) -> String {
        self.inner.compute.label()
    }

    async fn able(&self, checkpoint: &Path, size: Option<(u32, u32)>) -> Result<Able, Problem> {
        let (inner, path) = (Arc::clone(&self.inner), checkpoint.to_owned());
        blocking(move || {
            let size = size.map_or((0, 0), |(w, h)| (h as usize, w as usize));
            let options = LoadOptions { compute: inner.compute.clone(), budget: Some(inner.budget), size, ..LoadOptions::default() };
            shelf::able(&path, &inner.data, &options, &inner.tokenizers)
        })
        .await?
    }

    async fn paint(&self, shot: Shot, watch: Arc<dyn Watch>) -> Result<Painted, Unpainted> {
        let (answer, painted) = oneshot::channel();
        self.send(Order { shot, watch, answer })?;
        painted.await.unwrap_or_else(|_| Err(failure::broken().into()))
    }
}
