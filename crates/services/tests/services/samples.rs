//! What an empty library begins with.

use crate::common::Bench;
use weft_domain::{CheckpointQuery, FileState};

/// Adapters of the demonstration model: six styles, two subjects.
const TRAINED: usize = 8;
/// Synthetic adapters that are written when one asks for more.
const SYNTHETIC: usize = 24;

async fn checkpoints(bench: &Bench) -> usize {
    bench.services.checkpoints.query(&bench.reader(), &CheckpointQuery::default()).await.unwrap().items.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samples_make_a_library_once() {
    let bench = Bench::new().await;
    for _ in 0..2 {
        bench.services.samples.create(&bench.admin()).await.unwrap();
        bench.idle().await;
        assert_eq!(bench.cards().await.len(), TRAINED + SYNTHETIC);
    }
    let roots = bench.services.roots.list(&bench.reader()).await.unwrap();
    assert!(roots.len() == 1 && roots[0].samples && roots[0].adapters == (TRAINED + SYNTHETIC) as u64);
    assert!(bench.cards().await.iter().all(|c| c.state == FileState::Ready));
    assert_eq!(checkpoints(&bench).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_start_brings_a_model_and_its_adapters_and_no_later_one_does() {
    let mut bench = Bench::with(|settings| settings.samples = true).await;
    bench.until_there_is_a_root().await;
    bench.idle().await;
    assert_eq!((bench.cards().await.len(), checkpoints(&bench).await), (TRAINED, 1));
    let root = bench.services.roots.list(&bench.reader()).await.unwrap().remove(0);
    assert!(root.samples);
    bench.services.roots.remove(&bench.admin(), root.id).await.unwrap();
    bench.crash().await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    bench.idle().await;
    assert_eq!((bench.cards().await.len(), checkpoints(&bench).await), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_library_that_is_in_use_is_left_alone() {
    let mut bench = Bench::new().await;
    bench.samples(2, weft_weights::family::Family::Sd1);
    bench.add().await;
    bench.change(|settings| settings.samples = true);
    bench.crash().await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    bench.idle().await;
    assert_eq!((bench.cards().await.len(), checkpoints(&bench).await), (2, 0));
}
