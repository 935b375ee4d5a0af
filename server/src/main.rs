//! Entry: parse, run, explain what went wrong.

use clap::Parser;
use std::process::ExitCode;
use weft::cli::{Cli, why};

/// See the reason in Cargo.toml.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// mimalloc's `purge_delay` (its own headers number it so), which stands at a second.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// Milliseconds after which freed memory goes back to the system. Painting and loading free and ask for the same sizes again all the time, and
/// the system clears whatever it hands out.
const KEPT: std::ffi::c_long = 20_000;

/// MIMALLOC_PURGE_DELAY in the environment still has the last word.
#[expect(unsafe_code, reason = "the allocator's options have no safe interface")]
fn keep_freed_memory() {
    // SAFETY: called once, before there are other threads.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, KEPT) }
}

fn main() -> ExitCode {
    keep_freed_memory();
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("weft: {}", why(&error));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    #[expect(unsafe_code, reason = "the allocator's options have no safe interface")]
    fn the_allocator_counts_its_options_as_we_do() {
        // SAFETY: reading an option changes nothing.
        let before = unsafe { libmimalloc_sys::mi_option_get(super::PURGE_DELAY) };
        assert_eq!(before, 1000, "the delay that mimalloc comes with");
        super::keep_freed_memory();
        // SAFETY: as above.
        assert_eq!(unsafe { libmimalloc_sys::mi_option_get(super::PURGE_DELAY) }, super::KEPT);
    }
}
