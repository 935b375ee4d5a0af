//! The graphics card for arithmetic on weights: asked where there is enough to do, used where it measures faster.

use std::time::Instant;
use weft_weights::checkpoint::Checkpoint;
use weft_weights::merge::Member;
use weft_weights::ops::bake::{BakeError, BakePlan, Typical, typical};
use weft_weights_gpu::{Choice, Chosen, Side, Task, Workload, wait};

/// Bytes of changed weights below which opening a card takes longer than the work.
const WORTH: u64 = 1 << 30;

/// The side that adds adapters to a checkpoint's weights, measured on the largest weight that the bake changes. Blocks for some tenths of a
/// second where there is a card.
///
/// # Errors
/// What the bake would be refused for.
pub fn for_bake(checkpoint: &Checkpoint, plan: &BakePlan, members: &[Member<'_>]) -> Result<Chosen, BakeError> {
    let on_cpu = |why: &str| Chosen::new(None, Choice { side: Side::Cpu, reason: format!("CPU: {why}"), measured: None });
    Ok(match typical(checkpoint, plan, members)? {
        None => on_cpu("no change is of low rank"),
        Some(work) if work.bytes < WORTH => on_cpu("too little to do for a graphics card"),
        Some(Typical { rows: m, columns: n, rank, dtype, .. }) => {
            let (workload, began) = (Workload { task: Task::Merge, m, n, rank, dtype }, Instant::now());
            wait(Chosen::open(&workload, &|| began.elapsed()))
        }
    })
}
