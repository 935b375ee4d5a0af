//! Programs that we start, and that never outlive us.
//!
//! Each child gets a process group of its own and is remembered until it ends. On Ctrl-C, on a termination signal and at the end of
//! `main` the groups that still run are asked to stop, and killed when they do not.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How long a child may take to stop when asked.
const GRACE: Duration = Duration::from_secs(8);

#[derive(Debug)]
struct Running {
    pid: u32,
    signal: &'static str,
}

static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());
/// Set when the end has come: from then on nothing is started.
static STOPPING: AtomicBool = AtomicBool::new(false);
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A started child; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Started {
    child: Child,
    signal: &'static str,
}

impl Started {
    /// Waits for the child's own end.
    pub(crate) fn wait(mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait();
        forget(self.child.id());
        status
    }

    /// `Some` once the child has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().ok().flatten();
        if status.is_some() {
            forget(self.child.id());
        }
        status
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.ended().is_some() || !is_remembered(self.child.id()) {
            return;
        }
        send(self.signal, self.child.id());
        let asked = Instant::now();
        while self.ended().is_none() {
            if asked.elapsed() > GRACE {
                send("KILL", self.child.id());
                let _ended = self.child.wait();
                forget(self.child.id());
                return;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

/// Starts a program in a process group of its own; `signal` (such as `TERM`) is what asks it to stop.
pub(crate) fn start(command: &mut Command, signal: &'static str) -> Result<Started> {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    // Held over the spawn, so that a signal in between cannot miss the new child.
    let mut running = lock(&RUNNING);
    if STOPPING.load(Ordering::Relaxed) {
        bail!("stopping");
    }
    let child = command.spawn().with_context(|| format!("cannot start `{}`", shown(command)))?;
    running.push(Running { pid: child.id(), signal });
    Ok(Started { child, signal })
}

/// Runs a program to its end; an error unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = start(command, "TERM")?.wait()?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs a program and returns what it wrote to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let out = command.stderr(Stdio::piped()).output().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !out.status.success() {
        bail!("`{}` failed ({}): {}", shown(command), out.status, String::from_utf8_lossy(&out.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// The cargo that runs us. RUSTFLAGS of the environment would win over those in `.cargo/config.toml`, and the page would no longer fit
/// the server's HTML.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo
}

/// Whether a program of this name is on the PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Whether we may install system packages.
pub(crate) fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Installs Debian packages when we are root and there is an apt; `false` where we may not.
pub(crate) fn apt_install(packages: &[&str]) -> Result<bool> {
    if !is_root() || on_path("apt-get").is_none() {
        return Ok(false);
    }
    println!("installing {} (apt)", packages.join(" "));
    let apt = |args: &[&str]| {
        run(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-o", "Dpkg::Use-Pty=0"]).args(args))
    };
    apt(&["update"])?;
    apt(&[&["install", "-y", "--no-install-recommends"], packages].concat())?;
    Ok(true)
}

/// A folder to be removed at the end, however it comes.
pub(crate) fn remove_at_end(folder: PathBuf) {
    lock(&FOLDERS).push(folder);
}

/// Makes Ctrl-C and termination signals stop everything we started.
pub(crate) fn stop_children_on_signals() {
    let handler = ctrlc::set_handler(|| {
        eprintln!("\nstopping");
        stop_children();
        std::process::exit(130);
    });
    if let Err(error) = handler {
        eprintln!("warning: Ctrl-C may leave programs behind: {error}");
    }
}

/// Stops every child that still runs, and removes temporary folders.
pub(crate) fn stop_children() {
    let running: Vec<Running> = {
        let mut running = lock(&RUNNING);
        STOPPING.store(true, Ordering::Relaxed);
        std::mem::take(&mut *running)
    };
    for child in &running {
        send(child.signal, child.pid);
    }
    let asked = Instant::now();
    for child in &running {
        while group_lives(child.pid) {
            if asked.elapsed() > GRACE {
                send("KILL", child.pid);
                break;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }
    for folder in std::mem::take(&mut *lock(&FOLDERS)) {
        let _gone = std::fs::remove_dir_all(folder);
    }
}

fn forget(pid: u32) {
    lock(&RUNNING).retain(|running| running.pid != pid);
}

fn is_remembered(pid: u32) -> bool {
    lock(&RUNNING).iter().any(|running| running.pid == pid)
}

/// Signals a whole group; through the shell's `kill`, as the crate has no unsafe code.
fn send(signal: &str, group: u32) -> bool {
    if cfg!(windows) {
        quiet("taskkill", ["/T", "/F", "/PID", &group.to_string()])
    } else {
        quiet("sh", ["-c", &format!("kill -s {signal} -- -{group}")])
    }
}

/// Whether a process of the group is still there (signal 0 only asks).
fn group_lives(group: u32) -> bool {
    !cfg!(windows) && send("0", group)
}

fn quiet<A: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = A>) -> bool {
    Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
