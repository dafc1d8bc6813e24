//! What a request asks for: its true client, its host, its path, and the application there.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::{HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Method, Uri};

use super::Gateway;
use crate::apps::Entry;
use crate::wsgi::environ::{Ends, Environ, FoundOut, Mount, Scheme, Services};
use crate::wsgi::forwarded::{self, Forwarded};
use crate::wsgi::path;

/// A connection, as the gateway sees it.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// The peer, which may be a proxy; none on a transport without addresses.
    pub peer: Option<SocketAddr>,
    /// What else is known of the peer.
    pub found_out: FoundOut,
    /// The listener's address.
    pub local: Option<SocketAddr>,
    /// How the peer speaks to us.
    pub scheme: Scheme,
    /// The listener's name, where it goes by one: `SERVER_NAME` where no route names the host.
    pub name: Option<Arc<str>>,
}

/// Where in the host's routes a request came out.
pub(super) struct Place {
    /// How many bytes of the decoded path are the mount.
    mount: usize,
    /// Whether the route names the host, which is a virtual host then.
    named: bool,
}

/// A request that has been looked at, on its way to an application.
pub(super) struct Asked {
    pub(super) parts: Parts,
    forwarded: Forwarded,
    /// Host of an absolute-form target or of a trusted proxy; overrides the header.
    host: Option<String>,
    path: String,
    target: Arc<str>,
}

impl Asked {
    /// Looks at a request's head; claims about the client that nobody vouches for are gone then.
    pub(super) fn new(mut parts: Parts, line: &Line, gateway: &Gateway) -> Asked {
        let trusted = gateway.trusted_proxies.load();
        let trusts = |ip: IpAddr| trusted.iter().any(|network| network.contains(ip));
        let forwarded = if line.peer.is_some_and(|peer| trusts(peer.ip())) {
            forwarded::believe(&parts.headers, trusts)
        } else {
            forwarded::strip(&mut parts.headers);
            Forwarded::default()
        };
        let authority = parts.uri.authority().map(|authority| authority.as_str().to_owned());
        let host = forwarded.host.clone().or(authority);
        let path = path::decode(parts.uri.path().as_bytes());
        let target = target(&parts.uri);
        Asked { parts, forwarded, host, path, target }
    }

    /// Whether it is `OPTIONS *`: about the server, not about a resource (RFC 9110 §9.3.7).
    pub(super) fn is_about_server(&self) -> bool {
        self.parts.method == Method::OPTIONS && self.path == "*"
    }

    /// The target as sent.
    pub(super) fn target(&self) -> &Arc<str> {
        &self.target
    }

    /// The client that asked, behind trusted proxies too.
    pub(super) fn client(&self, line: &Line) -> Option<SocketAddr> {
        self.forwarded.client.or(line.peer)
    }

    /// The application, and where it is mounted.
    pub(super) fn find(&self, gateway: &Gateway) -> Option<(Entry, Place)> {
        let routes = gateway.routes.load();
        let host = self.host_name();
        // Routes are written in UTF-8, and paths are bytes.
        let bytes = path::bytes(&self.path)?;
        let found = routes.lookup(host.as_deref(), &bytes)?;
        let mount = if bytes.len() == self.path.len() {
            found.mount
        } else {
            self.path.char_indices().nth(found.mount).map_or(self.path.len(), |(at, _)| at)
        };
        Some((found.app.clone(), Place { mount, named: found.named }))
    }

    /// The environ for an application that was found.
    pub(super) fn environ(self, line: &Line, place: Place, run_once: bool, services: Services) -> Environ {
        let scheme = self.forwarded.scheme.unwrap_or(line.scheme);
        // A name that nobody vouches for is no name of this server; a trusted proxy's host goes with its port.
        let vouched = place.named || self.forwarded.host.is_some();
        let named =
            if vouched { self.host_name().map(Cow::into_owned) } else { line.name.as_deref().map(str::to_owned) };
        let local = line.local;
        let behind_proxy = self.forwarded.scheme.is_some() || self.forwarded.host.is_some();
        let server_port = match (self.forwarded.port, local) {
            (Some(port), _) => port,
            (None, _) if behind_proxy => self.host_port().unwrap_or(scheme.default_port()),
            (None, Some(local)) => local.port(),
            (None, None) => scheme.default_port(),
        };
        let remote = self.client(line);
        let chunked = self.parts.headers.contains_key(TRANSFER_ENCODING);
        Environ {
            method: self.parts.method,
            target: self.target,
            version: self.parts.version,
            headers: self.parts.headers,
            host: self.host,
            mount: mount(self.path, place.mount, self.forwarded.prefix),
            ends: Ends {
                remote,
                found_out: line.found_out.clone(),
                virtual_host: named,
                server: local.map(|local| local.ip()),
                server_port,
                scheme,
            },
            chunked,
            run_once,
            services,
        }
    }

    fn authority(&self) -> Option<&str> {
        match &self.host {
            Some(host) => Some(host),
            None => self.parts.headers.get(HOST).and_then(|host| host.to_str().ok()),
        }
    }

    /// The host asked for, lower-cased, without its port.
    fn host_name(&self) -> Option<Cow<'_, str>> {
        let name = split_port(self.authority()?).0;
        Some(if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            name.to_ascii_lowercase().into()
        } else {
            name.into()
        })
    }

    fn host_port(&self) -> Option<u16> {
        split_port(self.authority()?).1.and_then(|port| port.parse().ok())
    }
}

/// `path` in two parts, the first of `len` bytes, below what a proxy publishes.
fn mount(mut path: String, len: usize, prefix: Option<String>) -> Mount {
    let mut script_name = prefix.unwrap_or_default();
    if len > 0 {
        script_name.push_str(&path[..len]);
        path.drain(..len);
    }
    Mount { script_name, path_info: path }
}

/// `host:port`, `[v6]:port`, or either alone.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// The target as sent. The `http` crate keeps it apart, and keeps an absolute one's scheme lower-cased.
fn target(uri: &Uri) -> Arc<str> {
    match uri.authority() {
        None => uri.path_and_query().map_or("/", |path| path.as_str()).into(),
        Some(_) => uri.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_split_off() {
        assert_eq!(split_port("a:80"), ("a", Some("80")));
        assert_eq!(split_port("[::1]"), ("[::1]", None));
        assert_eq!(split_port("[::1]:80"), ("[::1]", Some("80")));
        assert_eq!(split_port("a"), ("a", None));
    }
}
