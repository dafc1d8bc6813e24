//! `wasgi call`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName};
use http::response::Parts;
use http::{HeaderValue, Method, Request};
use http_body_util::Full;

use super::{Unstarted, existing, local, runtime};
use crate::gateway::Line;
use crate::host::Host;

/// Send one request to a component, without a server
///
/// The body goes to standard output, the application's log to standard error. Exit code 1 from
/// status 500 up, 2 where nothing was called.
#[derive(Args)]
#[command(
    override_usage = "wasgi call [OPTIONS] <FILE> [METHOD] <PATH>",
    after_help = "\
Examples:
  wasgi call hello.wasm /
  wasgi call hello.wasm DELETE '/items/7?force=1' -H 'Authorization: Bearer x' -i
  wasgi call hello.wasm /items -d '{\"name\":\"tea\"}' -H 'Content-Type: application/json'"
)]
pub(super) struct Call {
    /// The component; a manifest beside it counts
    file: PathBuf,
    /// The path with its query, after a method if it isn't GET, or POST with -d
    #[arg(num_args = 1..=2, required = true, value_name = "PATH")]
    target: Vec<String>,
    /// A header of the request
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// The request's body
    #[arg(short, long, value_name = "BODY")]
    data: Option<String>,
    /// Show status and headers too
    #[arg(short, long)]
    include: bool,
}

impl Call {
    pub(super) fn run(self) -> Result<ExitCode> {
        existing(&self.file)?;
        let request = self.request().map_err(|error| error.context(Unstarted))?;
        let include = self.include;
        let host = local::host(&self.file, Host::builder()).map_err(|error| error.context(Unstarted))?;
        let head = |parts: &Parts, out: &mut dyn Write| if include { write_head(parts, out) } else { Ok(()) };
        let called = async { local::exchange(&host, request, &Line::default(), &mut io::stdout().lock(), head).await };
        let status = runtime()?.block_on(called);
        host.flush_logs();
        Ok(if status?.is_server_error() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn request(&self) -> Result<Request<Full<bytes::Bytes>>> {
        let (method, path) = match self.target.as_slice() {
            [method, path] => (method.as_str(), path),
            [path] if self.data.is_some() => ("POST", path),
            [path] => ("GET", path),
            _ => anyhow::bail!("a path is missing"),
        };
        if !path.starts_with('/') {
            anyhow::bail!("{path:?} is not a path: it begins with /");
        }
        let method = Method::from_bytes(method.as_bytes()).with_context(|| format!("{method:?} is not a method"))?;
        let data = self.data.clone().unwrap_or_default();
        let mut request = Request::builder().method(method).uri(path);
        if let Some(headers) = request.headers_mut() {
            headers.insert(HOST, HeaderValue::from_static("localhost"));
            if self.data.is_some() {
                headers.insert(CONTENT_LENGTH, data.len().into());
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            }
            for (name, _) in &self.header {
                headers.remove(name);
            }
            for (name, value) in &self.header {
                headers.append(name, value.clone());
            }
        }
        request.body(data.into()).with_context(|| format!("{path:?} is not a path (it begins with /)"))
    }
}

fn write_head(parts: &Parts, out: &mut dyn Write) -> io::Result<()> {
    local::write_status(parts, out)?;
    writeln!(out)?;
    for (name, value) in &parts.headers {
        write!(out, "{name}: ")?;
        out.write_all(value.as_bytes())?;
        writeln!(out)?;
    }
    writeln!(out)
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    let name = name.trim().parse().map_err(|_| format!("{name:?} is not a header's name"))?;
    let value = value.trim().parse().map_err(|_| format!("{value:?} is not a header's value"))?;
    Ok((name, value))
}
