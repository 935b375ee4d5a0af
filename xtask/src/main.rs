//! `cargo xtask <command>`: everything there is to do with this project, each in one command.
//!
//! | command | what it does |
//! |---|---|
//! | `run` | builds all and starts Weft |
//! | `build` | builds the page into `target/site`, then the server |
//! | `watch` | rebuilds and reloads while you edit |
//! | `test` | every check there is, in order |
//! | `postgres` | a PostgreSQL for tests, until Ctrl-C |
//! | `deny` | licences, bans, sources and advisories of the dependencies |
//! | `dist` | the release: one file |

mod assets;
mod check;
mod dist;
mod npm;
mod page;
mod proc;
mod server;
mod watch;
mod workspace;

use anyhow::Result;
use clap::{Parser, Subcommand};

use workspace::Workspace;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The commands of this project", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the page into target/site, then the server.
    Build {
        /// Build the server optimised. (The page always is.)
        #[arg(long)]
        release: bool,
        /// Build the page alone.
        #[arg(long)]
        page_only: bool,
    },
    /// Build all and start Weft; what follows is passed on to `weft serve`.
    Run {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Rebuild, restart and reload open pages while you edit.
    Watch {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run every check: format, lints, licences, page, tests on SQLite and PostgreSQL, browser.
    Test {
        /// Leave out PostgreSQL and the browser.
        #[arg(long)]
        quick: bool,
    },
    /// Check licences, bans, sources and advisories of the dependencies.
    Deny,
    /// Start a PostgreSQL for tests, print its address for WEFT_TEST_POSTGRES_URL, and stop it on Ctrl-C.
    Postgres,
    /// Make the release: one file in target/dist, with its SHA-256.
    Dist,
}

fn main() {
    proc::stop_children_on_signals();
    let done = dispatch(Cli::parse().command);
    proc::stop_children();
    if let Err(error) = done {
        eprintln!("\nerror: {error:#}");
        std::process::exit(1);
    }
}

fn dispatch(command: Command) -> Result<()> {
    let ws = Workspace::find()?;
    match command {
        Command::Build { release, page_only } => {
            page::build(&ws, page::Mode::Release)?;
            if !page_only {
                let profile = if release { server::Profile::Release } else { server::Profile::Dev };
                server::build(&ws, profile)?;
            }
            Ok(())
        }
        Command::Run { args } => {
            page::build(&ws, page::Mode::Release)?;
            let program = server::build(&ws, server::Profile::Release)?;
            server::serve_in_place(&program, &args)
        }
        Command::Watch { args } => watch::watch(&ws, &args),
        Command::Test { quick } => check::all(&ws, quick),
        Command::Deny => {
            if let Some(note) = check::deny::run(&ws)? {
                println!("note: {note}");
            }
            Ok(())
        }
        Command::Postgres => check::hold_postgres(),
        Command::Dist => dist::make(&ws),
    }
}
