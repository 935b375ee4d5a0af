//! Merges the golden cases into a folder, for `tests/loads_elsewhere/check.py`:
//! `cargo run --example merge_golden -p weft-weights -- OUT_FOLDER`. Files are named CASE.METHOD.safetensors.

use std::error::Error;
use std::path::{Path, PathBuf};
use weft_weights::adapter::{Adapter, Naming};
use weft_weights::header::Header;
use weft_weights::merge::{Member, MergeInput, MergePlan, Method, OutDtype, merge};
use weft_weights::profile::Profile;
use weft_weights::progress::Silent;
use weft_weights::source::FileSource;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let out = PathBuf::from(std::env::args().nth(1).ok_or("give the folder to write to")?);
    std::fs::create_dir_all(&out)?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/data/merges");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&folder)?.filter_map(|e| Some(e.ok()?.path())).collect();
    cases.retain(|p| p.extension().is_some_and(|e| e == "json") && !p.to_string_lossy().contains("adapter_config"));
    cases.sort();
    for case in cases {
        merge_case(&folder, &case, &out).map_err(|e| format!("{}: {e}", case.display()))?;
    }
    Ok(())
}

fn merge_case(folder: &Path, case: &Path, out: &Path) -> Outcome<()> {
    let plan: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(case)?)?;
    let given = plan["inputs"].as_array().ok_or("no inputs")?;
    let files = given.iter().map(|g| open(folder, g)).collect::<Outcome<Vec<_>>>()?;
    let members: Vec<Member<'_>> = files.iter().map(|(adapter, source)| Member { adapter, source }).collect();
    let layout = files.iter().find_map(|(a, _)| a.detection.layout).ok_or("no layout")?;
    let inputs = given
        .iter()
        .map(|g| {
            let mut input = MergeInput::new(g["file"].as_str().unwrap_or_default(), g["weight"].as_f64().unwrap_or(1.0));
            input.te_weight = g["te_weight"].as_f64();
            if let Some(slots) = g["profile"].as_object() {
                let mut profile = Profile::neutral(layout);
                for (slot, value) in slots {
                    profile.set_named(slot, value.as_f64().ok_or("no number")?)?;
                }
                input.profile = Some(profile);
            }
            Ok(input)
        })
        .collect::<Outcome<Vec<_>>>()?;
    let name = case.file_stem().ok_or("no name")?.to_string_lossy().into_owned();
    let write = |label: &str, change: &dyn Fn(&mut MergePlan)| -> Outcome<()> {
        let mut plan = MergePlan::new(inputs.clone(), Method::Concat, OutDtype::F32);
        plan.overwrite = true;
        change(&mut plan);
        match merge(&plan, &members, &out.join(format!("{name}.{label}.safetensors")), &Silent) {
            Ok(report) => println!("{name}.{label}: {} modules, rank {} to {}", report.modules, report.rank_min, report.rank_max),
            Err(why) => println!("{name}.{label}: not written: {why}"),
        }
        Ok(())
    };
    write("concat", &|_| {})?;
    write("concat-f16", &|p| p.dtype = OutDtype::F16)?;
    write("concat-kohya", &|p| p.naming = Some(Naming::Kohya))?;
    write("concat-peft", &|p| p.naming = Some(Naming::Peft))?;
    write("concat-comfy", &|p| p.naming = Some(Naming::ComfyUi))?;
    write("sum", &|p| p.method = Method::Sum)?;
    for rank in plan["ranks"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_u64) {
        write(&format!("svd{rank}"), &|p| (p.method, p.rank) = (Method::Svd, usize::try_from(rank).ok()))?;
    }
    Ok(())
}

fn open(folder: &Path, given: &serde_json::Value) -> Outcome<(Adapter, FileSource)> {
    let file = given["file"].as_str().ok_or("no file")?;
    let config = given["adapter_config"].as_str().map(|c| std::fs::read_to_string(folder.join(c))).transpose()?;
    let source = FileSource::open(&folder.join(file))?;
    let adapter = Adapter::from_header(Header::read(&source)?, Some(file), config.as_deref())?;
    Ok((adapter, source))
}
