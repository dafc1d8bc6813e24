//! The access log: one line for each request, text or JSON, written by a thread of its own.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::sink::{Out, Sink};
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
pub struct AccessLog(Option<Arc<Log>>);

struct Log {
    format: LogFormat,
    /// None is standard error.
    path: Option<PathBuf>,
    sink: Sink,
}

impl AccessLog {
    /// A log that keeps nothing.
    pub fn none() -> AccessLog {
        AccessLog(None)
    }

    /// A log at the end of the file `path`; `-` is standard error. What is written waits until it is
    /// [started](AccessLog::start).
    ///
    /// # Errors
    /// Where the file can't be opened.
    pub fn open(path: &Path, format: LogFormat) -> Result<AccessLog> {
        let path = (path != Path::new("-")).then(|| path.to_owned());
        let out: Out = match &path {
            Some(path) => append(path).with_context(|| format!("opening the access log {}", path.display()))?,
            None => Box::new(io::stderr()),
        };
        Ok(AccessLog(Some(Arc::new(Log { format, path, sink: Sink::new(out, MAX_WAITING, GATHER) }))))
    }

    /// Writes from now on what comes, on a thread of its own. Once is enough.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub fn start(&self) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |log| log.sink.start("access-log"))
    }

    /// Adds a line. Never waits for the sink.
    pub fn write(&self, access: &Access<'_>) {
        let Some(log) = &self.0 else { return };
        log.sink.push(|lines, clock| {
            let now = clock.at(access.used.at);
            // Writing to a String does not fail.
            let _ = match log.format {
                LogFormat::Text => text(lines, now, access),
                LogFormat::Json => json(lines, now, access),
            };
        });
    }

    /// Waits until everything is written, but no longer than `most`. For the end of a process.
    pub fn flush(&self, most: Duration) {
        if let Some(log) = &self.0 {
            log.sink.flush(most);
        }
    }

    /// Opens the file again, after somebody moved it away to rotate it.
    ///
    /// # Errors
    /// Where it can't be opened; the old one stays in use.
    pub fn reopen(&self) -> io::Result<()> {
        if let Some((log, path)) = self.0.as_ref().and_then(|log| Some((log, log.path.as_ref()?))) {
            log.sink.turn_to(append(path)?);
        }
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<Out> {
    Ok(Box::new(OpenOptions::new().append(true).create(true).open(path)?))
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
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}

fn hex(out: &mut String, value: u64) {
    let digits: [u8; 16] = std::array::from_fn(|at| b"0123456789abcdef"[(value >> (60 - 4 * at) & 15) as usize]);
    out.push_str(std::str::from_utf8(&digits).unwrap_or_default());
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
}
