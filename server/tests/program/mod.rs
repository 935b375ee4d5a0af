//! The real program, started, asked and killed.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Program {
    child: Child,
    address: String,
}

impl Program {
    pub fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_weft"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--data-dir"])
            .arg(data)
            .env("WEFT_SAMPLES", "false")
            .stdout(Stdio::piped())
            .spawn()
            .expect("weft starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
        let address = line.trim().rsplit_once("http://").unwrap_or_else(|| panic!("no address in {line:?}")).1.to_owned();
        Self { child, address }
    }

    /// HTTP/1.0: the answer ends with the connection, nothing to take apart.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<Value> {
        let answer = self.bytes(method, path, body)?;
        Ok(serde_json::from_slice(&answer).unwrap_or(Value::Null))
    }

    /// The body of an answer, whatever it is.
    pub fn bytes(&self, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<Vec<u8>> {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send(method, path, "application/json", body.as_bytes())
    }

    /// The body of the answer to any bytes.
    pub fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let (host, length) = (&self.address, body.len());
        write!(stream, "{method} {path} HTTP/1.0\r\nhost: {host}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n")?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
        Ok(answer.split_off(end))
    }

    pub fn get(&self, path: &str) -> Value {
        self.ask("GET", path, None).expect("an answer")
    }

    /// Its process, for a kill while others still ask.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(mut self) {
        // SIGKILL: no handler runs, nothing is flushed.
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }

    pub fn settled(&self) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let jobs = self.get("/api/v1/jobs").as_array().cloned().unwrap_or_default();
            if !jobs.is_empty() && jobs.iter().all(|job| !matches!(job["state"].as_str(), Some("queued" | "running"))) {
                return jobs;
            }
            assert!(start.elapsed() < Duration::from_secs(180), "jobs do not end: {jobs:#?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Moments that differ from round to round, the same in every run (a 64-bit LCG, Knuth's constants).
pub fn moments() -> impl FnMut(u64) -> Duration {
    let mut state = 42u64;
    move |limit_ms| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((state >> 33) % limit_ms)
    }
}
