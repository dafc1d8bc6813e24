//! Request, connection and mount → environ (PEP 3333, "environ Variables"; RFC 3875 §4.1).
//!
//! Nothing is built before it is asked for: most applications look at few variables, and a look
//! costs less than a map of them all.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName};
use http::{Method, Version};

use super::path::native;

/// What `SERVER_SOFTWARE` and the `Server` header say.
pub const SOFTWARE: &str = concat!("wasgi/", env!("CARGO_PKG_VERSION"));

/// `wsgi.url_scheme`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Plain TCP.
    #[default]
    Http,
    /// TLS, or a trusted proxy that says so.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The port that a URL of this scheme means where it names none.
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// A request's name in every log and on every error page: unique in a process, and between
/// processes as far as 64 random bits go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The host's service object: what it grants beyond CGI's variables, under `wasgi.`.
#[derive(Clone, Debug)]
pub struct Services {
    /// `wasgi.request_id`.
    pub request_id: RequestId,
    /// `wasgi.application`: the deployed name.
    pub application: Arc<str>,
    /// `wasgi.version`: the deployed version's digest.
    pub version: Arc<str>,
}

/// Where the request entered: the route that matched, and the path on either side of its end.
#[derive(Clone, Debug, Default)]
pub struct Mount {
    /// `SCRIPT_NAME`: empty, or starts with `/` and doesn't end with it.
    pub script_name: String,
    /// `PATH_INFO`: empty, or starts with `/`. Decoded once.
    pub path_info: String,
}

/// What the web server before a CGI program found out of the client, and no request says: `REMOTE_USER` and its like, each
/// with its value. Nothing where wasgi is the web server.
pub type FoundOut = Option<Arc<[(&'static str, String)]>>;

/// Both ends of the connection, as trusted proxies corrected them.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// `REMOTE_ADDR` and `REMOTE_PORT`; none on a transport without addresses.
    pub remote: Option<SocketAddr>,
    /// What else is known of that end.
    pub found_out: FoundOut,
    /// The virtual host that matched, if the route names one: `SERVER_NAME` then.
    pub virtual_host: Option<String>,
    /// The listener's address: `SERVER_NAME` otherwise.
    pub server: Option<IpAddr>,
    /// `SERVER_PORT`.
    pub server_port: u16,
    /// `wsgi.url_scheme`.
    pub scheme: Scheme,
}

/// One request as an application sees it. Values are native strings.
#[derive(Debug)]
pub struct Environ {
    /// As sent, case kept.
    pub method: Method,
    /// The target as sent, undecoded.
    pub target: Arc<str>,
    /// The request's version.
    pub version: Version,
    /// The request's headers.
    pub headers: HeaderMap,
    /// Host as an absolute-form target or a trusted proxy gives it; overrides the header.
    pub host: Option<String>,
    /// Where the application is mounted.
    pub mount: Mount,
    /// Both ends of the connection.
    pub ends: Ends,
    /// Whether the body comes chunked: no length is known, none may be believed.
    pub chunked: bool,
    /// Whether the instance serves this request alone and is dropped after it.
    pub run_once: bool,
    /// What the host grants.
    pub services: Services,
}

/// How many variables a request may have beside `HTTP_*`.
const VARIABLES: usize = 24;
/// `SERVER_NAME` where a listener has no address.
const NO_ADDRESS: &str = "localhost";
/// `GATEWAY_INTERFACE`.
const INTERFACE: &str = "CGI/1.1";
/// `wsgi.version`.
const WSGI: &str = "1.0";
/// An instance serves one request at a time, and others of the same application run beside it.
const MULTITHREAD: bool = false;
const MULTIPROCESS: bool = true;

fn flag(is: bool) -> &'static str {
    if is { "true" } else { "false" }
}

impl Environ {
    /// The value of one variable.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        if let Some(header) = name.strip_prefix("HTTP_") {
            return self.http(header);
        }
        Some(Cow::Borrowed(match name {
            "REQUEST_METHOD" => self.method.as_str(),
            "SCRIPT_NAME" => &self.mount.script_name,
            "PATH_INFO" => &self.mount.path_info,
            "QUERY_STRING" => return Some(native(query(&self.target).as_bytes())),
            "CONTENT_TYPE" => return self.field(&CONTENT_TYPE),
            "CONTENT_LENGTH" if self.chunked => return None,
            "CONTENT_LENGTH" => return self.field(&CONTENT_LENGTH),
            "SERVER_NAME" => match (&self.ends.virtual_host, self.ends.server) {
                (Some(name), _) => name,
                (None, Some(server)) => return Some(server.to_canonical().to_string().into()),
                (None, None) => NO_ADDRESS,
            },
            "SERVER_PORT" => return Some(self.ends.server_port.to_string().into()),
            "SERVER_PROTOCOL" => protocol(self.version),
            "SERVER_SOFTWARE" => SOFTWARE,
            "GATEWAY_INTERFACE" => INTERFACE,
            "REMOTE_ADDR" => return self.ends.remote.map(|remote| remote.ip().to_canonical().to_string().into()),
            "REMOTE_PORT" => {
                // A proxy tells the address more often than the port.
                let port = self.ends.remote.map(|remote| remote.port()).filter(|port| *port != 0)?;
                return Some(port.to_string().into());
            }
            "REQUEST_URI" | "RAW_URI" => return Some(native(self.target.as_bytes())),
            "wsgi.version" => WSGI,
            "wsgi.url_scheme" => self.ends.scheme.as_str(),
            "wsgi.multithread" => flag(MULTITHREAD),
            "wsgi.multiprocess" => flag(MULTIPROCESS),
            "wsgi.run_once" => flag(self.run_once),
            "wsgi.input_terminated" => flag(true),
            "wasgi.request_id" => return Some(self.services.request_id.to_string().into()),
            "wasgi.application" => &self.services.application,
            "wasgi.version" => &self.services.version,
            _ => self.ends.found_out.iter().flat_map(|all| all.iter()).find(|(known, _)| *known == name)?.1.as_str(),
        }))
    }

    /// Every variable, each once.
    pub fn entries(&self) -> Vec<(String, String)> {
        let mut entries = Vec::with_capacity(VARIABLES + self.headers.keys_len());
        self.each(|name, value| entries.push((name.to_owned(), value.to_owned())));
        entries
    }

    /// Every variable in one text: names and values in turn, each after a character that is none of theirs.
    pub fn joined(&self) -> String {
        // Of all that a request says, only a decoded path can hold a NUL; native strings hold nothing above U+00FF.
        let path = [&self.mount.script_name, &self.mount.path_info];
        let separator = if path.iter().any(|part| part.contains('\0')) { '\u{100}' } else { '\0' };
        let mut joined = String::with_capacity(1024);
        self.each(|name, value| {
            for part in [name, value] {
                joined.push(separator);
                joined.push_str(part);
            }
        });
        joined
    }

    /// Gives all that [`get`](Environ::get) has, without looking for each by its name.
    fn each(&self, mut take: impl FnMut(&str, &str)) {
        let Environ { method, target, version, headers, mount, ends, services, .. } = self;
        let mut made = String::with_capacity(64); // what isn't there as text
        macro_rules! make {
            ($name:expr, $($value:tt)*) => {{
                made.clear();
                let _ = write!(made, $($value)*);
                take($name, &made);
            }};
        }
        take("REQUEST_METHOD", method.as_str());
        take("SCRIPT_NAME", &mount.script_name);
        take("PATH_INFO", &mount.path_info);
        take("QUERY_STRING", &native(query(target).as_bytes()));
        if let Some(value) = self.field(&CONTENT_TYPE) {
            take("CONTENT_TYPE", &value);
        }
        if let (false, Some(value)) = (self.chunked, self.field(&CONTENT_LENGTH)) {
            take("CONTENT_LENGTH", &value);
        }
        match (&ends.virtual_host, ends.server) {
            (Some(name), _) => take("SERVER_NAME", name),
            (None, Some(server)) => make!("SERVER_NAME", "{}", server.to_canonical()),
            (None, None) => take("SERVER_NAME", NO_ADDRESS),
        }
        make!("SERVER_PORT", "{}", ends.server_port);
        take("SERVER_PROTOCOL", protocol(*version));
        take("SERVER_SOFTWARE", SOFTWARE);
        take("GATEWAY_INTERFACE", INTERFACE);
        if let Some(remote) = ends.remote {
            make!("REMOTE_ADDR", "{}", remote.ip().to_canonical());
            if remote.port() != 0 {
                make!("REMOTE_PORT", "{}", remote.port());
            }
        }
        for (name, value) in ends.found_out.iter().flat_map(|all| all.iter()) {
            take(name, value);
        }
        let raw = native(target.as_bytes());
        take("REQUEST_URI", &raw);
        take("RAW_URI", &raw);
        take("wsgi.version", WSGI);
        take("wsgi.url_scheme", ends.scheme.as_str());
        take("wsgi.multithread", flag(MULTITHREAD));
        take("wsgi.multiprocess", flag(MULTIPROCESS));
        take("wsgi.run_once", flag(self.run_once));
        take("wsgi.input_terminated", flag(true));
        make!("wasgi.request_id", "{}", services.request_id);
        take("wasgi.application", &services.application);
        take("wasgi.version", &services.version);
        if let Some(host) = &self.host {
            take("HTTP_HOST", host);
        }
        for name in headers.keys().filter(|name| is_variable(name) && (*name != HOST || self.host.is_none())) {
            if let Some(value) = self.field(name) {
                made.clear();
                made.push_str("HTTP_");
                made.extend(name.as_str().bytes().map(|byte| char::from(variable_byte(byte))));
                take(&made, &value);
            }
        }
    }

    /// `HTTP_{variable}`.
    fn http(&self, variable: &str) -> Option<Cow<'_, str>> {
        if variable == "HOST" && self.host.is_some() {
            return self.host.as_deref().map(Cow::Borrowed);
        }
        if variable.len() > 128 || variable.bytes().any(|byte| byte.is_ascii_lowercase() || byte == b'-') {
            return None;
        }
        let mut name = [0u8; 128];
        for (to, from) in name.iter_mut().zip(variable.bytes()) {
            *to = if from == b'_' { b'-' } else { from.to_ascii_lowercase() };
        }
        let name = HeaderName::from_bytes(&name[..variable.len()]).ok()?;
        if is_variable(&name) { self.field(&name) } else { None }
    }

    /// Repeated headers in order, joined as RFC 9110 §5.3 has it; cookies as RFC 6265 §5.4 has them.
    fn field(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        let mut values = self.headers.get_all(name).iter();
        let first = native(values.next()?.as_bytes());
        let Some(second) = values.next() else { return Some(first) };
        let separator = if name == COOKIE { "; " } else { "," };
        let mut all = first.into_owned();
        for value in [second].into_iter().chain(values) {
            all.push_str(separator);
            all.push_str(&native(value.as_bytes()));
        }
        Some(all.into())
    }
}

/// The target's query, undecoded; empty where there is none.
pub fn query(target: &str) -> &str {
    target.split_once('?').map_or("", |(_, query)| query)
}

/// Whether a header becomes `HTTP_*`. Content-Type and Content-Length have names of their own;
/// `Proxy` would pass for the variable that HTTP clients obey (CVE-2016-5385, "httpoxy"); a name
/// with `_` would pass for one with `-`. A name beyond 128 bytes is nobody's.
fn is_variable(name: &HeaderName) -> bool {
    let name = name.as_str();
    !matches!(name, "content-type" | "content-length" | "proxy") && name.len() <= 128 && !name.contains('_')
}

/// A byte of a header's name in that of its variable.
fn variable_byte(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte.to_ascii_uppercase() }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn environ(target: &str, headers: &[(&str, &[u8])]) -> Environ {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), http::HeaderValue::from_bytes(value).unwrap());
        }
        Environ {
            method: Method::from_bytes(b"gEt").unwrap(),
            target: target.into(),
            version: Version::HTTP_11,
            headers: map,
            host: None,
            mount: Mount { script_name: "/app".into(), path_info: "/x".into() },
            ends: Ends {
                remote: Some("[::ffff:192.0.2.1]:4000".parse().unwrap()),
                found_out: None,
                virtual_host: Some("shop.example.com".into()),
                server: None,
                server_port: 8080,
                scheme: Scheme::Http,
            },
            chunked: false,
            run_once: true,
            services: Services { request_id: RequestId(1), application: "app".into(), version: "v".into() },
        }
    }

    #[test]
    fn variables() {
        let environ = environ(
            "/app/x?a=%20&b",
            &[
                ("x-a", b"1"),
                ("x-a", b"2"),
                ("cookie", b"a=1"),
                ("cookie", b"b=2"),
                ("x-raw", b"\xe9"),
                ("x_a", b"9"),
                ("proxy", b"p"),
            ],
        );
        let get = |name: &str| environ.get(name).map(Cow::into_owned);
        for (name, value) in [
            ("REQUEST_METHOD", "gEt"),
            ("SCRIPT_NAME", "/app"),
            ("QUERY_STRING", "a=%20&b"),
            ("RAW_URI", "/app/x?a=%20&b"),
            ("HTTP_X_A", "1,2"),
            ("HTTP_COOKIE", "a=1; b=2"),
            ("HTTP_X_RAW", "\u{e9}"),
            ("REMOTE_ADDR", "192.0.2.1"),
            ("REMOTE_PORT", "4000"),
            ("wasgi.request_id", "0000000000000001"),
            ("wsgi.run_once", "true"),
        ] {
            assert_eq!(get(name).as_deref(), Some(value), "{name}");
        }
        for absent in [
            "CONTENT_TYPE",
            "CONTENT_LENGTH",
            "HTTP_CONTENT_TYPE",
            "HTTP_PROXY",
            "HTTP_x_a",
            "HTTP_X-A",
            "HTTP_",
            "HOME",
            "",
        ] {
            assert_eq!(get(absent), None, "{absent}");
        }
    }

    #[test]
    fn a_chunked_body_has_no_length() {
        let mut request = environ("/", &[("content-length", b"5")]);
        assert_eq!(request.get("CONTENT_LENGTH").as_deref(), Some("5"));
        request.chunked = true;
        assert_eq!(request.get("CONTENT_LENGTH"), None);
    }

    #[test]
    fn an_absolute_target_overrides_host() {
        let mut request = environ("http://b/", &[("host", b"a")]);
        request.host = Some("b".into());
        assert_eq!(request.get("HTTP_HOST").as_deref(), Some("b"));
    }

    proptest! {
        #[test]
        fn joined_is_entries(headers in prop::collection::vec(("[a-zA-Z-]{1,12}", "[ -~\u{80}-\u{ff}]{0,12}"), 0..12), path: Vec<u8>) {
            let raw: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
            let mut environ = environ("/", &raw);
            environ.mount.path_info = native(&path).into_owned();
            let joined = environ.joined();
            let mut parts = joined.split(joined.chars().next().unwrap()).skip(1).map(str::to_owned);
            let pairs: Vec<_> = std::iter::from_fn(|| Some((parts.next()?, parts.next()?))).collect();
            prop_assert_eq!(pairs, environ.entries());
            prop_assert_eq!(joined.starts_with('\0'), !path.contains(&0));
        }

        #[test]
        fn entries_and_get_agree(
            headers in prop::collection::vec(
                (prop_oneof!["[a-zA-Z_.!-]{1,12}", Just("host".to_owned()), Just("Content-Length".to_owned())], "[ -~\u{80}-\u{ff}]{0,12}"),
                0..12,
            ),
            target: String,
            host in prop::option::of("[a-z]{1,9}"),
            virtual_host in prop::option::of("[a-z]{1,9}"),
            server: Option<IpAddr>,
            remote: Option<SocketAddr>,
            chunked: bool,
        ) {
            let raw: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
            let mut environ = environ(&target, &raw);
            (environ.host, environ.chunked) = (host, chunked);
            (environ.ends.virtual_host, environ.ends.server, environ.ends.remote) = (virtual_host, server, remote);
            let entries = environ.entries();
            let names: std::collections::HashSet<_> = entries.iter().map(|(name, _)| name).collect();
            prop_assert_eq!(names.len(), entries.len());
            for (name, value) in &entries {
                let got = environ.get(name);
                prop_assert_eq!(got.as_deref(), Some(value.as_str()));
                prop_assert!(value.chars().all(|c| u32::from(c) < 256));
            }
            // And none is left out.
            let named = entries.iter().filter(|(name, _)| !name.starts_with("HTTP_")).count();
            let may_be_absent = ["CONTENT_TYPE", "CONTENT_LENGTH", "REMOTE_ADDR", "REMOTE_PORT"];
            let absent = may_be_absent.iter().filter(|name| environ.get(name).is_none()).count();
            prop_assert_eq!(named + absent, VARIABLES);
        }
    }
}
