//! Prompts that were encoded already. A batch has one prompt, and a slider moves without changing it.

use std::collections::VecDeque;
use std::sync::Arc;
use weft_diffusion::model::Conditioning;

/// Most that are kept of one model: some hundred kilobytes each.
const KEPT: usize = 16;

/// Encoded prompts by all that they depend on, newest last.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    kept: VecDeque<(String, Arc<Conditioning>)>,
}

impl Conditions {
    /// The prompt of a key, encoded by `make` when it is not kept.
    pub(super) fn get<E>(&mut self, key: String, make: impl FnOnce() -> Result<Conditioning, E>) -> Result<Arc<Conditioning>, E> {
        if let Some(at) = self.kept.iter().position(|(other, _)| *other == key)
            && let Some(found) = self.kept.remove(at)
        {
            let condition = Arc::clone(&found.1);
            self.kept.push_back(found);
            return Ok(condition);
        }
        let made = Arc::new(make()?);
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((key, Arc::clone(&made)));
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_not_used_for_longest_goes_first() {
        let mut kept = Conditions::default();
        let made = |n: usize| Ok::<_, ()>(Conditioning { context: vec![n as f32], width: 1, pooled: Vec::new() });
        for n in 0..KEPT {
            kept.get(n.to_string(), || made(n)).ok();
        }
        kept.get("0".to_owned(), || Err(())).expect("still there");
        kept.get("new".to_owned(), || made(99)).ok();
        assert!(kept.get("1".to_owned(), || Err(())).is_err() && kept.get("0".to_owned(), || Err(())).is_ok());
    }
}
