//! The same work in another program, on the same cores, in the same run.

use super::adapters;
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

/// One module in PEFT against the mean module of a whole file in Weft, which reads and writes files besides.
pub(super) fn peft(table: &mut Table, python: &Path, folder: &Path, rounds: u32) -> Result<()> {
    table.section("Two adapters of rank 16 on one layer, merged by svd to rank 16");
    let out = Command::new(python).args(["-c", SCRIPT]).output().with_context(|| python.display().to_string())?;
    if !out.status.success() {
        bail!("{} could not run PEFT: {}", python.display(), String::from_utf8_lossy(&out.stderr).trim());
    }
    let seconds: f64 = String::from_utf8_lossy(&out.stdout).trim().parse().context("PEFT's answer is no number of seconds")?;
    let theirs = Duration::from_secs_f64(seconds.max(0.0));
    table.add("PEFT, a 3072×3072 layer, in memory", theirs, Amount::None, None);
    let ours = adapters::one_module(folder, rounds)?;
    table.add("Weft, the mean of a Flux.1 file's layers", ours, Amount::None, Some(("PEFT", theirs)));
    Ok(())
}
