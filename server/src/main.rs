//! Entry: parse, run, explain what went wrong.

use clap::Parser;
use std::process::ExitCode;
use weft::cli::{Cli, why};

/// See the reason in Cargo.toml.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("weft: {}", why(&error));
            ExitCode::FAILURE
        }
    }
}
