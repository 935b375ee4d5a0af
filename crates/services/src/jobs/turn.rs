//! One job's turn: run it, keep its lease, tell how far it is, settle how it ended.

use super::live::{Live, Stop};
use super::runner::{Timing, millis};
use super::{JobContext, JobError, JobHandler, Jobs, Owner};
use crate::clock::now_ms;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinError;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use weft_domain::{Event, JobId, JobView};
use weft_storage::{Claim, JobRow, LeaseCheck, Settled};

/// What all workers of a process share.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) jobs: Jobs,
    pub(super) owner: Owner,
    pub(super) timing: Timing,
    pub(super) stop: CancellationToken,
}

/// Runs one claimed job to the end of this attempt.
pub(super) async fn turn(stage: &Stage, handler: &Arc<dyn JobHandler>, row: JobRow) {
    let claim = Claim { id: row.id, token: row.lease_token };
    let live = Arc::new(Live::new(row.lease_token));
    if row.cancel_requested {
        live.stop(Stop::Asked);
    }
    let _present = Present::enter(stage, row.id, live.clone());
    let ctx = JobContext {
        jobs: stage.jobs.clone(),
        live: live.clone(),
        claim,
        attempt: row.attempt,
        checkpoint: row.checkpoint.clone().map(Arc::new),
    };
    let input = row.input.clone();
    let attempt = row.attempt;
    let view = stage.jobs.tell(row);
    let task = tokio::spawn({
        let handler = handler.clone();
        async move { handler.run(&ctx, input).await }
    });
    let ended = attend(stage, claim, &live, view, AbortOnDropHandle::new(task)).await;
    settle(stage, claim, &live, outcome(&live, ended, attempt, stage.timing)).await;
}

/// How the handler came to its end: its own answer, a panic, or None when it did not stop in time.
type Ended = Option<Result<Result<Value, JobError>, JoinError>>;

/// Waits for the handler; meanwhile keeps the lease, writes progress and passes on the wish to stop.
async fn attend(
    stage: &Stage,
    claim: Claim,
    live: &Arc<Live>,
    mut view: JobView,
    mut task: AbortOnDropHandle<Result<Value, JobError>>,
) -> Ended {
    let mut pulse = tokio::time::interval(stage.timing.pulse);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut beat = Instant::now();
    let mut deadline: Option<Instant> = None;
    loop {
        tokio::select! {
            ended = &mut task => return Some(ended),
            () = stage.stop.cancelled(), if deadline.is_none() => {
                live.stop(Stop::Closing);
                deadline = Some(Instant::now() + stage.timing.grace);
            }
            _ = pulse.tick() => {
                let told = live.take_dirty();
                if told.is_some() || beat.elapsed() >= stage.timing.lease / 3 {
                    beat = Instant::now();
                    report(stage, claim, live, told.as_ref()).await;
                }
                if told.is_some() || view.cancelling != (live.why() == Some(Stop::Asked)) {
                    live.overlay(&mut view);
                    stage.jobs.inner.events.publish(Event::Job { job: view.clone() });
                }
                if live.why() == Some(Stop::Lost) && deadline.is_none() {
                    deadline = Some(Instant::now() + stage.timing.grace);
                }
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return None;
                }
            }
        }
    }
}

/// Writes progress and the sign of life; learns whether to stop.
async fn report(stage: &Stage, claim: Claim, live: &Live, told: Option<&(u64, u64, String)>) {
    let now = now_ms();
    let progress = told.map(|(done, total, message)| (*done, *total, message.as_str()));
    match stage.jobs.repo().heartbeat(claim, now + millis(stage.timing.lease), progress, now).await {
        Ok(LeaseCheck::Held) => {}
        Ok(LeaseCheck::Cancelling) => live.stop(Stop::Asked),
        Ok(LeaseCheck::Lost) => live.stop(Stop::Lost),
        // The lease may still hold: the next pulse tries again.
        Err(error) => tracing::warn!(%error, job = %claim.id, "a job's progress cannot be written"),
    }
}

fn outcome(live: &Live, ended: Ended, attempt: u32, timing: Timing) -> Settled {
    let error = match ended {
        Some(Ok(Ok(result))) => return Settled::Done(result),
        Some(Ok(Err(error))) => error,
        Some(Err(panic)) => {
            tracing::error!(%panic, "a job panicked");
            return Settled::Failed("Something went wrong inside Weft while it worked on this. The log says what.".to_owned());
        }
        None => JobError::Cancelled,
    };
    match (error, live.why()) {
        (JobError::Final(error), _) => Settled::Failed(error),
        (_, Some(Stop::Asked)) => Settled::Cancelled,
        (_, Some(Stop::Closing | Stop::Lost)) => Settled::Released,
        (JobError::Cancelled, None) => Settled::Cancelled,
        (JobError::Retry(error), None) => Settled::Retry { error, run_after_ms: now_ms() + millis(backoff(attempt, timing)) },
    }
}

/// Doubles with each attempt.
fn backoff(attempt: u32, timing: Timing) -> Duration {
    timing.backoff.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(timing.backoff_max)
}

/// Writes how the attempt ended. A database that does not answer is asked a few times: else the job would be run again after its lease.
async fn settle(stage: &Stage, claim: Claim, live: &Live, settled: Settled) {
    if live.why() == Some(Stop::Lost) {
        return;
    }
    if let Some(told) = live.take_dirty() {
        report(stage, claim, live, Some(&told)).await;
    }
    for pause in [100, 400, 1600, 0] {
        match stage.jobs.repo().settle(claim, &settled, now_ms()).await {
            Ok(Some(row)) => {
                // Gone from the live jobs first: its row is the truth again.
                stage.jobs.live().remove(&claim.id);
                stage.jobs.tell(row);
                // A key that was taken may be free now, and a released or retried job waits again.
                stage.jobs.wake();
                return;
            }
            Ok(None) => {
                tracing::warn!(job = %claim.id, "the lease was lost: what this worker did does not count");
                return;
            }
            Err(error) => {
                tracing::error!(%error, job = %claim.id, "how a job ended cannot be written");
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
        }
    }
}

/// The job is among the live ones as long as this lives, however its turn ends.
struct Present<'a> {
    stage: &'a Stage,
    id: JobId,
    live: Arc<Live>,
}

impl<'a> Present<'a> {
    fn enter(stage: &'a Stage, id: JobId, live: Arc<Live>) -> Self {
        stage.jobs.live().insert(id, live.clone());
        Self { stage, id, live }
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        let mut all = self.stage.jobs.live();
        // Another worker of this process may have the job by now, under a newer lease.
        if all.get(&self.id).is_some_and(|live| Arc::ptr_eq(live, &self.live)) {
            all.remove(&self.id);
        }
        drop(all);
        // Its blocking threads, if it was cut off, should notice.
        self.live.stop(Stop::Lost);
    }
}
