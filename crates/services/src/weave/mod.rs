//! Weaving: do adapters fit together, what does their sum look like, what would a file of it be, and writing it.

mod compare;
mod job;
pub(crate) mod members;
mod pairs;
pub(crate) mod plan;

pub(crate) use compare::CompareJob;
pub(crate) use job::MergeJob;

use crate::access::{Editor, Reader};
use crate::cache::Cache;
use crate::jobs::Jobs;
use crate::names;
use crate::problem::{ForPeople as _, blocking};
use crate::produce::{Form, Place, target};
use members::Loaded;
use pairs::Pairs;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use weft_domain::compare::{CompareAnswer, Comparison};
use weft_domain::merge::{MergeEstimate, MergeRequest, Verdict, Weave};
use weft_domain::{AdapterId, FileState, JobKind, JobState, JobView, Problem};
use weft_storage::{FilePlace, NewJob, Store};
use weft_weights::gram::GramSet;
use weft_weights::progress::Progress;
use weft_weights::relations;

/// Answer to "do these go together?": the verdict, and all that the page needs to compute the combined strength by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Together {
    pub verdict: Verdict,
    /// Inner products by slot, members in the order asked for. None where the adapters do not fit.
    pub gram: Option<GramSet>,
    /// Layout that all of them share.
    pub layout: Option<String>,
}

/// Most adapters of one comparison: pairs grow with the square.
const COMPARED_MAX: usize = 8;

/// The weaving use case. Clones share it.
#[derive(Debug, Clone)]
pub struct Weaving {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    jobs: Jobs,
    pairs: Mutex<Pairs>,
    /// Answers by the content and the names of what was compared: up to half a megabyte each.
    comparisons: Mutex<Cache<String, Comparison, 32>>,
    /// Answers that need arithmetic are computed one at a time; merges have their own lane.
    gate: Semaphore,
    /// Choosing a file name and enqueuing its job happen as one.
    naming: Arc<tokio::sync::Mutex<()>>,
}

impl Weaving {
    pub(crate) fn new(store: Store, jobs: Jobs, naming: Arc<tokio::sync::Mutex<()>>) -> Self {
        let inner = Inner { store, jobs, pairs: Mutex::default(), comparisons: Mutex::default(), gate: Semaphore::new(1), naming };
        Self { inner: Arc::new(inner) }
    }

    /// Whether these adapters fit together, and their inner products. Numbers are kept in memory: asking again reads no file.
    pub async fn together(&self, _: &Reader, ids: &[AdapterId]) -> Result<Together, Problem> {
        if ids.len() > plan::STRANDS_MAX {
            return Err(Problem::invalid("ids", format!("At most {} adapters can be woven at once.", plan::STRANDS_MAX)));
        }
        let places = self.places(ids).await?;
        if let Some(reasons) = unusable(&places) {
            return Ok(Together { verdict: Verdict { fits: false, reasons, warnings: Vec::new() }, gram: None, layout: None });
        }
        let stop = StopOnDrop::default();
        let (flag, this) = (stop.flag(), self.clone());
        let _permit = self.inner.gate.acquire().await.map_err(|e| crate::problem::internal("the weaving gate is closed", &e))?;
        blocking(move || this.judge(&places, &flag)).await?
    }

    fn judge(&self, places: &[FilePlace], stop: &AtomicBool) -> Result<Together, Problem> {
        let loaded = match members::load_all(places) {
            Ok(loaded) => loaded,
            Err(problem) => {
                let verdict = Verdict { fits: false, reasons: vec![problem.to_string()], warnings: Vec::new() };
                return Ok(Together { verdict, gram: None, layout: None });
            }
        };
        let verdict = judged(&loaded);
        let layout = plan::shared_layout(&loaded);
        let gram = if verdict.fits && !loaded.is_empty() { Some(self.gram(&loaded, stop)?) } else { None };
        Ok(Together { verdict, gram, layout: layout.map(|l| l.id.to_owned()) })
    }

    fn gram(&self, loaded: &[Loaded], stop: &AtomicBool) -> Result<GramSet, Problem> {
        let keys: Vec<_> = loaded.iter().map(|m| m.key.clone()).collect();
        let layout = plan::shared_layout(loaded);
        let pairs = || self.inner.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = pairs().assemble(&keys, layout) {
            return Ok(set);
        }
        let members: Vec<_> = loaded.iter().map(Loaded::member).collect();
        let labels: Vec<&str> = loaded.iter().map(|m| m.name.as_str()).collect();
        let set = relations::gram_set(&members, &labels, stop).map_err(plan::problem)?;
        pairs().keep(&keys, &set);
        Ok(set)
    }

    /// How adapters relate: sentences with their numbers, for every pair and block. Waits for as long as it takes.
    pub async fn compare(&self, _: &Reader, ids: &[AdapterId]) -> Result<Comparison, Problem> {
        let stop = StopOnDrop::default();
        let (flag, asked) = (stop.flag(), ids.to_vec());
        let _permit = self.inner.gate.acquire().await.map_err(|e| crate::problem::internal("the weaving gate is closed", &e))?;
        self.compared(ids, move |places| compared(asked, places, &*flag)).await
    }

    /// The same for a page that shows how far it is: the answer, or the job that computes it.
    pub async fn compare_or_job(&self, _: &Reader, ids: &[AdapterId]) -> Result<CompareAnswer, Problem> {
        const PATIENCE: std::time::Duration = std::time::Duration::from_millis(900);
        let (_, key) = self.comparable(ids).await?;
        if let Some(comparison) = self.compared_before(&key) {
            return Ok(CompareAnswer { comparison: Some(comparison), job: None });
        }
        let input = compare::Input { ids: ids.to_vec() };
        let input = serde_json::to_value(input).map_err(|e| crate::problem::internal("a comparison cannot be stored", &e))?;
        let job = NewJob::new(JobKind::Compare, format!("Comparing {} adapters", ids.len()), input);
        let job = self.inner.jobs.enqueue(&job.once(format!("compare:{key}"))).await?;
        let job = self.inner.jobs.wait(job, PATIENCE).await?;
        match (job.state, self.compared_before(&key)) {
            (_, Some(comparison)) => Ok(CompareAnswer { comparison: Some(comparison), job: None }),
            (JobState::Queued | JobState::Running, None) => Ok(CompareAnswer { comparison: None, job: Some(job) }),
            (JobState::Cancelled, None) => Err(Problem::conflict("The comparison was cancelled.")),
            (_, None) => Err(Problem::conflict("The adapters could not be compared.").detail(job.error.unwrap_or_default())),
        }
    }

    /// The kept answer, or a new one.
    async fn compared(
        &self,
        ids: &[AdapterId],
        work: impl FnOnce(&[FilePlace]) -> Result<Comparison, Problem> + Send + 'static,
    ) -> Result<Comparison, Problem> {
        let (places, key) = self.comparable(ids).await?;
        if let Some(comparison) = self.compared_before(&key) {
            return Ok(comparison);
        }
        let comparison = blocking(move || work(&places)).await??;
        self.inner.comparisons.lock().unwrap_or_else(PoisonError::into_inner).put(key, comparison.clone());
        Ok(comparison)
    }

    fn compared_before(&self, key: &String) -> Option<Comparison> {
        self.inner.comparisons.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// The files, if there are neither too few nor too many and all can be used, and the name of their contents.
    async fn comparable(&self, ids: &[AdapterId]) -> Result<(Vec<FilePlace>, String), Problem> {
        if ids.len() < 2 || ids.len() > COMPARED_MAX {
            return Err(Problem::invalid("ids", format!("Choose 2 to {COMPARED_MAX} adapters to compare.")));
        }
        let places = self.places(ids).await?;
        if let Some(reasons) = unusable(&places) {
            return Err(Problem::invalid("ids", "Not all of these adapters can be used now.").detail(plan::sentences(&reasons)));
        }
        let key = places.iter().map(|place| format!("{}:{}", members::content_key(place), place.name)).collect::<Vec<_>>().join("|");
        Ok((places, key))
    }

    /// What a merge would keep and weigh, computed without writing.
    pub async fn estimate(&self, _: &Reader, weave: &Weave) -> Result<MergeEstimate, Problem> {
        plan::check(weave)?;
        let places = self.strand_places(weave).await?;
        let stop = StopOnDrop::default();
        let (flag, weave) = (stop.flag(), weave.clone());
        let _permit = self.inner.gate.acquire().await.map_err(|e| crate::problem::internal("the weaving gate is closed", &e))?;
        blocking(move || estimated(&weave, &places, &flag)).await?
    }

    /// Checks everything, chooses the file name and queues the merge.
    pub async fn merge(&self, _: &Editor, request: MergeRequest) -> Result<JobView, Problem> {
        plan::check(&request.weave)?;
        let title = request.name.trim().to_owned();
        let stem = names::safe_stem(&title)
            .ok_or_else(|| Problem::invalid("name", "The new adapter needs a name.").hint("Letters or digits of any script will do."))?;
        let folder = names::safe_folder(&request.folder)?;
        let root = self.inner.store.roots().get(request.root).await.for_people("reading a root")?;
        let root = root.ok_or_else(|| Problem::invalid("root", "There is no such folder in the library."))?;
        let places = self.strand_places(&request.weave).await?;
        let weave = request.weave.clone();
        let planned_title = title.clone();
        let plan = blocking(move || {
            let loaded = members::load_all(&places)?;
            let verdict = judged(&loaded);
            if !verdict.fits {
                return Err(
                    Problem::invalid("strands", "These adapters cannot be woven together.").detail(plan::sentences(&verdict.reasons))
                );
            }
            let plan = plan::plan(&weave, &loaded, Some(planned_title))?;
            plan.validate().map_err(plan::problem)?;
            Ok(plan)
        })
        .await??;
        let _one_at_a_time = self.inner.naming.lock().await;
        let relative = target::free(&self.inner.store, &root, &folder, (&stem, Form::File)).await?;
        let ids = request.weave.strands.iter().map(|s| s.adapter).collect();
        let key = format!("merge:{}:{relative}", root.id);
        let input = job::Input { place: Place { root: root.id, relative, form: Form::File }, ids, plan };
        let input = serde_json::to_value(input).map_err(|e| crate::problem::internal("a merge plan cannot be stored", &e))?;
        self.inner.jobs.enqueue(&NewJob::new(JobKind::Merge, format!("Weaving {title}"), input).once(key)).await
    }

    async fn strand_places(&self, weave: &Weave) -> Result<Vec<FilePlace>, Problem> {
        let ids: Vec<AdapterId> = weave.strands.iter().map(|s| s.adapter).collect();
        let places = self.places(&ids).await?;
        match unusable(&places) {
            Some(reasons) => {
                Err(Problem::invalid("strands", "Not all of these adapters can be used now.").detail(plan::sentences(&reasons)))
            }
            None => Ok(places),
        }
    }

    async fn places(&self, ids: &[AdapterId]) -> Result<Vec<FilePlace>, Problem> {
        let places = self.inner.store.adapters().places(ids).await.for_people("looking up strands")?;
        match ids.iter().find(|id| !places.iter().any(|p| p.id == **id)) {
            Some(id) => Err(Problem::not_found(format!("There is no adapter {id} in the library."))),
            None => Ok(places),
        }
    }
}

/// Why some of the files cannot be used now.
fn unusable(places: &[FilePlace]) -> Option<Vec<String>> {
    let reasons: Vec<String> = places
        .iter()
        .filter_map(|p| match p.state {
            FileState::Ready => None,
            FileState::Missing => Some(format!("{} is missing: its file is not there, or its drive is off.", p.name)),
            FileState::Broken => Some(format!("{} is broken: it cannot be read as an adapter.", p.name)),
        })
        .collect();
    (!reasons.is_empty()).then_some(reasons)
}

/// Opens and compares. Blocks.
fn compared(ids: Vec<AdapterId>, places: &[FilePlace], progress: &dyn Progress) -> Result<Comparison, Problem> {
    compare::compare(ids, &members::load_all(places)?, progress)
}

fn judged(loaded: &[Loaded]) -> Verdict {
    let named: Vec<_> = loaded.iter().map(|m| (m.name.as_str(), &m.adapter)).collect();
    let verdict = relations::compatible(&named);
    let full = |list: Vec<String>| list.iter().map(|t| plan::sentence(t)).collect();
    Verdict { fits: verdict.fits, reasons: full(verdict.reasons), warnings: full(verdict.warnings) }
}

fn estimated(weave: &Weave, places: &[FilePlace], stop: &AtomicBool) -> Result<MergeEstimate, Problem> {
    let loaded = members::load_all(places)?;
    let plan = plan::plan(weave, &loaded, None)?;
    let members: Vec<_> = loaded.iter().map(Loaded::member).collect();
    let curve = weft_weights::merge::estimate(&plan, &members, stop).map_err(plan::problem)?;
    Ok(MergeEstimate {
        chosen: plan::chosen(&curve, weave),
        curve: curve.ranks.iter().map(plan::point).collect(),
        exact_rank: u32::try_from(curve.full_rank).unwrap_or(u32::MAX),
        modules: u32::try_from(curve.modules).unwrap_or(u32::MAX),
        warnings: judged(&loaded).warnings,
    })
}

/// Stops arithmetic whose answer nobody waits for any more: a request that is dropped takes its computation along.
#[derive(Debug, Default)]
pub(crate) struct StopOnDrop(Arc<AtomicBool>);

impl StopOnDrop {
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::open::open;
    use weft_domain::ProblemKind;
    use weft_weights::merge::{Member, MergeInput, MergePlan, Method, OutDtype};
    use weft_weights::progress::Silent;
    use weft_weights::samples::{SampleOptions, SampleSize, write_samples};

    #[test]
    fn a_dropped_request_stops_its_arithmetic() {
        let dir = tempfile::tempdir().unwrap();
        let options = SampleOptions { size: Some(SampleSize::Tiny), ..SampleOptions::new(1) };
        let files = write_samples(dir.path(), &options, &Silent).unwrap();
        let opened = open(&files[0].path).unwrap();
        let members = [Member { adapter: &opened.adapter, source: &opened.source }];
        let plan = MergePlan { rank: Some(4), ..MergePlan::new(vec![MergeInput::new("a", 1.0)], Method::Svd, OutDtype::F16) };
        let stop = StopOnDrop::default();
        let flag = stop.flag();
        assert!(weft_weights::merge::estimate(&plan, &members, &*flag).is_ok(), "somebody waits: it is computed");
        drop(stop);
        let stopped = weft_weights::merge::estimate(&plan, &members, &*flag).map_err(plan::problem).unwrap_err();
        assert_eq!(stopped.kind, ProblemKind::Unavailable, "{stopped}");
        assert!(relations::gram_set(&members, &["a"], &*flag).is_err());
    }
}
