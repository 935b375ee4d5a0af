//! The page's side of the browser test: the same checks over WebAssembly's CPU and the browser's GPU.
#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::time::Duration;

use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use weft_weights::dtype::Dtype;
use weft_weights_gpu::{Backend, Cpu, Gpu, GpuError, Task, Which, Workload, choose};

/// Milliseconds of the page's clock.
fn now() -> Duration {
    let clock = js_sys::Reflect::get(&js_sys::global(), &JsValue::from("performance")).unwrap();
    let read: js_sys::Function = js_sys::Reflect::get(&clock, &JsValue::from("now")).unwrap().unchecked_into();
    Duration::from_secs_f64(read.call0(&clock).unwrap().as_f64().unwrap() / 1e3)
}

async fn report<B: Backend>(backend: &B, out: &mut String) {
    let about = backend.about();
    writeln!(out, "note  {} {} {}", about.name, about.api, if about.software { "(software)" } else { "" }).unwrap();
    for (name, outcome) in support::all(backend).await {
        match outcome {
            Ok(found) => writeln!(out, "ok    {name}: {found}").unwrap(),
            Err(why) => writeln!(out, "FAIL  {name}: {why}").unwrap(),
        }
    }
}

/// Runs everything; one line per check, `end` at the end.
#[wasm_bindgen]
pub async fn run() -> String {
    console_error_panic_hook::set_once();
    let mut out = String::new();
    report(&Cpu, &mut out).await;
    let gpu = Gpu::open(Which::Fastest).await;
    match &gpu {
        Ok(gpu) => report(gpu, &mut out).await,
        Err(error) => writeln!(out, "FAIL  opening the GPU: {error}").unwrap(),
    }
    for task in [Task::Gram, Task::Product, Task::Merge] {
        let workload = Workload { task, m: 3072, n: 3072, rank: 16, dtype: Dtype::BF16 };
        let choice = choose(&Cpu, gpu.as_ref(), &workload, &now).await;
        writeln!(out, "note  {task:?}: {}", choice.reason).unwrap();
    }
    if let Ok(gpu) = &gpu {
        gpu.close();
        match gpu.gram(&[], &weft_weights::progress::Silent).await {
            Err(GpuError::Lost(why)) => writeln!(out, "ok    a closed device is an error: {why}").unwrap(),
            other => writeln!(out, "FAIL  a closed device answers {other:?}").unwrap(),
        }
    }
    out.push_str("end");
    out
}
