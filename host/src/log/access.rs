//! The access log: one line for each request, text or JSON, written by a thread of its own.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use time::OffsetDateTime;

use crate::apps::AppKey;
use crate::config::LogFormat;
use crate::wsgi::environ::RequestId;

/// Most bytes that wait for a sink that does not take them; lines beyond are dropped and counted.
const MAX_WAITING: usize = 16 << 20;
/// How long lines gather before they are written.
const GATHER: Duration = Duration::from_millis(50);

/// What there is to say of one request.
#[derive(Debug)]
pub struct Access<'a> {
    /// The request's name, as on error pages.
    pub request_id: RequestId,
    /// Who asked.
    pub client: Option<SocketAddr>,
    /// As sent.
    pub method: &'a str,
    /// As sent.
    pub target: &'a str,
    /// Which application, and which version of it; none where there was none.
    pub app: Option<(&'a AppKey, &'a str)>,
    /// How it ended.
    pub outcome: &'static str,
    /// What is wrong with what the client sent, where its bytes were refused.
    pub reason: Option<&'static str>,
    /// What the client was told; none if it had left.
    pub status: Option<u16>,
    /// Bytes of the request's body that the application read.
    pub bytes_in: u64,
    /// Bytes of the response's body that the socket accepted.
    pub bytes_out: u64,
    /// Guest CPU.
    pub cpu: Duration,
    /// Bytes of memory that the instance had at most.
    pub memory: u64,
    /// From head to first byte.
    pub first_byte: Option<Duration>,
    /// From head to the end of the last hook.
    pub elapsed: Duration,
}

/// The log's handle. Cheap to clone.
#[derive(Clone)]
pub struct AccessLog(Option<Arc<Shared>>);

struct Shared {
    format: LogFormat,
    sink: Mutex<Sink>,
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

/// The writer's end; its lock is held while it writes.
struct Sink {
    path: Option<PathBuf>,
    out: Box<dyn Write + Send>,
}

#[derive(Default)]
struct Waiting {
    lines: String,
    dropped: u64,
    asleep: bool,
}

impl AccessLog {
    /// A log that keeps nothing.
    pub fn none() -> AccessLog {
        AccessLog(None)
    }

    /// A log at the end of the file `path`; `-` is standard error.
    ///
    /// # Errors
    /// Where the file can't be opened.
    pub fn open(path: &Path, format: LogFormat) -> Result<AccessLog> {
        let path = (path != Path::new("-")).then(|| path.to_owned());
        let out: Box<dyn Write + Send> = match &path {
            Some(path) => Box::new(append(path).with_context(|| format!("opening the access log {}", path.display()))?),
            None => Box::new(io::stderr()),
        };
        let shared = Arc::new(Shared {
            format,
            sink: Mutex::new(Sink { path, out }),
            waiting: Mutex::default(),
            arrived: Condvar::new(),
        });
        let writer = shared.clone();
        thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || writer.write_for_ever())
            .context("starting the access log's thread")?;
        Ok(AccessLog(Some(shared)))
    }

    /// Adds a line. Never waits for the sink.
    pub fn write(&self, access: &Access<'_>) {
        let Some(shared) = &self.0 else { return };
        let mut waiting = lock(&shared.waiting);
        if waiting.lines.len() >= MAX_WAITING {
            waiting.dropped += 1;
            return;
        }
        // Writing to a String does not fail.
        let _ = match shared.format {
            LogFormat::Text => text(&mut waiting.lines, access),
            LogFormat::Json => json(&mut waiting.lines, access),
        };
        if std::mem::take(&mut waiting.asleep) {
            shared.arrived.notify_one();
        }
    }

    /// Writes what waits, now. For the end of a process.
    pub fn flush(&self) {
        if let Some(shared) = &self.0 {
            shared.write_waiting();
        }
    }

    /// Opens the file again, after somebody moved it away to rotate it.
    ///
    /// # Errors
    /// Where it can't be opened; the old one stays in use.
    pub fn reopen(&self) -> io::Result<()> {
        let Some(shared) = &self.0 else { return Ok(()) };
        let mut sink = lock(&shared.sink);
        if let Some(path) = &sink.path {
            sink.out = Box::new(append(path)?);
        }
        Ok(())
    }
}

impl Shared {
    fn write_for_ever(&self) {
        loop {
            self.write_waiting();
            let mut waiting = lock(&self.waiting);
            while waiting.lines.is_empty() {
                waiting.asleep = true;
                waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            drop(waiting);
            thread::sleep(GATHER);
        }
    }

    fn write_waiting(&self) {
        let mut sink = lock(&self.sink);
        let (mut lines, dropped) = {
            let mut waiting = lock(&self.waiting);
            (std::mem::take(&mut waiting.lines), std::mem::take(&mut waiting.dropped))
        };
        if dropped > 0 {
            let _ = writeln!(lines, "{} {dropped} lines were dropped here: the sink is too slow", Timestamp::now());
        }
        // A full disk must not stop the host; what is lost shows as a gap.
        let _ = sink.out.write_all(lines.as_bytes()).and_then(|()| sink.out.flush());
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn text(out: &mut String, access: &Access<'_>) -> std::fmt::Result {
    write!(out, "{} ", Timestamp::now())?;
    match access.client {
        Some(client) => write!(out, "{}", client.ip().to_canonical())?,
        None => out.push('-'),
    }
    write!(out, " {} {} ", Plain(access.method), Plain(access.target))?;
    match access.status {
        Some(status) => write!(out, "{status}")?,
        None => out.push('-'),
    }
    write!(out, " {}", access.outcome)?;
    match access.app {
        Some((key, version)) => write!(out, " app={}/{} version={version}", key.tenant.as_str(), key.name.as_str())?,
        None => out.push_str(" app=- version=-"),
    }
    write!(
        out,
        " request={} cpu_us={} memory={} in={} out={}",
        access.request_id,
        access.cpu.as_micros(),
        access.memory,
        access.bytes_in,
        access.bytes_out
    )?;
    if let Some(first_byte) = access.first_byte {
        write!(out, " first_byte_us={}", first_byte.as_micros())?;
    }
    if let Some(reason) = access.reason {
        write!(out, " reason={reason:?}")?;
    }
    writeln!(out, " elapsed_us={}", access.elapsed.as_micros())
}

fn json(out: &mut String, access: &Access<'_>) -> std::fmt::Result {
    let line = serde_json::json!({
        "time": Timestamp::now().to_string(),
        "client.address": access.client.map(|client| client.ip().to_canonical()),
        "http.request.method": access.method,
        "url.original": access.target,
        "http.response.status_code": access.status,
        "outcome": access.outcome,
        "reason": access.reason,
        "tenant": access.app.map(|(key, _)| key.tenant.as_str()),
        "app": access.app.map(|(key, _)| key.name.as_str()),
        "version": access.app.map(|(_, version)| version),
        "request_id": access.request_id.to_string(),
        "cpu_us": access.cpu.as_micros() as u64,
        "memory": access.memory,
        "http.request.body.size": access.bytes_in,
        "http.response.body.size": access.bytes_out,
        "first_byte_us": access.first_byte.map(|first| first.as_micros() as u64),
        "elapsed_us": access.elapsed.as_micros() as u64,
    });
    writeln!(out, "{line}")
}

/// Text that can't forge a field or a line: targets hold no spaces or controls, and if one did,
/// it would show as `?`.
struct Plain<'a>(&'a str);

impl std::fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.bytes().all(|byte| byte.is_ascii_graphic()) {
            return f.write_str(self.0);
        }
        self.0.chars().try_for_each(|c| f.write_char(if c.is_control() || c == ' ' { '?' } else { c }))
    }
}

/// RFC 3339 with milliseconds, in UTC.
struct Timestamp(OffsetDateTime);

impl Timestamp {
    fn now() -> Timestamp {
        Timestamp(OffsetDateTime::now_utc())
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Timestamp(at) = self;
        write!(
            f,
            "{}-{:02}-{:02}T{:02}:{:02}:{:02}",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        )?;
        write!(f, ".{:03}Z", at.millisecond())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
