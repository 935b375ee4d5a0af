//! Where a merge writes: a free name below a root, and the clean-up of what a crash left.

use super::job::Input;
use crate::names;
use crate::problem::{ForPeople as _, blocking};
use crate::scan::path;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use weft_domain::{JobKind, Problem, RootId};
use weft_storage::{RootRow, Store};
use weft_weights::header::Header;
use weft_weights::merge::MergePlan;
use weft_weights::source::FileSource;
use weft_weights::write;

/// A path below the root that no file has and no waiting merge will take: the name, or the name with a number.
pub(crate) async fn free(store: &Store, root: &RootRow, folder: &str, stem: &str) -> Result<String, Problem> {
    let taken = taken(store, root.id).await?;
    let (base, folder, stem) = (root.folder(), folder.to_owned(), stem.to_owned());
    blocking(move || {
        if !base.is_dir() {
            return Err(
                Problem::invalid("root", "This folder is not there now.").hint("If it lies on a drive that is off, switch the drive on.")
            );
        }
        first_free(&base, &folder, &stem, &taken)
    })
    .await?
}

/// Paths that waiting and running merges will write.
async fn taken(store: &Store, root: RootId) -> Result<HashSet<String>, Problem> {
    let inputs = unfinished(store).await?;
    Ok(inputs.into_iter().filter(|i| i.root == root).map(|i| i.relative.to_lowercase()).collect())
}

async fn unfinished(store: &Store) -> Result<Vec<Input>, Problem> {
    let rows = store.jobs().list(0).await.for_people("listing jobs")?;
    Ok(rows.into_iter().filter(|j| j.kind == JobKind::Merge).filter_map(|j| serde_json::from_value(j.input).ok()).collect())
}

/// The first candidate that is free on disk and not spoken for.
pub(crate) fn first_free(base: &Path, folder: &str, stem: &str, taken: &HashSet<String>) -> Result<String, Problem> {
    let below = |name: String| if folder.is_empty() { name } else { format!("{folder}/{name}") };
    names::candidates(stem)
        .map(below)
        .find(|relative| !taken.contains(&relative.to_lowercase()) && base.join(path::decode(relative)).symlink_metadata().is_err())
        .ok_or_else(|| Problem::conflict("There are thousands of files of this name.").hint("Choose another name."))
}

/// Makes the folder of the target; refuses where a link leads out of the root.
pub(crate) fn prepare(base: &Path, relative: &str) -> Result<PathBuf, String> {
    let target = base.join(path::decode(relative));
    let folder = target.parent().unwrap_or(base);
    if !base.is_dir() {
        return Err("The folder is not there: its drive may be off.".to_owned());
    }
    std::fs::create_dir_all(folder).map_err(|e| format!("The folder {} cannot be made: {e}.", folder.display()))?;
    match folder.canonicalize() {
        Ok(real) if real == folder => Ok(target),
        _ => Err("A link stands in the way of this folder; Weft writes only below the folders it watches.".to_owned()),
    }
}

/// Is the file at `target` what this plan writes? A merge that was killed after its last step finds its own work so. The same plan and
/// the same inputs give the same bytes, so equal recipes mean equal files.
pub(crate) fn is_ours(target: &Path, plan: &MergePlan) -> bool {
    let Ok(source) = FileSource::open(target) else { return false };
    let Ok(header) = Header::read(&source) else { return false };
    let recipe = header.metadata.get("weft.recipe").and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(recipe) = recipe else { return false };
    same(&recipe, "inputs", &plan.inputs)
        && same(&recipe, "method", &plan.method)
        && same(&recipe, "rank", &plan.rank)
        && same(&recipe, "energy", &plan.energy)
        && same(&recipe, "dtype", &plan.dtype)
        && header.metadata.get("modelspec.title") == plan.title.as_ref()
}

/// Does the recipe say this? Compared as text that was read back, for that is what the recipe is.
fn same<T: Serialize>(recipe: &Value, key: &str, value: &T) -> bool {
    let told = serde_json::to_string(value).and_then(|text| serde_json::from_str::<Value>(&text));
    told.is_ok_and(|told| recipe.get(key).unwrap_or(&Value::Null) == &told)
}

/// Removes the temporary files of merges that a crash cut off. Called before the first merge of this process, so that none of its own
/// is under way; a merge of another living process is left alone.
pub(crate) async fn sweep_unfinished(store: &Store) -> Result<(), Problem> {
    let mut folders = BTreeSet::new();
    for input in unfinished(store).await? {
        if let Some(root) = store.roots().get(input.root).await.for_people("reading a root")? {
            folders.extend(root.folder().join(path::decode(&input.relative)).parent().map(Path::to_owned));
        }
    }
    blocking(move || {
        for folder in folders {
            match write::sweep(&folder, lives) {
                Ok(0) | Err(_) => {}
                Ok(count) => tracing::info!(count, folder = %folder.display(), "removed unfinished files of an interrupted merge"),
            }
        }
    })
    .await
}

/// Does another process with this id live? Where the system cannot tell, none does.
fn lives(pid: u32) -> bool {
    pid != std::process::id() && Path::new("/proc").join(pid.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::open::open;
    use weft_weights::family::Family;
    use weft_weights::merge::{Member, MergeInput, Method, OutDtype, merge};
    use weft_weights::progress::Silent;
    use weft_weights::samples::{SampleOptions, SampleSize, write_samples};

    #[test]
    fn a_file_is_known_as_ours_by_its_whole_recipe() {
        let dir = tempfile::tempdir().unwrap();
        let options = SampleOptions { families: vec![Family::Sd1], size: Some(SampleSize::Tiny), ..SampleOptions::new(2) };
        let files = write_samples(dir.path(), &options, &Silent).unwrap();
        let opened: Vec<_> = files.iter().map(|f| open(&f.path).unwrap()).collect();
        let members: Vec<_> = opened.iter().map(|o| Member { adapter: &o.adapter, source: &o.source }).collect();
        let inputs = vec![MergeInput::new("a", 0.1 + 0.2), MergeInput::new("b", 1.0 / 3.0)];
        let mut plan = MergePlan::new(inputs, Method::Concat, OutDtype::F16);
        plan.title = Some("Ours".to_owned());
        let out = dir.path().join("out.safetensors");
        merge(&plan, &members, &out, &Silent).unwrap();
        // As after a restart: the plan comes back from its stored text.
        let stored: MergePlan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        assert!(is_ours(&out, &stored));
        let mut other = plan.clone();
        other.inputs[0].weight = 0.3;
        assert!(!is_ours(&out, &other));
        assert!(!is_ours(&out, &MergePlan { title: Some("Theirs".to_owned()), ..plan.clone() }));
        assert!(!is_ours(&files[0].path, &plan), "no recipe at all");
        assert!(!is_ours(dir.path(), &plan) && !is_ours(&dir.path().join("gone"), &plan));
    }

    #[test]
    fn names_go_on_counting_and_folders_stay_inside() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::write(base.join("x.safetensors"), b"").unwrap();
        let taken = HashSet::from(["x 2.safetensors".to_owned()]);
        assert_eq!(first_free(&base, "", "x", &taken).unwrap(), "x 3.safetensors");
        assert_eq!(first_free(&base, "deep", "x", &taken).unwrap(), "deep/x.safetensors");
        assert_eq!(prepare(&base, "deep/er/x.safetensors").unwrap(), base.join("deep/er/x.safetensors"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("/tmp", base.join("way")).unwrap();
            assert!(prepare(&base, "way/x.safetensors").is_err());
        }
        assert!(prepare(&base.join("gone"), "x.safetensors").is_err());
        assert!(!base.join("gone").exists(), "a root that is off is not made anew");
    }
}
