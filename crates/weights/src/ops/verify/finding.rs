//! One thing that was found.

use serde::{Deserialize, Serialize};

/// Findings of one code that are listed one by one; the rest is counted.
const SHOWN: usize = 20;

/// How bad a finding is; the order is that of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file must not be used as it is.
    Error,
    /// It does not do what it was meant to.
    Warning,
    /// Worth knowing.
    Note,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Stable name of the sort of finding: `not_finite`, `hash_mismatch`, …
    pub code: String,
    /// Tensor or module it is about; None: the whole file.
    pub key: Option<String>,
    /// What was found, one sentence.
    pub text: String,
    /// What to do about it.
    pub advice: String,
}

/// The list as it grows.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    more: Vec<(Severity, &'static str, usize)>,
}

impl Findings {
    pub(super) fn add(&mut self, severity: Severity, code: &'static str, key: Option<&str>, text: impl Into<String>, advice: &str) {
        let same = self.list.iter().filter(|f| f.code == code).count();
        if key.is_some() && same >= SHOWN {
            match self.more.iter_mut().find(|m| m.0 == severity && m.1 == code) {
                Some(more) => more.2 += 1,
                None => self.more.push((severity, code, 1)),
            }
            return;
        }
        let (text, advice) = (text.into(), advice.to_owned());
        self.list.push(Finding { severity, code: code.to_owned(), key: key.map(str::to_owned), text, advice });
    }

    pub(super) fn error(&mut self, code: &'static str, key: Option<&str>, text: impl Into<String>, advice: &str) {
        self.add(Severity::Error, code, key, text, advice);
    }

    pub(super) fn warning(&mut self, code: &'static str, key: Option<&str>, text: impl Into<String>, advice: &str) {
        self.add(Severity::Warning, code, key, text, advice);
    }

    pub(super) fn note(&mut self, code: &'static str, key: Option<&str>, text: impl Into<String>, advice: &str) {
        self.add(Severity::Note, code, key, text, advice);
    }

    /// Worst first; within a severity in the order of finding.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        for (severity, code, count) in self.more {
            let text = format!("{count} more findings of this sort ({code}).");
            self.list.push(Finding { severity, code: code.to_owned(), key: None, text, advice: "see those listed".into() });
        }
        self.list.sort_by_key(|f| f.severity);
        self.list
    }
}
