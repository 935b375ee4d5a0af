//! The one event stream: everything that changes is told here once, to every page that listens.
//!
//! Events carry ids `boot-seq`. A listener that was away names the last one it saw and gets what it missed, as long as the ring
//! holds it; else it gets [`Event::Reset`] and asks for everything anew.

use futures::{Stream, StreamExt as _, stream};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use weft_domain::Event;

/// Events that a listener may have missed and still get.
const RING: usize = 1024;

/// The stream; clones share it.
#[derive(Debug, Clone)]
pub struct Events {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Differs with every start of the program: numbers of an earlier life mean nothing now.
    boot: String,
    ring: Mutex<Ring>,
    sender: broadcast::Sender<(u64, Event)>,
}

impl Inner {
    /// The id of an event of this life of the program; `Events::seen` reads it back.
    fn id(&self, seq: u64) -> String {
        format!("{}-{seq}", self.boot)
    }
}

#[derive(Debug, Default)]
struct Ring {
    /// Number of the newest event; the first one is 1.
    newest: u64,
    events: VecDeque<(u64, Event)>,
}

impl Ring {
    /// What came after `seen`, or None when some of it is gone.
    fn since(&self, seen: u64) -> Option<Vec<(u64, Event)>> {
        let oldest = self.events.front().map_or(self.newest + 1, |(seq, _)| *seq);
        (seen <= self.newest && seen + 1 >= oldest).then(|| self.events.iter().filter(|(seq, _)| *seq > seen).cloned().collect())
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

impl Events {
    /// A stream without events yet.
    #[must_use]
    pub fn new() -> Self {
        let boot = uuid::Uuid::new_v4().simple().to_string()[..8].to_owned();
        let (sender, _) = broadcast::channel(RING);
        Self { inner: Arc::new(Inner { boot, ring: Mutex::default(), sender }) }
    }

    /// Tells every listener.
    pub fn publish(&self, event: Event) {
        let mut ring = self.ring();
        ring.newest += 1;
        let numbered = (ring.newest, event);
        ring.events.push_back(numbered.clone());
        if ring.events.len() > RING {
            ring.events.pop_front();
        }
        // Sent under the lock, so that everybody hears the numbers in order. An error means that nobody listens.
        let _nobody_listens = self.inner.sender.send(numbered);
    }

    /// Tells those who listen at this moment and nobody else: it takes no number, and whoever was away does not get it.
    pub fn publish_now(&self, event: Event) {
        let ring = self.ring();
        let _nobody_listens = self.inner.sender.send((ring.newest, event));
    }

    /// Id of the newest event: whoever reads the state now and listens later names it, and misses nothing in between.
    #[must_use]
    pub fn newest(&self) -> String {
        let newest = self.ring().newest;
        self.inner.id(newest)
    }

    /// Events from now on, each with its id; before them what was missed since `last_event_id`, or [`Event::Reset`] when that is
    /// not to be had any more.
    pub fn subscribe(&self, last_event_id: Option<&str>) -> impl Stream<Item = (String, Event)> + Send + use<> {
        let ring = self.ring();
        // Under the same lock as `publish`: nothing falls between what was missed and what comes.
        let receiver = self.inner.sender.subscribe();
        let missed = match last_event_id {
            None => Vec::new(),
            Some(id) => self.seen(id).and_then(|seen| ring.since(seen)).unwrap_or_else(|| vec![(ring.newest, Event::Reset)]),
        };
        drop(ring);
        let this = self.clone();
        let coming = BroadcastStream::new(receiver).map(move |next| next.unwrap_or_else(|_lagged| (this.ring().newest, Event::Reset)));
        let inner = Arc::clone(&self.inner);
        stream::iter(missed).chain(coming).map(move |(seq, event)| (inner.id(seq), event))
    }

    /// The number in an id of this life of the program.
    fn seen(&self, id: &str) -> Option<u64> {
        let (boot, seq) = id.rsplit_once('-')?;
        (boot == self.inner.boot).then(|| seq.parse().ok()).flatten()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // The ring is never left half changed: a panic elsewhere does not spoil it.
        self.inner.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_domain::AdapterId;

    fn event(id: i64) -> Event {
        Event::Adapters { ids: vec![AdapterId(id)] }
    }

    async fn take(stream: impl Stream<Item = (String, Event)>, n: usize) -> Vec<(String, Event)> {
        stream.take(n).collect().await
    }

    #[tokio::test]
    async fn a_listener_that_comes_back_gets_what_it_missed_in_order() {
        let events = Events::new();
        let first = events.subscribe(None);
        for id in 1..=3 {
            events.publish(event(id));
        }
        let seen = take(first, 1).await;
        assert_eq!(seen[0].1, event(1));
        let again = events.subscribe(Some(&seen[0].0));
        events.publish(event(4));
        let got: Vec<Event> = take(again, 3).await.into_iter().map(|(_, event)| event).collect();
        assert_eq!(got, [event(2), event(3), event(4)]);
        let now = events.newest();
        events.publish(event(5));
        assert_eq!(take(events.subscribe(Some(&now)), 1).await[0].1, event(5));
    }

    #[tokio::test]
    async fn what_is_told_now_is_heard_now_and_never_again() {
        let events = Events::new();
        let listener = events.subscribe(None);
        events.publish(event(1));
        events.publish_now(event(2));
        events.publish(event(3));
        let seen = take(listener, 3).await;
        assert_eq!(seen.iter().map(|(_, e)| e.clone()).collect::<Vec<_>>(), [event(1), event(2), event(3)]);
        // Whoever goes on from the passing one misses nothing and hears nothing twice.
        assert_eq!(take(events.subscribe(Some(&seen[1].0)), 1).await[0], seen[2]);
        assert_eq!(take(events.subscribe(Some(&seen[0].0)), 1).await[0], seen[2]);
    }

    #[tokio::test]
    async fn what_is_gone_from_the_ring_or_from_another_life_resets() {
        let events = Events::new();
        for id in 0..1500 {
            events.publish(event(id));
        }
        let boot = events.inner.boot.clone();
        for last in [format!("{boot}-3"), format!("{boot}-99999"), "other000-1500".to_owned(), "rubbish".to_owned()] {
            let got = take(events.subscribe(Some(&last)), 1).await;
            assert_eq!(got, [(format!("{boot}-1500"), Event::Reset)], "{last}");
        }
        // The oldest that is still there, and the newest, are no loss.
        assert_eq!(take(events.subscribe(Some(&format!("{boot}-476"))), 1).await[0].0, format!("{boot}-477"));
        let at_the_end = events.subscribe(Some(&format!("{boot}-1500")));
        events.publish(event(7));
        assert_eq!(take(at_the_end, 1).await, [(format!("{boot}-1501"), event(7))]);
    }

    #[tokio::test]
    async fn a_listener_that_sleeps_too_long_is_reset_not_cut_off() {
        let events = Events::new();
        let slow = events.subscribe(None);
        for id in 0..3000 {
            events.publish(event(id));
        }
        let got = take(slow, 2).await;
        assert_eq!(got[0].1, Event::Reset);
        assert!(matches!(got[1].1, Event::Adapters { .. }));
    }
}
