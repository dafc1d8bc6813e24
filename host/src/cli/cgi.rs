//! `wasgi cgi`: a component as a CGI/1.1 program (RFC 3875).

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::response::Parts;
use http::{HeaderValue, Method, Request, Uri, Version};

use super::local::{self, ReaderBody};
use super::{Unstarted, existing, runtime};
use crate::gateway::Line;
use crate::host::Host;
use crate::wsgi::environ::Scheme;
use crate::wsgi::path;

/// Run a component as a CGI program, for any web server that runs those
///
/// The request comes in the environment and on standard input, the response goes to standard
/// output as it is made, the application's log to standard error.
#[derive(Args)]
#[command(after_help = "\
Example, a script in cgi-bin:
  #!/bin/sh
  exec wasgi cgi /srv/apps/hello.wasm")]
pub(super) struct Cgi {
    /// The component; a manifest beside it counts
    file: PathBuf,
}

/// The meta-variables, RFC 3875 §4.1.
struct Meta(HashMap<String, Vec<u8>>);

impl Cgi {
    pub(super) fn run(self) -> Result<ExitCode> {
        existing(&self.file)?;
        let meta = Meta::from_process();
        let prepared = || -> Result<_> {
            let request = meta.request()?;
            Ok((request, meta.length()?, local::host(&self.file, Host::builder().mount(&meta.script_name()))?))
        };
        let (request, length, host) = prepared().map_err(|error| error.context(Unstarted))?;
        let line = meta.line();
        let called = async {
            let request = request.map(|()| ReaderBody::new(tokio::io::stdin(), length));
            local::exchange(&host, request, &line, &mut io::stdout().lock(), write_head).await
        };
        let runtime = runtime()?;
        let done = runtime.block_on(called);
        // Standard input may still be open, and its reader blocked.
        runtime.shutdown_background();
        host.flush_logs();
        done.map(|_| ExitCode::SUCCESS)
    }
}

/// What the web server found out of the client, beside its address.
const FOUND_OUT: [&str; 4] = ["AUTH_TYPE", "REMOTE_HOST", "REMOTE_IDENT", "REMOTE_USER"];

impl Meta {
    fn from_process() -> Meta {
        use std::os::unix::ffi::OsStringExt;
        Meta(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_vec())))
                .collect(),
        )
    }

    /// A variable as a native string.
    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| path::native(value).into_owned())
    }

    /// As a route is written: in UTF-8.
    fn script_name(&self) -> String {
        let bytes = self.0.get("SCRIPT_NAME").map_or(&[][..], Vec::as_slice);
        String::from_utf8_lossy(bytes).trim_end_matches('/').to_owned()
    }

    /// How long the request's body is.
    fn length(&self) -> Result<u64> {
        let length = self.text("CONTENT_LENGTH").filter(|length| !length.is_empty());
        let Some(length) = length else { return Ok(0) };
        length.parse().with_context(|| format!("CONTENT_LENGTH is {length:?}, and it is a number of bytes"))
    }

    /// The request without its body.
    fn request(&self) -> Result<Request<()>> {
        let method =
            self.text("REQUEST_METHOD").context("REQUEST_METHOD is not set: this is for web servers to run")?;
        let method = Method::from_bytes(method.as_bytes())
            .with_context(|| format!("REQUEST_METHOD is {method:?}, which is no method"))?;
        let version = match self.text("SERVER_PROTOCOL").as_deref() {
            Some("HTTP/1.0") => Version::HTTP_10,
            Some("HTTP/2.0" | "HTTP/2") => Version::HTTP_2,
            Some("HTTP/3.0" | "HTTP/3") => Version::HTTP_3,
            _ => Version::HTTP_11,
        };
        let mut request = Request::new(());
        (*request.method_mut(), *request.uri_mut(), *request.version_mut()) = (method, self.target()?, version);
        let headers = request.headers_mut();
        for (name, value) in &self.0 {
            let Some(name) = name.strip_prefix("HTTP_") else { continue };
            // What there is to say of the body, CONTENT_TYPE and CONTENT_LENGTH say.
            if ["CONTENT_TYPE", "CONTENT_LENGTH", "TRANSFER_ENCODING"].contains(&name) {
                continue;
            }
            let name = HeaderName::from_bytes(name.replace('_', "-").as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
                headers.insert(name, value);
            }
        }
        for (name, header) in [("CONTENT_TYPE", CONTENT_TYPE), ("CONTENT_LENGTH", CONTENT_LENGTH)] {
            let value = self.0.get(name).filter(|value| !value.is_empty());
            if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value).ok()) {
                headers.insert(header, value);
            }
        }
        Ok(request)
    }

    /// The path comes decoded, and servers don't agree on a variable for the undecoded one. The query comes as it was
    /// sent, and its bytes stay what they are.
    fn target(&self) -> Result<Uri> {
        let path = [self.0.get("SCRIPT_NAME"), self.0.get("PATH_INFO")];
        let mut target = Vec::new();
        for byte in path.into_iter().flatten().flatten() {
            match byte {
                b'/' | b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                    target.push(*byte);
                }
                _ => target.extend(format!("%{byte:02X}").bytes()),
            }
        }
        if target.is_empty() {
            target.push(b'/');
        }
        if let Some(query) = self.0.get("QUERY_STRING").filter(|query| !query.is_empty()) {
            target.push(b'?');
            target.extend(query);
        }
        Uri::try_from(target.as_slice()).with_context(|| {
            let shown = String::from_utf8_lossy(&target);
            format!("SCRIPT_NAME, PATH_INFO and QUERY_STRING make {shown:?}, which is no URL's path and query")
        })
    }

    fn line(&self) -> Line {
        let address = |ip: &str, port: &str| {
            let port = self.text(port).and_then(|port| port.parse().ok()).unwrap_or(0);
            Some(SocketAddr::new(self.text(ip)?.parse().ok()?, port))
        };
        let secure = self.text("HTTPS").is_some_and(|on| on.eq_ignore_ascii_case("on") || on == "1");
        let scheme = if secure { Scheme::Https } else { Scheme::Http };
        let unspecified = std::net::IpAddr::from([127, 0, 0, 1]);
        let port = self.text("SERVER_PORT").and_then(|port| port.parse().ok()).unwrap_or(scheme.default_port());
        let local = address("SERVER_ADDR", "SERVER_PORT").unwrap_or(SocketAddr::new(unspecified, port));
        let name = self.text("SERVER_NAME").filter(|name| !name.is_empty()).map(Into::into);
        let found_out = FOUND_OUT.into_iter().filter_map(|name| Some((name, self.text(name)?)));
        let found_out = Some(found_out.filter(|(_, value)| !value.is_empty()).collect());
        Line { peer: address("REMOTE_ADDR", "REMOTE_PORT"), found_out, local: Some(local), scheme, name }
    }
}

/// RFC 3875 §6.2 and §6.3: headers, with `Status` among them.
fn write_head(parts: &Parts, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "Status: ")?;
    local::write_status(parts, out)?;
    out.write_all(b"\r\n")?;
    for (name, value) in &parts.headers {
        write!(out, "{name}: ")?;
        out.write_all(value.as_bytes())?;
        out.write_all(b"\r\n")?;
    }
    out.write_all(b"\r\n")
}
