//! `wasgi serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::Unstarted;
use crate::config::{AccessLog, Config, TlsFiles, address};
use crate::log::LogFormat;
use crate::policy::Confinement;
use crate::run;

/// Serve a directory of components, or one component
///
/// Every NAME.wasm in the directory is an application, at /NAME or where NAME.toml beside it says.
/// Copying a file deploys it, replacing it deploys the next version, removing it ends it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  wasgi serve apps
  wasgi serve apps --listen [::]:80 --config /etc/wasgi.toml
  wasgi serve hello.wasm                      one component, at /
  wasgi serve apps --listen :443 --tls-cert cert.pem --tls-key key.pem")]
pub(super) struct Serve {
    /// The directory, or one component
    path: PathBuf,
    /// Address to listen on, once for each; port 0 is any free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    listen: Vec<SocketAddr>,
    /// The host's configuration, a TOML file; SIGHUP reads it again
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where compiled code, last good versions and logs are kept [default: /var/lib/wasgi for root,
    /// else wasgi in $XDG_STATE_HOME]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// One line for each request goes to this file; - is standard error [default: -]
    #[arg(long, value_name = "FILE")]
    access_log: Option<PathBuf>,
    /// The access log's format: text or json
    #[arg(long, value_name = "FORMAT", value_enum)]
    access_log_format: Option<Format>,
    /// Certificate chain for HTTPS, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Don't serve where the kernel can't confine the server to what it needs
    #[arg(long)]
    require_sandbox: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Serve {
    pub(super) fn run(self) -> Result<ExitCode> {
        let path = self.path.clone();
        let configuration = self.config.clone();
        let confinement = if self.require_sandbox { Confinement::Whole } else { Confinement::AsFarAsPossible };
        let overrides = move |config: Config| self.over(config);
        let started = run::start(&path, configuration.as_deref(), overrides, run::Output::lines(), confinement);
        started.map_err(|error| error.context(Unstarted))?.wait();
        Ok(ExitCode::SUCCESS)
    }

    /// What was typed goes before what is configured.
    fn over(&self, mut config: Config) -> Config {
        if !self.listen.is_empty() {
            config.listen.clone_from(&self.listen);
        }
        config.state = self.state.clone().or(config.state);
        if let (Some(cert), Some(key)) = (self.tls_cert.clone(), self.tls_key.clone()) {
            config.tls = Some(TlsFiles { cert, key });
        }
        if let Some(path) = self.access_log.clone() {
            config.access_log = AccessLog { path, ..config.access_log };
        }
        if let Some(format) = self.access_log_format {
            config.access_log.format = match format {
                Format::Text => LogFormat::Text,
                Format::Json => LogFormat::Json,
            };
        }
        config
    }
}
