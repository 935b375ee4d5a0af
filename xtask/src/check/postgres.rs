//! A PostgreSQL server of our own for the tests: in a temporary folder, on a free port, gone afterwards.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::proc::{self, Started};

const START: Duration = Duration::from_secs(30);
/// Nothing in a test database needs to survive a crash.
const SETTINGS: [&str; 6] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "listen_addresses=127.0.0.1",
    "max_connections=200",
    "log_min_messages=error",
];

/// A running server; dropping it stops the server and removes its data.
#[derive(Debug)]
pub(crate) struct Postgres {
    /// `postgres://…`: a superuser on an empty database.
    pub(crate) url: String,
    // Dropped in this order: the server first, then its folder.
    _server: Started,
    _folder: TempDir,
}

/// Installs PostgreSQL where it is missing and we may, and starts a server.
pub(crate) fn start() -> Result<Postgres> {
    let programs = programs()?;
    let folder = tempfile::Builder::new().prefix("weft-postgres-").tempdir().context("no temporary folder")?;
    proc::remove_at_end(folder.path().to_owned());
    let owner = Owner::choose(folder.path())?;
    let data = folder.path().join("data");
    let mut initdb = owner.command(&programs.join("initdb"), folder.path());
    initdb.args(["--username=weft", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"]).arg(&data);
    proc::output(&mut initdb)?;
    let port = free_port()?;
    let log = fs::File::create(folder.path().join("log")).context("log")?;
    let mut postgres = owner.command(&programs.join("postgres"), folder.path());
    postgres.arg("-D").arg(&data).arg("-k").arg(folder.path()).args(["-p", &port.to_string()]);
    postgres.args(SETTINGS.iter().flat_map(|setting| ["-c", setting])).stdout(Stdio::null()).stderr(log);
    // SIGINT is PostgreSQL's quick and orderly stop; SIGTERM would wait for clients.
    let mut server = proc::start(&mut postgres, "INT")?;
    wait_until_ready(&programs, port, &mut server, folder.path())?;
    println!("{} on port {port}", proc::output(Command::new(programs.join("postgres")).arg("--version"))?.trim());
    Ok(Postgres { url: format!("postgres://weft@127.0.0.1:{port}/postgres"), _server: server, _folder: folder })
}

/// The folder of `initdb` and `postgres`.
fn programs() -> Result<PathBuf> {
    if let Some(found) = installed() {
        return Ok(found);
    }
    proc::apt_install(&["postgresql"])?;
    installed().context("no PostgreSQL: install its server programs (Debian: apt install postgresql; macOS: brew install postgresql)")
}

fn installed() -> Option<PathBuf> {
    let complete = |folder: &Path| ["initdb", "postgres", "pg_isready"].iter().all(|name| folder.join(name).is_file());
    let mut folders: Vec<PathBuf> = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"]
        .iter()
        .filter_map(|parent| fs::read_dir(parent).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .chain(proc::on_path("initdb").and_then(|path| Some(path.canonicalize().ok()?.parent()?.to_owned())))
        .filter(|folder| complete(folder))
        .collect();
    // The newest version: /usr/lib/postgresql/9 sorts before 15 by number, not by letters.
    folders.sort_by_key(|folder| folder.iter().filter_map(|part| part.to_str()?.parse::<u32>().ok()).next_back());
    folders.pop()
}

/// Who runs the server: PostgreSQL refuses root.
#[derive(Debug)]
struct Owner {
    #[cfg_attr(not(unix), expect(dead_code, reason = "users have numbers on Unix only"))]
    ids: Option<(u32, u32)>,
}

impl Owner {
    /// Ourselves, or the user `postgres` (else `nobody`) when we are root; hands that user the folder.
    fn choose(folder: &Path) -> Result<Self> {
        if !proc::is_root() {
            return Ok(Self { ids: None });
        }
        for user in ["postgres", "nobody"] {
            let id = |flag: &str| proc::output(Command::new("id").args([flag, user])).ok()?.trim().parse::<u32>().ok();
            if let (Some(uid), Some(gid)) = (id("-u"), id("-g")) {
                proc::run(Command::new("chown").arg(format!("{uid}:{gid}")).arg(folder))?;
                return Ok(Self { ids: Some((uid, gid)) });
            }
        }
        bail!("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`")
    }

    fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder);
        #[cfg(unix)]
        if let Some((uid, gid)) = self.ids {
            use std::os::unix::process::CommandExt as _;
            command.uid(uid).gid(gid);
        }
        command
    }
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr().context("no free port")?.port())
}

fn wait_until_ready(programs: &Path, port: u16, server: &mut Started, folder: &Path) -> Result<()> {
    let begun = Instant::now();
    let ready = || {
        let mut ask = Command::new(programs.join("pg_isready"));
        proc::output(ask.args(["--host=127.0.0.1", "--port", &port.to_string()])).is_ok()
    };
    while !ready() {
        if server.ended().is_some() || begun.elapsed() > START {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            bail!("PostgreSQL did not start:\n{log}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
