//! The same checks over every backend that this machine has.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use weft_weights_gpu::{Backend, Cpu, Gpu, GpuError, Which, wait};

/// The device for tests: any real one, else a software one; loudly nothing where there is no driver at all.
fn device() -> Option<Gpu> {
    match wait(Gpu::open(Which::Fastest)) {
        Ok(gpu) => Some(gpu),
        Err(error @ GpuError::NoDevice(_)) => {
            println!("SKIPPED: no Vulkan device (Debian: apt install mesa-vulkan-drivers): {error}");
            assert!(std::env::var_os("WEFT_NEEDS_GPU").is_none(), "WEFT_NEEDS_GPU is set and there is no device: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn run<B: Backend>(backend: &B) {
    let about = backend.about();
    println!("{} {} {}", about.name, about.api, about.driver);
    let mut failed = 0;
    for (name, outcome) in wait(support::all(backend)) {
        match outcome {
            Ok(found) => println!("ok    {name}: {found}"),
            Err(why) => {
                failed += 1;
                println!("FAIL  {name}: {why}");
            }
        }
    }
    assert_eq!(failed, 0, "checks failed on {}", about.name);
}

#[test]
fn cpu() {
    run(&Cpu);
}

#[test]
fn gpu() {
    if let Some(gpu) = device() {
        run(&gpu);
    }
}
