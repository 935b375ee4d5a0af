//! Times every merge method once on two full Flux r16 adapters (304 modules, 146 MB each) and prints the peak memory:
//! `cargo run --release -p weft-weights --example merge_speed -- FOLDER [METHOD…]`. The inputs are made in FOLDER and stay there.

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;
use weft_weights::adapter::Adapter;
use weft_weights::family::Family;
use weft_weights::header::Header;
use weft_weights::merge::{Member, MergeInput, MergePlan, Method, OutDtype, merge};
use weft_weights::progress::Silent;
use weft_weights::samples::SampleSpec;
use weft_weights::source::FileSource;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let folder = PathBuf::from(words.next().ok_or("give a folder for the files")?);
    let wanted: Vec<String> = words.collect();
    let mut files = Vec::new();
    for seed in [1, 2] {
        let path = folder.join(format!("flux{seed}.safetensors"));
        if !path.exists() {
            SampleSpec::full(Family::Flux1, 16, seed).write(File::create(&path)?)?;
        }
        files.push(open(&path)?);
    }
    let members: Vec<Member<'_>> = files.iter().map(|(adapter, source)| Member { adapter, source }).collect();
    for method in Method::ALL.into_iter().filter(|m| wanted.is_empty() || wanted.iter().any(|w| w == m.as_str())) {
        let inputs = vec![MergeInput::new("a", 0.8), MergeInput::new("b", 0.6)];
        let rank = (method != Method::Concat).then_some(16);
        let plan = MergePlan { rank, overwrite: true, ..MergePlan::new(inputs, method, OutDtype::Bf16) };
        let start = Instant::now();
        let report = merge(&plan, &members, &folder.join("out.safetensors"), &Silent)?;
        let (seconds, kept) = (start.elapsed().as_secs_f64(), report.energy_kept);
        println!("{:<16} {seconds:8.2} s   energy kept {kept:.3}   peak memory so far {} MB", method.as_str(), peak());
    }
    Ok(())
}

fn open(path: &Path) -> Result<(Adapter, FileSource), Box<dyn Error>> {
    let source = FileSource::open(path)?;
    let adapter = Adapter::from_header(Header::read(&source)?, None, None)?;
    Ok((adapter, source))
}

/// Most memory the process ever had, in megabytes; 0 where the system does not say.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1000
}
