//! Where every tensor of the result will stand, before the first value is read.

use super::apply::Changes;
use super::plan::{BakeError, BakePlan};
use crate::checkpoint::{Checkpoint, Tensor};
use crate::dtype::Dtype;
use crate::header::{MAX_HEADER, TensorInfo};
use crate::ops::meta::extended;
use serde::Serialize;
use std::collections::BTreeMap;

/// One tensor of the result.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// Index into the checkpoint's tensors.
    pub(super) tensor: usize,
    pub(super) dtype: Dtype,
    /// First byte in the result's file.
    pub(super) offset: u64,
    pub(super) len: u64,
    /// Its values are read and written anew; else its bytes are copied.
    pub(super) compute: bool,
}

/// One file of the result.
#[derive(Debug)]
pub(super) struct OutFile {
    /// Name, relative to the result where it is a folder.
    pub(super) name: String,
    /// Everything before the first tensor's bytes.
    pub(super) head: Vec<u8>,
    pub(super) jobs: Vec<Job>,
    pub(super) len: u64,
}

/// The whole result.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) files: Vec<OutFile>,
}

impl Layout {
    pub(super) fn of(checkpoint: &Checkpoint, plan: &BakePlan, changes: &Changes<'_>, single: bool) -> Result<Self, BakeError> {
        let count = checkpoint.files().len();
        let groups: Vec<Vec<usize>> = if single { vec![(0..count).collect()] } else { (0..count).map(|f| vec![f]).collect() };
        let mut files = Vec::with_capacity(groups.len());
        for members in groups {
            let name = if single { String::new() } else { checkpoint.files()[members[0]].label.clone() };
            files.push(file(checkpoint, plan, changes, name, &members)?);
        }
        Ok(Self { files })
    }

    pub(super) fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.files.iter().flat_map(|f| &f.jobs)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.len).sum()
    }
}

fn file(checkpoint: &Checkpoint, plan: &BakePlan, changes: &Changes<'_>, name: String, members: &[usize]) -> Result<OutFile, BakeError> {
    let drop_scales = plan.dtype.dtype().is_some_and(|d| !is_8_bit(d));
    let mut tensors: Vec<usize> = (0..checkpoint.tensors().len()).filter(|t| members.contains(&checkpoint.tensors()[*t].file)).collect();
    tensors.retain(|t| !(drop_scales && checkpoint.is_scaling(*t)));
    // In the order of the bytes, so that what is copied is copied in long runs.
    tensors.sort_by_key(|t| {
        let Tensor { file, index } = checkpoint.tensors()[*t];
        (file, checkpoint.info(*t).range.start, index)
    });
    let (mut jobs, mut at) = (Vec::with_capacity(tensors.len()), 0u64);
    for tensor in tensors {
        let info = checkpoint.info(tensor);
        let dtype = stored(checkpoint, plan, tensor, info);
        let compute = dtype != info.dtype || changes.parts.contains_key(&tensor);
        let len = info.elements() as u64 * dtype.size() as u64;
        jobs.push(Job { tensor, dtype, offset: at, len, compute });
        at += len;
    }
    let head = head(checkpoint, &jobs, &metadata(checkpoint, plan, members))?;
    jobs.iter_mut().for_each(|j| j.offset += head.len() as u64);
    Ok(OutFile { name, len: at + head.len() as u64, head, jobs })
}

/// The type a tensor is stored in.
fn stored(checkpoint: &Checkpoint, plan: &BakePlan, tensor: usize, info: &TensorInfo) -> Dtype {
    match plan.dtype.dtype() {
        Some(_) if !info.dtype.is_float() || !checkpoint.is_network(tensor) || checkpoint.is_scaling(tensor) => info.dtype,
        Some(dtype) if is_8_bit(dtype) && info.shape.len() < 2 => info.dtype,
        Some(dtype) => dtype,
        None => info.dtype,
    }
}

pub(super) fn is_8_bit(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F8E4M3 | Dtype::F8E5M2)
}

/// Length, JSON, padding to 8 bytes: what readers that map the file expect.
fn head(checkpoint: &Checkpoint, jobs: &[Job], metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, BakeError> {
    let failed = |e: serde_json::Error| BakeError::Plan(format!("the header could not be written: {e}"));
    let mut json = b"{\"__metadata__\":".to_vec();
    serde_json::to_writer(&mut json, metadata).map_err(failed)?;
    for job in jobs {
        let info = checkpoint.info(job.tensor);
        json.push(b',');
        serde_json::to_writer(&mut json, &info.name).map_err(failed)?;
        json.push(b':');
        let entry = Entry { dtype: job.dtype.name(), shape: &info.shape, data_offsets: [job.offset, job.offset + job.len] };
        serde_json::to_writer(&mut json, &entry).map_err(failed)?;
    }
    json.push(b'}');
    json.resize(json.len().next_multiple_of(8), b' ');
    if json.len() as u64 > MAX_HEADER {
        return Err(BakeError::Plan("the header of the result would be longer than the format allows".into()));
    }
    let mut head = (json.len() as u64).to_le_bytes().to_vec();
    head.extend_from_slice(&json);
    Ok(head)
}

#[derive(Serialize)]
struct Entry<'a> {
    dtype: &'a str,
    shape: &'a [usize],
    data_offsets: [u64; 2],
}

/// What the history says of a bake: everything needed to make the file again.
#[derive(Serialize)]
struct Recipe<'a> {
    dtype: super::StoreAs,
    #[serde(skip_serializing_if = "Option::is_none")]
    stochastic: Option<u64>,
    inputs: &'a [crate::merge::MergeInput],
}

/// The checkpoint's own metadata with one more entry of its history; hashes are left out, for they are those of other bytes.
fn metadata(checkpoint: &Checkpoint, plan: &BakePlan, members: &[usize]) -> BTreeMap<String, String> {
    let mut own: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in members.iter().flat_map(|f| &checkpoint.files()[*f].header.metadata) {
        own.entry(key.clone()).or_insert_with(|| value.clone());
    }
    own.remove("modelspec.hash_sha256");
    let recipe = Recipe { dtype: plan.dtype, stochastic: plan.stochastic, inputs: &plan.inputs };
    let mut out = extended(own, &plan.checkpoint, if plan.inverse { "unbake" } else { "bake" }, &recipe);
    if let Some(title) = &plan.title {
        out.insert("modelspec.title".into(), title.clone());
    }
    out.entry("format".into()).or_insert_with(|| "pt".into());
    out
}
