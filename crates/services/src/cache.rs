//! Answers that are kept in memory; the oldest go first.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A map of at most `N` entries.
#[derive(Debug)]
pub(crate) struct Cache<K, V, const N: usize> {
    values: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V, const N: usize> Default for Cache<K, V, N> {
    fn default() -> Self {
        Self { values: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Hash + Eq + Clone, V, const N: usize> Cache<K, V, N> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key)
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.values.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > N {
            if let Some(oldest) = self.order.pop_front() {
                self.values.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_the_oldest_and_stays_bounded() {
        let mut cache = Cache::<usize, usize, 16>::default();
        for n in 0..26 {
            cache.put(n, n);
            cache.put(n, n + 1);
        }
        assert_eq!((cache.get(&9), cache.get(&10)), (None, Some(&11)));
        assert_eq!((cache.values.len(), cache.order.len()), (16, 16));
    }
}
