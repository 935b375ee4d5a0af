//! A disk that is full while a result is written: a clear error, and nothing half-written stays.
//!
//! The disk is a real one of 96 KB, mounted in a namespace of the test's own, where the system allows that; where it does not, and besides, a limit on the
//! size of files, which fails a write in the middle too. Both hold for a child process: this very test program, asked for its ignored test.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is a test's message")]

#[expect(dead_code, reason = "shared with the other tests, which use more of it")]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{Build, Random, open};
use weft_weights::checkpoint::Checkpoint;
use weft_weights::dtype::Dtype;
use weft_weights::merge::{Member, MergeInput, MergePlan, Method, OutDtype, merge};
use weft_weights::ops::bake::{BakePlan, bake};
use weft_weights::ops::extract::{ExtractPlan, extract, extract_to};
use weft_weights::ops::{Convention, ConvertOptions, EditOptions, Keep, ResizeOptions, convert, edit, resize};
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;

const PLACE: &str = "WEFT_TEST_FULL_DISK";
/// The child's answer where the system forbids the mount.
const FORBIDDEN: i32 = 77;
const Q: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";

/// Runs [`every_writer_on_a_full_disk`] in a shell that has made `place` small.
fn inside(shell: &[&str], script: &str, place: &Path) -> Output {
    let (program, arguments) = shell.split_first().unwrap();
    Command::new(program)
        .args(arguments)
        .arg(format!("{script}; exec \"$0\" --exact every_writer_on_a_full_disk --ignored --nocapture"))
        .arg(std::env::current_exe().unwrap())
        .env(PLACE, place)
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}"))
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn a_full_disk_is_a_clear_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=96k none \"${PLACE}\" || exit {FORBIDDEN}");
    if Command::new("unshare").arg("--version").output().is_err() {
        eprintln!("skipped: there is no unshare here");
        return;
    }
    let done = inside(&["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"], &mount, folder.path());
    // 1 is unshare's own refusal, before the shell: user namespaces are closed to this process.
    let refused = done.status.code() == Some(FORBIDDEN) || (done.status.code() == Some(1) && told(&done).contains("unshare"));
    if refused {
        eprintln!("skipped: no small disk can be mounted here: {}", told(&done));
        return;
    }
    assert!(done.status.success() && told(&done).contains("1 passed"), "{}", told(&done));
    assert!(told(&done).contains("No space left on device"), "{}", told(&done));
}

#[test]
fn a_limit_on_the_size_of_files_is_a_clear_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // The signal that comes with the limit would end the process; ignored, the write fails.
    let done = inside(&["sh", "-c"], "trap '' XFSZ; ulimit -f 64", folder.path());
    assert!(done.status.success() && told(&done).contains("1 passed"), "{}", told(&done));
    assert!(told(&done).contains("File too large"), "{}", told(&done));
}

/// A pair of some 400 KB.
fn adapter(seed: u64) -> Vec<u8> {
    Build::default().kohya(Q, (320, 320, 160), Some(8.0), &mut Random(seed)).bytes()
}

/// A checkpoint of 400 KB with the layer of [`adapter`].
fn checkpoint(folder: &Path, name: &str, seed: u64) -> PathBuf {
    let layer = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight";
    let path = folder.join(name);
    let build = Build::default().tensor(layer, Dtype::F32, &[320, 320], Random(seed).many(320 * 320)).tensor(
        "model.diffusion_model.input_blocks.0.0.weight",
        Dtype::F32,
        &[320, 4, 3, 3],
        vec![0.5; 320 * 36],
    );
    std::fs::write(&path, build.bytes()).unwrap();
    path
}

#[test]
#[ignore = "the other tests run it where the disk is small"]
fn every_writer_on_a_full_disk() {
    let Some(place) = std::env::var_os(PLACE).map(PathBuf::from) else { return };
    // The inputs lie elsewhere, in memory: the limit on files would hit them too.
    let elsewhere = Path::new("/dev/shm").join(format!("weft-full-{}", std::process::id()));
    let inputs = Inputs { one: adapter(1), two: adapter(2) };
    let mut failures = vec![inputs.merge(&place), inputs.convert(&place), inputs.resize(&place), inputs.edit(&place)];
    // A checkpoint has to be a file. Where its size is limited too, only what needs none is tried.
    std::fs::create_dir_all(&elsewhere).unwrap();
    let small = std::fs::write(elsewhere.join("probe"), vec![1u8; 500_000]).is_err();
    if !small {
        let (base, tuned) = (checkpoint(&elsewhere, "base.safetensors", 3), checkpoint(&elsewhere, "tuned.safetensors", 4));
        failures.push(inputs.bake(&base, &place));
        failures.extend(extractions(&tuned, &base, &place));
    }
    std::fs::remove_dir_all(&elsewhere).unwrap();
    for failure in &failures {
        println!("{failure}");
        assert!(failure.contains("No space left on device") || failure.contains("File too large"), "{failure}");
    }
    let left: Vec<_> = std::fs::read_dir(&place).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

struct Inputs {
    one: Vec<u8>,
    two: Vec<u8>,
}

impl Inputs {
    fn merge(&self, place: &Path) -> String {
        let (a, b) = (open(&self.one), open(&self.two));
        let (s, t) = (MemorySource(&self.one), MemorySource(&self.two));
        let members = [Member { adapter: &a, source: &s }, Member { adapter: &b, source: &t }];
        let plan = MergePlan::new(vec![MergeInput::new("a", 1.0), MergeInput::new("b", 1.0)], Method::Concat, OutDtype::F32);
        merge(&plan, &members, &place.join("merged.safetensors"), &Silent).unwrap_err().to_string()
    }

    fn one<R, E: std::fmt::Display>(&self, work: impl FnOnce(Member<'_>) -> Result<R, E>) -> String {
        let (adapter, source) = (open(&self.one), MemorySource(&self.one));
        match work(Member { adapter: &adapter, source: &source }) {
            Ok(_) => "it was written".to_owned(),
            Err(e) => e.to_string(),
        }
    }

    fn convert(&self, place: &Path) -> String {
        let out = place.join("converted.safetensors");
        self.one(|input| convert(input, &ConvertOptions::new(Convention::Diffusers), &out, &Silent))
    }

    fn resize(&self, place: &Path) -> String {
        let out = place.join("resized.safetensors");
        self.one(|input| resize(input, &ResizeOptions::new(Keep::Rank(100)), &out, &Silent))
    }

    fn edit(&self, place: &Path) -> String {
        let out = place.join("edited.safetensors");
        self.one(|input| edit(input, &EditOptions { scale: 0.5, ..EditOptions::default() }, &out, &Silent))
    }

    fn bake(&self, base: &Path, place: &Path) -> String {
        let (checkpoint, out) = (Checkpoint::open(base).unwrap(), place.join("baked.safetensors"));
        let plan = BakePlan { misfits: true, ..BakePlan::new(vec![MergeInput::new("a", 1.0)]) };
        self.one(|input| bake(&checkpoint, &plan, &[input], &out, &Silent))
    }
}

fn extractions(tuned: &Path, base: &Path, place: &Path) -> [String; 2] {
    let (tuned, base) = (Checkpoint::open(tuned).unwrap(), Checkpoint::open(base).unwrap());
    let plan = ExtractPlan::new(Some(100), None, OutDtype::F32);
    let out = place.join("extracted.safetensors");
    [
        extract(&tuned, &base, &plan, &out, &Silent).unwrap_err().to_string(),
        extract_to(&tuned, &base, &plan, Convention::ComfyUi, &out, &Silent).unwrap_err().to_string(),
    ]
}
