//! Devices that go away, and devices that are only the CPU again: an error or a plain answer, never a panic.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use weft_weights::dtype::Dtype;
use weft_weights::progress::{Progress, Silent};
use weft_weights_gpu::{
    About, Backend, Choice, Chosen, Cpu, Gpu, GpuError, Joint, LowRank, Side, Stored, Task, Tile, Which, Workload, choose, wait,
};

const DATA: [f32; 64] = [0.5; 64];

fn change() -> LowRank<'static> {
    LowRank { m: 8, n: 8, rank: 8, row0: 0, b: Stored::of(&DATA), a: Stored::of(&DATA), scale: 1.0 }
}

fn open() -> Option<Gpu> {
    let gpu = wait(Gpu::open(Which::Fastest));
    if let Err(error @ GpuError::NoDevice(_)) = &gpu {
        println!("SKIPPED: no Vulkan device: {error}");
        return None;
    }
    Some(gpu.unwrap())
}

#[test]
fn a_lost_device_is_an_error_that_sends_to_the_cpu() {
    let Some(gpu) = open() else { return };
    let groups = [vec![change()]];
    let before = wait(gpu.gram(&groups, &Silent)).unwrap();
    assert_eq!(before, wait(Cpu.gram(&groups, &Silent)).unwrap());
    gpu.close();
    let gram = wait(gpu.gram(&groups, &Silent)).unwrap_err();
    let product = wait(gpu.product_rows(&change(), 0..8, &mut [0.0; 64])).unwrap_err();
    let mut out = vec![9];
    let merge =
        wait(gpu.merge_tile(&Tile { rows: 0..8, n: 8, weight: Stored::of(&DATA) }, &[change()], Dtype::BF16, &mut out)).unwrap_err();
    for error in [gram, product, merge] {
        assert!(matches!(error, GpuError::Lost(_)) && error.try_cpu(), "{error}");
    }
    assert_eq!(out, [9], "nothing half done");
}

#[test]
fn more_than_the_device_takes_sends_to_the_cpu() {
    let Some(gpu) = open() else { return };
    // 130 MiB of factors in one group: above the 128 MiB of WebGPU's largest binding.
    let big = vec![0.5f32; 34 << 20];
    let group = LowRank { m: 34 << 20, n: 1, rank: 1, row0: 0, b: Stored::of(&big), a: Stored::of(&DATA[..1]), scale: 1.0 };
    let error = wait(gpu.gram(&[vec![group]], &Silent)).unwrap_err();
    assert!(matches!(error, GpuError::TooLarge { .. }) && error.try_cpu(), "{error}");
    assert!(wait(gpu.gram(&[vec![change()]], &Silent)).is_ok(), "the device goes on");
}

/// Asks to stop at the first report.
#[derive(Default)]
struct Stop(AtomicBool);

impl Progress for Stop {
    fn step(&self, _done: u64, _total: u64, _what: &str) {
        self.0.store(true, Ordering::Relaxed);
    }
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn cancelled_between_batches() {
    let Some(gpu) = open() else { return };
    let values = vec![0.5f32; 4 << 20];
    let big = LowRank { m: 1 << 18, n: 1, rank: 16, row0: 0, b: Stored::of(&values), a: Stored::of(&DATA[..16]), scale: 1.0 };
    let groups = vec![vec![big]; 6];
    assert!(matches!(wait(gpu.gram(&groups, &Stop::default())), Err(GpuError::Cancelled(_))));
    assert_eq!(wait(gpu.gram(&groups[..1], &Silent)).unwrap()[0].b, [0.25 * f64::from(1 << 18); 256]);
}

fn workload(task: Task) -> Workload {
    Workload { task, m: 300, n: 200, rank: 16, dtype: Dtype::BF16 }
}

#[test]
fn a_renderer_in_software_is_never_chosen() {
    let Some(gpu) = open() else { return };
    let begun = Instant::now();
    for task in [Task::Gram, Task::Product, Task::Merge] {
        let choice = wait(choose(&Cpu, Ok(&gpu), &workload(task), &|| begun.elapsed()));
        println!("{}", choice.reason);
        assert_eq!(choice.measured.is_some(), !gpu.about().software);
        if gpu.about().software {
            assert_eq!(choice.side, Side::Cpu);
            assert!(choice.reason.contains("software") && choice.reason.contains(&gpu.about().name), "{}", choice.reason);
        }
    }
}

/// A device that takes as long as it is told to, and can fail.
struct Pretend<'a> {
    now: &'a Cell<Duration>,
    takes: Duration,
    software: bool,
    fails: bool,
}

impl Pretend<'_> {
    fn work(&self) -> Result<(), GpuError> {
        self.now.set(self.now.get() + self.takes);
        if self.fails { Err(GpuError::OutOfMemory) } else { Ok(()) }
    }
}

impl Backend for Pretend<'_> {
    fn about(&self) -> About {
        About { name: "Pretend 9000".into(), api: "Vulkan".into(), driver: String::new(), software: self.software }
    }
    async fn gram(&self, _: &[Vec<LowRank<'_>>], _: &dyn Progress) -> Result<Vec<Joint>, GpuError> {
        self.work().map(|()| Vec::new())
    }
    async fn product_rows(&self, _: &LowRank<'_>, _: Range<usize>, _: &mut [f32]) -> Result<(), GpuError> {
        self.work()
    }
    async fn merge_tile(&self, _: &Tile<'_>, _: &[LowRank<'_>], _: Dtype, _: &mut Vec<u8>) -> Result<(), GpuError> {
        self.work()
    }
}

#[test]
fn only_what_measures_clearly_faster_is_chosen() {
    for (cpu, gpu, software, fails, side, word) in [
        (100, 10, false, false, Side::Gpu, "Pretend 9000 through Vulkan"),
        (100, 95, false, false, Side::Cpu, "not clearly faster"),
        (10, 100, false, false, Side::Cpu, "not clearly faster"),
        (100, 10, true, false, Side::Cpu, "renderer in software"),
        (100, 10, false, true, Side::Cpu, "failed the probe"),
    ] {
        let now = Cell::new(Duration::ZERO);
        let pretend = |takes, software, fails| Pretend { now: &now, takes: Duration::from_millis(takes), software, fails };
        let choice = wait(choose(&pretend(cpu, false, false), Ok(&pretend(gpu, software, fails)), &workload(Task::Gram), &|| now.get()));
        assert_eq!(choice.side, side, "{}", choice.reason);
        assert!(choice.reason.contains(word), "{}", choice.reason);
        let figures = choice.measured.map(|m| (m.cpu.as_millis(), m.gpu.as_millis()));
        assert_eq!(figures, if fails || software { None } else { Some((u128::from(cpu), u128::from(gpu))) });
    }
    let error = GpuError::NoDevice("no driver".into());
    let choice = wait(choose(&Cpu, Err::<&Gpu, _>(&error), &workload(Task::Merge), &|| Duration::ZERO));
    assert_eq!((choice.side, choice.measured), (Side::Cpu, None));
    assert!(choice.reason.contains("no driver"));
}

#[test]
fn the_cpu_steps_in_where_the_device_fails() {
    let choice = |side| Choice { side, reason: "because".into(), measured: None };
    let now = Cell::new(Duration::ZERO);
    let pretend = |fails| Pretend { now: &now, takes: Duration::from_millis(1), software: false, fails };
    let chosen = Chosen::new(Some(pretend(true)), choice(Side::Gpu));
    let groups = [vec![change()]];
    let (mut rows, mut bytes) = (vec![0.0; 64], Vec::new());
    assert_eq!(wait(chosen.gram(&groups, &Silent)).unwrap(), wait(Cpu.gram(&groups, &Silent)).unwrap());
    wait(chosen.product_rows(&change(), 0..8, &mut rows)).unwrap();
    wait(chosen.merge_tile(&Tile { rows: 0..8, n: 8, weight: Stored::of(&DATA) }, &[change()], Dtype::F32, &mut bytes)).unwrap();
    assert_eq!((rows, bytes), (vec![2.0; 64], 2.5f32.to_le_bytes().repeat(64)));
    assert!(chosen.says().starts_with("because. Then the CPU stepped in") && chosen.says().contains("memory"), "{}", chosen.says());
    // A choice for the CPU never asks the device; one for a device that works never asks the CPU; wrong input is nobody's to cure.
    let spared = Chosen::new(Some(pretend(true)), choice(Side::Cpu));
    assert_eq!(
        (wait(spared.gram(&groups, &Silent)).unwrap().len(), spared.says(), spared.about().name),
        (1, "because".into(), "CPU".into())
    );
    let working = Chosen::new(Some(pretend(false)), choice(Side::Gpu));
    assert!(wait(working.gram(&groups, &Silent)).unwrap().is_empty());
    let wrong = LowRank { m: 9, ..change() };
    assert!(matches!(wait(spared.gram(&[vec![wrong]], &Silent)), Err(GpuError::Shape(_))));
}
