//! The job that checks a file.

use crate::jobs::{JobContext, JobError, JobHandler};
use crate::problem::{ForPeople as _, blocking};
use crate::scan::path;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use weft_domain::operation::{CheckOutcome, Finding, Severity};
use weft_domain::{AdapterId, JobKind};
use weft_storage::Store;
use weft_weights::ops::verify::VerifyError;
use weft_weights::ops::{self, VerifyReport, verify_file};

/// Runs checks.
#[derive(Debug)]
pub(crate) struct CheckJob {
    pub(crate) store: Store,
}

#[derive(Debug, Deserialize)]
struct Input {
    adapter: AdapterId,
}

#[async_trait]
impl JobHandler for CheckJob {
    fn kind(&self) -> JobKind {
        JobKind::Check
    }

    async fn run(&self, ctx: &JobContext, input: Value) -> Result<Value, JobError> {
        let Input { adapter } = serde_json::from_value(input)?;
        let place = self.store.adapters().place(adapter).await.for_people("looking up an adapter")?;
        let place = place.ok_or_else(|| JobError::Final("The adapter is no longer in the library.".to_owned()))?;
        let progress = ctx.clone();
        let report = blocking(move || {
            let file = path::resolve(&place.root_path, &place.rel_path).map_err(|e| JobError::Final(e.to_string()))?;
            verify_file(&file, &[], &progress).map_err(|error| match error {
                VerifyError::Cancelled(_) => JobError::Cancelled,
                VerifyError::Read(error) => JobError::Retry(format!("The file could not be read: {error}.")),
            })
        })
        .await??;
        Ok(serde_json::to_value(outcome(adapter, report))?)
    }
}

fn outcome(adapter: AdapterId, report: VerifyReport) -> CheckOutcome {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    CheckOutcome {
        adapter,
        sound: report.sound,
        bytes: report.size,
        tensors: small(report.tensors),
        modules: small(report.modules),
        sha256: report.hashes.map(|hashes| hashes.sha256),
        findings: report.findings.into_iter().map(finding).collect(),
    }
}

fn finding(found: ops::Finding) -> Finding {
    let severity = match found.severity {
        ops::Severity::Error => Severity::Error,
        ops::Severity::Warning => Severity::Warning,
        ops::Severity::Note => Severity::Note,
    };
    Finding { severity, code: found.code, key: found.key, text: found.text, advice: found.advice }
}
