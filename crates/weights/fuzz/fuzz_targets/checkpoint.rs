//! Checkpoints of hostile names, as one file and as shards behind a hostile index: opened, searched for the places of an adapter, baked into.
#![no_main]

mod made;

use libfuzzer_sys::fuzz_target;
use made::Bytes;
use std::path::PathBuf;
use weft_weights::checkpoint::Checkpoint;
use weft_weights::merge::{Member, MergeInput};
use weft_weights::ops::bake::{BakePlan, StoreAs, bake};
use weft_weights::ops::fits::fits;
use weft_weights::progress::Silent;
use weft_weights::source::MemorySource;

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let how = bytes.next();
    let lora = made::file(&mut bytes);
    let folder = folder();
    let path = if how & 1 == 0 {
        let file = folder.join("model.safetensors");
        let made = if how & 2 == 0 { made::checkpoint(&mut bytes) } else { bytes.0.to_vec() };
        std::fs::write(&file, made).expect("memory takes it");
        file
    } else {
        let shard = made::checkpoint(&mut bytes);
        std::fs::write(folder.join("a.safetensors"), shard).expect("memory takes it");
        let index = folder.join("model.safetensors.index.json");
        std::fs::write(&index, bytes.0).expect("memory takes it");
        index
    };
    let Ok(checkpoint) = Checkpoint::open(&path) else { return };
    let Some(adapter) = made::adapter(&lora) else { return };
    let _ = fits(&adapter, &checkpoint, None);
    let source = MemorySource(&lora);
    let dtype = [StoreAs::Keep, StoreAs::F8E4M3, StoreAs::F16, StoreAs::F32][usize::from(how / 4 % 4)];
    let plan = BakePlan { dtype, misfits: true, stochastic: (how > 127).then_some(1), ..BakePlan::new(vec![MergeInput::new("x", 0.5)]) };
    let out = folder.join("out.safetensors");
    let _ = (std::fs::remove_file(&out), std::fs::remove_dir_all(&out));
    if bake(&checkpoint, &plan, &[Member { adapter: &adapter, source: &source }], &out, &Silent).is_ok() {
        Checkpoint::open(&out).expect("what was written is a checkpoint");
    }
});

/// A folder of this process in memory.
fn folder() -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    let root = if shared.is_dir() { shared } else { std::env::temp_dir() };
    let folder = root.join(format!("weft-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("memory takes it");
    folder
}
