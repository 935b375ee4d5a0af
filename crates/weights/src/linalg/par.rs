//! Work on all cores where there are threads, one after another where there are none (WebAssembly).

/// Applies `f` to every item; results in the order of the items.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn map<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    use rayon::prelude::*;
    items.par_iter().with_max_len(1).map(&f).collect()
}

/// Applies `f` to every item; results in the order of the items.
#[cfg(target_arch = "wasm32")]
pub(crate) fn map<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    items.iter().map(f).collect()
}

/// As [`map`], with something of its own for each thread: buffers that are used again. No more are made than threads work at once.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn map_init<T: Sync, B: Send, R: Send>(items: &[T], init: impl Fn() -> B + Sync, f: impl Fn(&mut B, &T) -> R + Sync) -> Vec<R> {
    use std::sync::{Mutex, PoisonError};
    // rayon's own way makes them anew for every piece of the list that a thread steals, and large buffers cost their first touch each time.
    let idle: Mutex<Vec<B>> = Mutex::new(Vec::new());
    map(items, |item| {
        let free = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut own = free.unwrap_or_else(&init);
        let result = f(&mut own, item);
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(own);
        result
    })
}

/// As [`map`], with something of its own for each thread: buffers that are used again.
#[cfg(target_arch = "wasm32")]
pub(crate) fn map_init<T: Sync, B: Send, R: Send>(items: &[T], init: impl Fn() -> B + Sync, f: impl Fn(&mut B, &T) -> R + Sync) -> Vec<R> {
    let mut own = init();
    items.iter().map(|item| f(&mut own, item)).collect()
}

/// Runs both, at the same time where there are threads.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    rayon::join(a, b)
}

/// Runs both, at the same time where there are threads.
#[cfg(target_arch = "wasm32")]
pub(crate) fn join<A, B>(a: impl FnOnce() -> A, b: impl FnOnce() -> B) -> (A, B) {
    (a(), b())
}
