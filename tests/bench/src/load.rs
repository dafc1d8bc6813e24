//! The load: wrk on kept connections, and what it says.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Connections, where nothing else is said.
const CONNECTIONS: u32 = 32;

/// What every client asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// The path, with its query.
    pub(crate) path: &'static str,
    pub(crate) ask: Ask,
    /// Whether a connection serves one request after the other.
    pub(crate) keeps_alive: bool,
    pub(crate) connections: u32,
    /// One thread asks 70,000 times a second at most.
    pub(crate) threads: u32,
    /// Whether it preempts the server where it wakes up. Otherwise it runs under the policy `batch`: a server that takes more
    /// of the core than the load would have to give it up at each response, and is charged for that.
    pub(crate) preempts: bool,
}

/// How it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask {
    Get,
    /// With this JSON.
    Post(&'static str),
    /// The paths PATH0, PATH1 … in turn; so many.
    Rotation(usize),
}

impl Load {
    pub(crate) const fn get(path: &'static str) -> Self {
        Self::new(path, Ask::Get)
    }

    pub(crate) const fn new(path: &'static str, ask: Ask) -> Self {
        Self { path, ask, keeps_alive: true, connections: CONNECTIONS, threads: 1, preempts: false }
    }

    /// All paths that are asked for.
    pub(crate) fn paths(&self) -> Vec<String> {
        match self.ask {
            Ask::Rotation(count) => (0..count).map(|number| format!("{}{number}", self.path)).collect(),
            _ => vec![self.path.to_owned()],
        }
    }

    /// wrk's script: what is asked, and one line in the end.
    fn script(&self) -> String {
        let ask = match self.ask {
            Ask::Get => String::new(),
            Ask::Post(body) => format!(
                "wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = [==[{body}]==]\n"
            ),
            Ask::Rotation(count) => format!(
                "local requests, at = {{}}, 0\n\
                 function init()\n\
                 \x20 for n = 1, {count} do requests[n] = wrk.format(nil, '{}' .. (n - 1)) end\nend\n\
                 function request()\n  at = at % {count} + 1\n  return requests[at]\nend\n",
                self.path
            ),
        };
        let close = if self.keeps_alive { "" } else { "wrk.headers['Connection'] = 'close'\n" };
        format!("{ask}{close}{REPORT}")
    }

    /// Asks for so many seconds, from the cores `cores` (as taskset names them).
    pub(crate) fn run(&self, address: SocketAddr, dir: &Path, cores: &str, seconds: u32) -> Result<Said> {
        let script = dir.join("load.lua");
        std::fs::write(&script, self.script())?;
        let policy = if self.preempts { "--other" } else { "--batch" };
        let mut wrk = Command::new("chrt");
        wrk.args([policy, "0", "taskset", "-c", cores, "wrk", "--latency", "--timeout", "10s"]);
        wrk.args([
            format!("-t{}", self.threads),
            format!("-c{}", self.connections),
            format!("-d{seconds}s"),
            "-s".to_owned(),
        ])
        .arg(&script);
        wrk.arg(format!("http://{address}{}", self.path));
        let output =
            wrk.output().context("running wrk under chrt and taskset (Debian: apt-get install wrk util-linux)")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "wrk failed: {text}{}", String::from_utf8_lossy(&output.stderr));
        let said = Said::parse(&text).with_context(|| format!("wrk said something else: {text}"))?;
        ensure!(said.failed == 0.0, "{} of {} requests failed: {text}", said.failed, said.requests);
        Ok(said)
    }
}

const REPORT: &str = r#"
function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("measured requests=%d us=%d failed=%d p50=%d p99=%d p999=%d\n", summary.requests,
    summary.duration, failed, latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
"#;

/// What wrk said. Times are microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) requests: f64,
    pub(crate) failed: f64,
    pub(crate) per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl Said {
    fn parse(text: &str) -> Option<Said> {
        let line = text.lines().find_map(|line| line.strip_prefix("measured "))?;
        let field = |name: &str| {
            let mut pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
            pairs.find(|(key, _)| *key == name)?.1.parse::<f64>().ok()
        };
        let (requests, took) = (field("requests")?, field("us")?);
        if requests == 0.0 || took == 0.0 {
            return None;
        }
        let (p50, p99, p999) = (field("p50")?, field("p99")?, field("p999")?);
        Some(Said { requests, failed: field("failed")?, per_second: requests * 1e6 / took, p50, p99, p999 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_read() {
        let text = "Running 2s test @ http://127.0.0.1:1/\n  1 threads and 32 connections\n\
            measured requests=100 us=2000000 failed=0 p50=480 p99=1200 p999=2300\n";
        let said = Said { requests: 100.0, failed: 0.0, per_second: 50.0, p50: 480.0, p99: 1200.0, p999: 2300.0 };
        assert_eq!(Said::parse(text), Some(said));
        assert_eq!(Said::parse("unable to connect to 127.0.0.1:1 Connection refused"), None);
        assert_eq!(Said::parse("measured requests=0 us=2000000 failed=0 p50=0 p99=0 p999=0"), None);
        assert_eq!(Said::parse("measured requests=1 us=2000000"), None);
    }

    #[test]
    fn a_rotation_asks_for_every_path() {
        let load = Load::new("/t", Ask::Rotation(3));
        assert_eq!(load.paths(), ["/t0", "/t1", "/t2"]);
        assert!(load.script().contains("for n = 1, 3 do requests[n] = wrk.format(nil, '/t' .. (n - 1)) end"));
    }
}
