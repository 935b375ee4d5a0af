//! Room on the disk, asked for before hours are spent on what will not fit.

use std::path::Path;
use weft_domain::{Problem, ProblemKind};

/// What is left free beside the result: a full disk stops everything else too.
const SPARE: u64 = 32 << 20;

/// Refuses where `folder`'s disk has no room for `needed` bytes. A folder that is not there yet counts as the one above it. Where the system
/// does not tell, the work goes on.
pub(crate) fn check(folder: &Path, needed: u64) -> Result<(), Problem> {
    match folder.ancestors().find(|path| path.is_dir()).and_then(free) {
        Some(free) if free < needed.saturating_add(SPARE) => Err(Problem {
            field: Some("root".into()),
            ..Problem::new(ProblemKind::Conflict, "The disk has not enough room for the result.")
                .detail(format!("{} are needed, {} are free at {}.", bytes(needed), bytes(free), folder.display()))
                .hint("Make room, or choose a folder on another disk.")
        }),
        _ => Ok(()),
    }
}

/// Bytes that this program may still write to the disk of `path`.
#[cfg(unix)]
fn free(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

/// `6.9 GB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 99.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_both_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("not/yet/there");
        assert_eq!(check(&folder, 1), Ok(()));
        #[cfg(unix)]
        {
            let problem = check(&folder, u64::MAX).unwrap_err();
            let detail = problem.detail.unwrap();
            assert!(detail.contains("are needed") && detail.contains("B are free"), "{detail}");
            assert_eq!((problem.kind, problem.field.as_deref()), (ProblemKind::Conflict, Some("root")));
        }
    }

    #[test]
    fn sizes_read_well() {
        let all =
            [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (6_940_000_000, "6.9 GB"), (999_960_000, "1.0 GB"), (120_000_000, "120 MB")];
        for (count, text) in all {
            assert_eq!(bytes(count), text);
        }
        assert!(bytes(u64::MAX).ends_with(" TB"));
    }
}
