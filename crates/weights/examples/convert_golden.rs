//! Converts the golden pair files to every convention, for `tests/loads_elsewhere/check_converted.py`:
//! `cargo run --example convert_golden -p weft-weights -- OUT_FOLDER`. Files are named FILE.CONVENTION.safetensors.

use std::error::Error;
use std::path::{Path, PathBuf};
use weft_weights::adapter::{Adapter, Kind};
use weft_weights::header::Header;
use weft_weights::merge::{Member, OutDtype};
use weft_weights::ops::{Convention, ConvertOptions, convert};
use weft_weights::progress::Silent;
use weft_weights::source::FileSource;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::args().nth(1).ok_or("give the folder to write to")?);
    std::fs::create_dir_all(&out)?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/data");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)?.filter_map(|e| Some(e.ok()?.path())).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "safetensors"));
    files.sort();
    for file in files {
        let name = file.file_stem().ok_or("no name")?.to_string_lossy().into_owned();
        let source = FileSource::open(&file)?;
        let config = std::fs::read_to_string(folder.join(format!("{name}.adapter_config.json"))).ok();
        let adapter = Adapter::from_header(Header::read(&source)?, Some(&name), config.as_deref())?;
        if !matches!(adapter.kind, Kind::Lora | Kind::Locon) {
            continue;
        }
        for to in Convention::ALL {
            let options = ConvertOptions { dtype: Some(OutDtype::F32), overwrite: true, ..ConvertOptions::new(to) };
            let target = out.join(format!("{name}.{}.safetensors", to.name()));
            match convert(Member { adapter: &adapter, source: &source }, &options, &target, &Silent) {
                Ok(report) => {
                    if let Some(config) = report.adapter_config {
                        std::fs::write(target.with_extension("adapter_config.json"), config)?;
                    }
                }
                Err(why) => println!("{name} to {}: not written: {why}", to.name()),
            }
        }
    }
    Ok(())
}
