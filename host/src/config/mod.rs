//! The host's own configuration (`--config FILE`), and the defaults of all that it leaves out.
//!
//! Everything is checked here, before a port is bound. An unknown key is refused with line and column.

mod compile;
mod connections;

pub use compile::CompileLimits;
pub use connections::Connections;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Deserializer, de::Error};

use compile::CompileTable;
use connections::ConnectionsTable;

use crate::apps::TenantName;
use crate::log::LogFormat;
use crate::machine::MemoryShare;
use crate::manifest::{Limits, LimitsTable};
use crate::network::Network;
use crate::tenants::{QuotaTable, Quotas};
use crate::units::{Fault, Period, from_toml};

/// How the host runs. Relative paths in the file count from the folder that it lies in.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where it listens; never empty. Default 127.0.0.1:8080.
    pub listen: Vec<SocketAddr>,
    /// The state directory; `None`: the one of this user.
    pub state: Option<PathBuf>,
    /// The access log. Default: standard error, as text.
    pub access_log: AccessLog,
    /// The host's own log.
    pub log: Log,
    /// The peers whose Forwarded and X-Forwarded-* fields are believed.
    pub trusted_proxies: Vec<Network>,
    /// HTTPS instead of HTTP.
    pub tls: Option<TlsFiles>,
    /// How long running requests may take to finish once the host was told to end. Default 30 s, in which most
    /// supervisors have not yet lost patience.
    pub drain: Duration,
    /// What connections may take.
    pub connections: Connections,
    /// How many instances of all applications together may be alive; `None`: 1000, or fewer where a quarter of the
    /// machine's memory is too little to keep so many ready.
    pub instances: Option<u32>,
    /// How much memory they and their code may have together. Default half of the machine's: the other half is for buffers,
    /// code that is being compiled or loaded, memory that is kept ready for instances to come, and the system's caches.
    pub memory: MemoryShare,
    /// The limits of an application whose manifest says nothing else.
    pub limits: Limits,
    /// What each tenant may have.
    pub quotas: Quotas,
    /// What one compilation may use.
    pub compile: CompileLimits,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessLog {
    /// A file, appended to; `-` is standard error.
    #[serde(default = "standard_error")]
    pub path: PathBuf,
    /// How a line looks.
    #[serde(default)]
    pub format: LogFormat,
}

fn standard_error() -> PathBuf {
    "-".into()
}

/// The host's own log, on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// How a line looks.
    #[serde(default)]
    pub format: LogFormat,
}

/// A certificate chain and its key, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate first, then what signed it.
    pub cert: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        File::default().with_paths_from(Path::new(""))
    }
}

impl Config {
    /// Reads `path`.
    ///
    /// # Errors
    /// One line with the file's name and, where its text is wrong, the line and column.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("can't read the configuration {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder).with_context(|| format!("can't use the configuration {}", path.display()))
    }

    /// Reads the text of a configuration that lies in `folder`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Fault> {
        Ok(from_toml::<File>(text)?.with_paths_from(folder))
    }
}

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, deserialize_with = "addresses")]
    listen: Vec<SocketAddr>,
    state: Option<PathBuf>,
    access_log: Option<AccessLog>,
    #[serde(default)]
    log: Log,
    #[serde(default)]
    trusted_proxies: Vec<Network>,
    tls: Option<TlsFiles>,
    drain: Option<Period>,
    #[serde(default)]
    connections: ConnectionsTable,
    #[serde(default, deserialize_with = "instances")]
    instances: Option<u32>,
    memory: Option<MemoryShare>,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    tenant_defaults: QuotaTable,
    #[serde(default)]
    tenants: BTreeMap<TenantName, QuotaTable>,
    #[serde(default)]
    compile: CompileTable,
}

impl File {
    fn with_paths_from(self, folder: &Path) -> Config {
        let here = |path: PathBuf| folder.join(path);
        let limits = self.limits.over(&Limits::default());
        Config {
            listen: if self.listen.is_empty() { vec![SocketAddr::from(([127, 0, 0, 1], 8080))] } else { self.listen },
            state: self.state.map(here),
            access_log: match self.access_log {
                None => AccessLog { path: standard_error(), format: LogFormat::default() },
                Some(log) if log.path == Path::new("-") => log,
                Some(log) => AccessLog { path: here(log.path), ..log },
            },
            log: self.log,
            trusted_proxies: self.trusted_proxies,
            tls: self.tls.map(|tls| TlsFiles { cert: here(tls.cert), key: here(tls.key) }),
            drain: self.drain.map_or(Duration::from_secs(30), |drain| drain.0),
            connections: self.connections.over(Connections::default()),
            instances: self.instances,
            memory: self.memory.unwrap_or(MemoryShare::Percent(50)),
            limits,
            quotas: Quotas::new(&limits, self.tenant_defaults, self.tenants),
            compile: self.compile.over(CompileLimits::default()),
        }
    }
}

/// One address or a list of them.
fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SocketAddr>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected an address such as \"127.0.0.1:8080\", or a list of them")]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    let texts = match OneOrMore::deserialize(deserializer)? {
        OneOrMore::One(text) => vec![text],
        OneOrMore::More(texts) if texts.is_empty() => {
            return Err(D::Error::custom("no address is given (leave `listen` out for 127.0.0.1:8080)"));
        }
        OneOrMore::More(texts) => texts,
    };
    texts.iter().map(|text| address(text).map_err(D::Error::custom)).collect()
}

/// An address to listen on: `ADDRESS:PORT`; `:PORT` is on every address.
///
/// # Errors
/// Where it is neither, in words for people.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') { format!("[::]{text}") } else { text.to_owned() };
    full.parse().map_err(|_| {
        format!("{text:?} is no address to listen on (such as \"127.0.0.1:8080\", \"[::]:80\" or \":8080\")")
    })
}

/// At least one, and no more than a pool of slots can map on a machine with 47 bits of addresses.
fn instances<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(deserializer)? {
        number @ 1..=10_000 => Ok(Some(number)),
        number => Err(D::Error::custom(format_args!("{number} instances are not between 1 and 10000"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Pace;

    fn parse(text: &str) -> Result<Config, Fault> {
        Config::parse(text, Path::new("/etc/wasgi"))
    }

    #[test]
    fn everything_can_be_said() {
        let config = parse(
            r#"
            listen = ["127.0.0.1:80", "[::]:8081"]
            state = "state"
            trusted_proxies = ["10.0.0.0/8", "::1"]
            drain = "5s"
            instances = 10
            memory = "1GiB"
            [access_log]
            path = "/var/log/wasgi.log"
            format = "json"
            [tls]
            cert = "cert.pem"
            key = "key.pem"
            [connections]
            total = 9
            per_address = 0
            min_bytes_per_second = 0
            idle = "5m"
            head = "1s"
            [limits]
            queue = 1
            [tenant_defaults]
            in_flight = 2
            [tenants.acme]
            queue = 3
            [compile]
            cpu = "10s"
            memory = "1GiB"
            "#,
        )
        .unwrap();
        let acme = config.quotas.of(&TenantName::new("acme").unwrap());
        assert_eq!((acme.in_flight, acme.queue), (Some(2), 3));
        assert_eq!(acme.ceilings.cap(Limits { queue: 9, ..config.limits }).0.queue, 1);
        assert_eq!(config.listen, ["127.0.0.1:80".parse().unwrap(), "[::]:8081".parse().unwrap()]);
        assert_eq!(config.state.unwrap(), Path::new("/etc/wasgi/state"));
        assert_eq!(config.access_log, AccessLog { path: "/var/log/wasgi.log".into(), format: LogFormat::Json });
        assert_eq!(config.tls.unwrap().cert, Path::new("/etc/wasgi/cert.pem"));
        assert_eq!(config.trusted_proxies.len(), 2);
        let (idle, head, total) = (Duration::from_secs(300), Duration::from_secs(1), Some(9));
        let pace = Pace { rate: 0, grace: Duration::from_secs(10) };
        let connections = Connections { total, per_address: 0, idle, head, pace, ..Connections::default() };
        assert_eq!(config.connections, connections);
        assert_eq!(config.memory, MemoryShare::Bytes(1 << 30));
        assert_eq!((config.drain, config.instances, config.limits.queue), (Duration::from_secs(5), Some(10), 1));
        let (cpu, wall, memory) = (Duration::from_secs(10), CompileLimits::default().wall, 1 << 30);
        assert_eq!(config.compile, CompileLimits { cpu, wall, memory });
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.listen, ["127.0.0.1:8080".parse().unwrap()]);
        assert_eq!(parse("[access_log]").unwrap(), config);
        let json = parse("[access_log]\nformat = \"json\"").unwrap().access_log;
        assert_eq!((json.path.to_str(), json.format), (Some("-"), LogFormat::Json));
        assert_eq!(parse("listen = \"[::1]:1\"").unwrap().listen, ["[::1]:1".parse().unwrap()]);
    }

    #[test]
    fn what_is_wrong_is_told_in_one_line_with_its_place() {
        for (text, place, said) in [
            ("liste = 1", (1, 1), "liste"),
            ("\nlisten = \"here\"", (2, 10), "127.0.0.1:8080"),
            ("listen = []", (1, 10), "no address"),
            ("listen = 8080", (1, 10), "an address such as"),
            ("trusted_proxies = [\"10.0.0.1/8\"]", (1, 19), "10.0.0.0/8"),
            ("drain = 5", (1, 9), "unit"),
            ("instances = 0", (1, 13), "between"),
            ("memory = \"all\"", (1, 10), "50%"),
            ("[access_log]\npath = \"-\"\nformat = \"xml\"", (3, 10), "json"),
            ("[tls]\ncert = \"a\"", (1, 1), "key"),
            ("[limits]\nmemory = 0", (2, 10), "64KiB"),
            ("[connections]\nidle = \"0s\"", (2, 8), "no time"),
            ("[tenants.acme]\nmemory = \"1 elephant\"", (2, 10), "64MiB"),
            ("[tenants.\"../x\"]", (1, 10), "can't be in a name"),
            ("[compile]\nmemory = \"1MiB\"", (2, 10), "64MiB"),
            ("[compile]\ncpu = \"0s\"", (2, 7), "no time"),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!((fault.line, fault.column), place, "{text:?}: {fault}");
            assert!(fault.reason.contains(said) && !fault.to_string().contains('\n'), "{text:?}: {fault}");
        }
    }
}
