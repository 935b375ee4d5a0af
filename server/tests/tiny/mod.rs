//! The smallest model that has every part, as somebody would have it: one file, its configuration and tokenizer beside it.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/diffusion/golden").join(path)
}

/// Copies one more adapter for it.
pub fn adapter(name: &str, to: &Path) {
    std::fs::copy(golden(&format!("sd1/adapters/{name}.safetensors")), to).expect("copied");
}

/// Writes `tiny.safetensors` and an adapter for it into `folder`.
pub fn checkpoint(folder: &Path) {
    let copy = |from: &str, to: &str| {
        std::fs::copy(golden(from), folder.join(to)).expect("copied");
    };
    std::fs::create_dir_all(folder.join("tokenizer")).expect("folder");
    copy("sd1/model.safetensors", "tiny.safetensors");
    copy("sd1/adapters/attention.safetensors", "attention.safetensors");
    // As many tokens as the model knows: bytes, the same at the end of a word, sixty merges, start and end.
    let text = std::fs::read_to_string(golden("tokenizers/clip_merges.txt")).expect("merges");
    let merges: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).take(60).collect();
    std::fs::write(folder.join("tokenizer/merges.txt"), merges.join("\n")).expect("written");
    let config = |part: &str, file: &str| -> Value {
        let text = std::fs::read_to_string(golden(&format!("sd1/diffusers/{part}/{file}"))).expect("a configuration");
        serde_json::from_str(&text).expect("JSON")
    };
    let parts = json!({ "unet": config("unet", "config.json"), "vae": config("vae", "config.json"),
        "text_encoder": config("text_encoder", "config.json"), "scheduler": config("scheduler", "scheduler_config.json") });
    std::fs::write(folder.join("tiny.config.json"), parts.to_string()).expect("written");
}
