//! The most memory that a piece of work needs.

use anyhow::Result;

/// Runs `work` and tells the highest resident memory of this process meanwhile, in bytes. None where the system does not say (Linux does).
pub(super) fn peak<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Option<u64>)> {
    // Writing 5 sets the mark back to what is resident now.
    let marked = std::fs::write("/proc/self/clear_refs", "5").is_ok();
    let result = work()?;
    Ok((result, if marked { highest() } else { None }))
}

fn highest() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kb| kb * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_used_meanwhile_is_seen() {
        let (_, before) = peak(|| Ok(())).unwrap();
        let (_, during) = peak(|| Ok(std::hint::black_box(vec![1u8; 64 << 20]).len())).unwrap();
        if let (Some(before), Some(during)) = (before, during) {
            assert!(during > before + (48 << 20), "{before} {during}");
        }
    }
}
