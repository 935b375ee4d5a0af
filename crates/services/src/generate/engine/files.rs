//! A model's files: whether they changed, and where the parts are that a checkpoint lacks.

use super::failure::problem;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use weft_diffusion::model::{LoadOptions, ModelError, ModelFiles, ModelPaths};
use weft_domain::Problem;
use weft_weights::family::Family;

/// Files of a checkpoint's folder that count for its stamp.
const STAMPED: usize = 4096;
/// Parts that are looked for one after another.
const PARTS: usize = 5;

/// Changes when a file, or a file of a folder of diffusers, does.
pub(super) fn stamp(path: &Path) -> std::io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    let mut left = STAMPED;
    add(path, 0, &mut left, &mut hasher)?;
    Ok(hasher.finish())
}

fn add(path: &Path, depth: usize, left: &mut usize, hasher: &mut DefaultHasher) -> std::io::Result<()> {
    let data = std::fs::metadata(path)?;
    *left = left.saturating_sub(1);
    if data.is_dir() && depth < 3 && *left > 0 {
        let mut inside: Vec<PathBuf> = std::fs::read_dir(path)?.take(STAMPED).filter_map(|e| Some(e.ok()?.path())).collect();
        inside.sort();
        return inside.iter().try_for_each(|path| add(path, depth + 1, left, hasher));
    }
    (path, data.len(), data.modified().ok()).hash(hasher);
    Ok(())
}

/// The name of a file for people.
pub(super) fn name(path: &Path) -> String {
    weft_weights::text::clean(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy(), 120)
}

/// Opens a checkpoint; text encoders and the image decoder that it lacks are looked for beside it, in the folders beside its folder that
/// other programs have, and in `models` below Weft's data folder. Reads headers only.
pub(super) fn open(path: &Path, data: &Path, options: &LoadOptions) -> Result<ModelFiles, Problem> {
    let mut paths = ModelPaths { main: path.to_owned(), ..ModelPaths::default() };
    let stem = path.with_extension("");
    let beside = PathBuf::from(format!("{}.vae.safetensors", stem.display()));
    if beside.is_file() {
        paths.vae = Some(beside);
    }
    for _ in 0..PARTS {
        let files = ModelFiles::open(&paths).map_err(problem)?;
        let family = files.family().map_err(problem)?;
        match files.footprint(options) {
            Ok(_) => return Ok(files),
            Err(ModelError::NoPart { part }) => {
                let names = part_names(part, family);
                let found = find(path, data, names).filter(|found| !paths.encoders.contains(found) && paths.vae.as_ref() != Some(found));
                let found = found.ok_or_else(|| {
                    problem(ModelError::NoPart { part })
                        .detail(format!("It has no {part}. Its file would be called {}….safetensors.", names.join("… or ")))
                })?;
                if part.contains("VAE") { paths.vae = Some(found) } else { paths.encoders.push(found) }
            }
            Err(error) => return Err(problem(error)),
        }
    }
    Err(Problem::conflict("The checkpoint is not complete."))
}

/// What files of a part are called, from the start.
fn part_names(part: &str, family: Family) -> &'static [&'static str] {
    match (part, family) {
        (part, Family::Flux1) if part.contains("VAE") => &["ae", "flux_vae", "flux-vae"],
        (part, Family::Sdxl) if part.contains("VAE") => &["sdxl_vae", "sdxl-vae"],
        (part, _) if part.contains("VAE") => &["vae-ft-mse", "vae-ft-ema", "sd-vae", "sd_vae"],
        (part, _) if part.contains("T5") => &["t5xxl", "t5-v1_1-xxl", "t5"],
        (part, _) if part.contains("second") => &["clip_g", "clip-g", "open_clip"],
        _ => &["clip_l", "clip-l", "clip-vit-large"],
    }
}

fn find(path: &Path, data: &Path, names: &[&str]) -> Option<PathBuf> {
    const FOLDERS: [&str; 4] = ["vae", "text_encoders", "clip", "text_encoder"];
    let models = data.join("models");
    let mut folders: Vec<PathBuf> = path.parent().into_iter().map(Path::to_path_buf).collect();
    if let Some(above) = path.parent().and_then(Path::parent) {
        folders.extend(FOLDERS.map(|f| above.join(f)));
    }
    folders.extend(FOLDERS.map(|f| models.join(f)));
    folders.push(models);
    folders.iter().find_map(|folder| {
        let mut inside: Vec<PathBuf> = std::fs::read_dir(folder).ok()?.take(STAMPED).filter_map(|e| Some(e.ok()?.path())).collect();
        inside.sort();
        inside.into_iter().find(|file| {
            let name = file.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
            file != path && name.ends_with(".safetensors") && names.iter().any(|n| name.starts_with(n))
        })
    })
}

/// A TAESD decoder for the family, by the names that its author gave the files.
pub(super) fn tiny_decoder(data: &Path, family: Family) -> Option<PathBuf> {
    let stem = match family {
        Family::Sdxl => "taesdxl",
        Family::Flux1 => "taef1",
        _ => "taesd",
    };
    let models = data.join("models");
    let folders = [models.join("vae_approx"), models.join("taesd"), models.clone()];
    let names = [format!("{stem}_decoder.safetensors"), format!("{stem}.safetensors")];
    folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name))).find(|path| path.is_file())
}
