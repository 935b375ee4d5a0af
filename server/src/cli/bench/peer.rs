//! The same work in another program, on the same cores, in the same run.

use super::adapters;
use super::heavy::Resized;
use super::table::{Amount, Table};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Merges two adapters of rank 16 on one 3072×3072 layer with PEFT's `svd` and prints the seconds it took.
const SCRIPT: &str = r#"
import os, time
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import torch
from peft import LoraConfig, get_peft_model

class One(torch.nn.Module):
    def __init__(self, n):
        super().__init__()
        self.layer = torch.nn.utils.skip_init(torch.nn.Linear, n, n, bias=False)

def seconds(n):
    torch.manual_seed(0)
    config = LoraConfig(r=16, lora_alpha=16, target_modules=["layer"])
    model = get_peft_model(One(n), config, adapter_name="first")
    model.add_adapter("second", config)
    for name in ("first", "second"):
        torch.nn.init.normal_(model.base_model.model.layer.lora_B[name].weight)
    began = time.perf_counter()
    model.add_weighted_adapter(["first", "second"], [0.8, 0.6], "merged", combination_type="svd", svd_rank=16)
    return time.perf_counter() - began

torch.set_num_threads(os.cpu_count())
seconds(256)
print(seconds(3072))
"#;

/// Decomposes one dense 3072×3072 change, as resizing without factors does, and prints the seconds it took.
const DENSE: &str = r#"
import os, time
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import torch

torch.set_num_threads(os.cpu_count())
torch.manual_seed(0)
change = torch.randn(3072, 64) @ torch.randn(64, 3072)
began = time.perf_counter()
torch.linalg.svd(change)
print(time.perf_counter() - began)
"#;

/// Dense decompositions of a whole file, from the time of one and the work of all: m·n·min(m, n) each.
pub(super) fn dense(table: &mut Table, python: &Path, resized: &Resized) -> Result<()> {
    table.section("Rank 64 to rank 16 by dense decompositions in PyTorch");
    let one = seconds(python, DENSE)?;
    table.add("one 3072×3072 layer, measured", one, Amount::None, None);
    let all = one.mul_f64(resized.dense);
    table.add("all layers of the file, extrapolated", all, Amount::None, None);
    table.add("Weft, the whole file", resized.time, Amount::None, Some(("extrapolated", all)));
    Ok(())
}

/// Runs a script that prints seconds.
fn seconds(python: &Path, script: &str) -> Result<Duration> {
    let out = Command::new(python).args(["-c", script]).output().with_context(|| python.display().to_string())?;
    if !out.status.success() {
        bail!("{} could not run the comparison: {}", python.display(), String::from_utf8_lossy(&out.stderr).trim());
    }
    let seconds: f64 = String::from_utf8_lossy(&out.stdout).trim().parse().context("the answer is no number of seconds")?;
    Ok(Duration::from_secs_f64(seconds.max(0.0)))
}

/// One module in PEFT against the mean module of a whole file in Weft, which reads and writes files besides.
pub(super) fn peft(table: &mut Table, python: &Path, folder: &Path, rounds: u32) -> Result<()> {
    table.section("Two adapters of rank 16 on one layer, merged by svd to rank 16");
    let theirs = seconds(python, SCRIPT)?;
    table.add("PEFT, a 3072×3072 layer, in memory", theirs, Amount::None, None);
    let ours = adapters::one_module(folder, rounds)?;
    table.add("Weft, the mean of a Flux.1 file's layers", ours, Amount::None, Some(("PEFT", theirs)));
    Ok(())
}
