//! The access log: one line for each request, text or JSON, written by a thread of its own.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::Deserialize;
use time::OffsetDateTime;

use crate::apps::AppKey;
use crate::exchange::Reading;
use crate::wsgi::environ::RequestId;

/// Most bytes that wait for a sink that does not take them; lines beyond are dropped and counted.
const MAX_WAITING: usize = 16 << 20;
/// How long lines gather before they are written.
const GATHER: Duration = Duration::from_millis(50);

/// How a line of the access log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people: `key=value`.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

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
    /// CPU, and time from head to the end of the last hook; and when that was.
    pub used: Reading,
    /// Bytes of memory that the instance had at most.
    pub memory: u64,
    /// From head to first byte.
    pub first_byte: Option<Duration>,
}

impl Access<'_> {
    /// A request that no application saw, as far as nothing else is known of it.
    pub fn of_nobody(request_id: RequestId, outcome: &'static str, reason: &'static str) -> Self {
        Access {
            request_id,
            client: None,
            method: "-",
            target: "-",
            app: None,
            outcome,
            reason: Some(reason),
            status: None,
            bytes_in: 0,
            bytes_out: 0,
            used: Reading { at: Instant::now(), elapsed: Duration::ZERO, cpu: Duration::ZERO },
            memory: 0,
            first_byte: None,
        }
    }
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
    clock: Clock,
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
        let Waiting { lines, clock, .. } = &mut *waiting;
        // Writing to a String does not fail.
        let _ = match shared.format {
            LogFormat::Text => text(lines, clock.at(access.used.at), access),
            LogFormat::Json => json(lines, clock.at(access.used.at), access),
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
            let now = Clock::default().at(Instant::now()).to_owned();
            let _ = writeln!(lines, "{now} {dropped} lines were dropped here: the sink is too slow");
        }
        // A full disk must not stop the host; what is lost shows as a gap.
        let _ = sink.out.write_all(lines.as_bytes()).and_then(|()| sink.out.flush());
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Put together by hand: it is on every request's way, and `write!` takes three times as long.
fn text(out: &mut String, now: &str, access: &Access<'_>) -> std::fmt::Result {
    out.push_str(now);
    out.push(' ');
    match access.client.map(|client| client.ip().to_canonical()) {
        Some(IpAddr::V4(client)) => {
            for (at, byte) in client.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push('.');
                }
                number(out, u64::from(byte));
            }
        }
        Some(IpAddr::V6(client)) => write!(out, "{client}")?,
        None => out.push('-'),
    }
    out.push(' ');
    plain(out, access.method);
    out.push(' ');
    plain(out, access.target);
    out.push(' ');
    match access.status {
        Some(status) => number(out, u64::from(status)),
        None => out.push('-'),
    }
    out.push(' ');
    out.push_str(access.outcome);
    out.push_str(" app=");
    match access.app {
        Some((key, version)) => {
            let pieces = [key.tenant.as_str(), "/", key.name.as_str(), " version=", version];
            pieces.into_iter().for_each(|piece| out.push_str(piece));
        }
        None => out.push_str("- version=-"),
    }
    out.push_str(" request=");
    hex(out, access.request_id.0);
    let cpu = micros(access.used.cpu);
    let counts =
        [(" cpu_us=", cpu), (" memory=", access.memory), (" in=", access.bytes_in), (" out=", access.bytes_out)];
    for (name, value) in counts {
        out.push_str(name);
        number(out, value);
    }
    if let Some(first_byte) = access.first_byte {
        out.push_str(" first_byte_us=");
        number(out, micros(first_byte));
    }
    if let Some(reason) = access.reason {
        write!(out, " reason={reason:?}")?;
    }
    out.push_str(" elapsed_us=");
    number(out, micros(access.used.elapsed));
    out.push('\n');
    Ok(())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn number(out: &mut String, value: u64) {
    let mut digits = [0u8; 20];
    let (mut at, mut left) = (digits.len(), value);
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

fn hex(out: &mut String, value: u64) {
    out.extend((0..16).rev().map(|nibble| char::from(b"0123456789abcdef"[(value >> (nibble * 4) & 15) as usize])));
}

/// Text that can't forge a field or a line: targets hold no spaces or controls, and if one did,
/// it would show as `?`.
fn plain(out: &mut String, text: &str) {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        out.push_str(text);
    } else {
        out.extend(text.chars().map(|c| if c.is_control() || c == ' ' { '?' } else { c }));
    }
}

fn json(out: &mut String, now: &str, access: &Access<'_>) -> std::fmt::Result {
    let line = serde_json::json!({
        "time": now,
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
        "cpu_us": micros(access.used.cpu),
        "memory": access.memory,
        "http.request.body.size": access.bytes_in,
        "http.response.body.size": access.bytes_out,
        "first_byte_us": access.first_byte.map(micros),
        "elapsed_us": micros(access.used.elapsed),
    });
    writeln!(out, "{line}")
}

/// The time as RFC 3339 with milliseconds, in UTC.
///
/// The date is put together, and the system's clock asked, once a second: until then the moments
/// that it is asked for tell how far the second has come.
#[derive(Default)]
struct Clock {
    /// A second's beginning.
    second: Option<Instant>,
    text: String,
}

impl Clock {
    fn at(&mut self, moment: Instant) -> &str {
        let within = self.second.and_then(|second| moment.checked_duration_since(second));
        let millis = match within {
            Some(within) if within < Duration::from_secs(1) => within.subsec_millis(),
            _ => self.begin(moment),
        };
        self.text.truncate(self.text.len() - 4);
        for unit in [100, 10, 1] {
            self.text.push(char::from_digit(millis / unit % 10, 10).unwrap_or('0'));
        }
        self.text.push('Z');
        &self.text
    }

    fn begin(&mut self, moment: Instant) -> u32 {
        let since = (SystemTime::now() - moment.elapsed()).duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = i64::try_from(since.as_secs()).unwrap_or(0);
        let at = OffsetDateTime::from_unix_timestamp(second).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (date, time) = (at.date(), at.time());
        self.text = format!("{date}T{:02}:{:02}:{:02}.000Z", time.hour(), time.minute(), time.second());
        self.second = moment.checked_sub(Duration::from_nanos(u64::from(since.subsec_nanos())));
        since.subsec_millis()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_format_would() {
        for value in [0, 7, 10, 12345, u64::MAX] {
            let (mut decimal, mut digits) = (String::new(), String::new());
            number(&mut decimal, value);
            hex(&mut digits, value);
            assert_eq!((decimal, digits), (value.to_string(), format!("{value:016x}")));
        }
    }

    #[test]
    fn the_time_is_rfc_3339() {
        let mut clock = Clock::default();
        let moment = Instant::now() - Duration::from_secs(62);
        let mut parsed = |moment| {
            let now = clock.at(moment).to_owned();
            OffsetDateTime::parse(&now, &time::format_description::well_known::Rfc3339).expect("a time")
        };
        let first = parsed(moment);
        // Later in the same second, in later ones, and a line that comes late.
        for millis in [1, 600, 999, 1000, 61_001, 0] {
            let later = parsed(moment + Duration::from_millis(millis)) - first;
            assert!((later.whole_milliseconds() - i128::from(millis)).abs() <= 2, "{later} for {millis} ms");
        }
    }
}
