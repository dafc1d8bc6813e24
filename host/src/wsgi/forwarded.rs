//! What proxies say about the client: Forwarded (RFC 7239) and X-Forwarded-*.
//!
//! From a trusted proxy it is believed; from anybody else it is stripped, so that an application
//! never sees a claim that nobody vouches for.

use std::net::{IpAddr, SocketAddr};

use http::header::{FORWARDED, HeaderMap, HeaderName};

use super::environ::Scheme;

/// What is true of the client behind the proxies, as far as they told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// The nearest address that is no trusted proxy; port 0 where none was given.
    pub client: Option<SocketAddr>,
    /// How the client spoke to the first proxy.
    pub scheme: Option<Scheme>,
    /// The Host that the client asked for.
    pub host: Option<String>,
    /// The path under which the proxy publishes the host; starts with `/`, doesn't end with it.
    pub prefix: Option<String>,
    /// The port that the client connected to.
    pub port: Option<u16>,
}

/// One of the headers that say who and how; the others go with either form.
fn is_x_claim(name: &HeaderName) -> bool {
    matches!(name.as_str(), "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-host")
}

/// Whether a header is one of those that only a trusted proxy may send.
pub fn is_claim(name: &HeaderName) -> bool {
    name == FORWARDED || name.as_str().starts_with("x-forwarded-")
}

/// Removes every claim, in place; free where there is none.
pub fn strip(headers: &mut HeaderMap) {
    while let Some(name) = headers.keys().find(|name| is_claim(name)).cloned() {
        headers.remove(name);
    }
}

/// Reads what a trusted peer claims. Everything counts from the right, since a proxy appends and
/// what stands further left may be the client's own: the last address that isn't itself `trusted`
/// is the client. Where both forms are there, X-Forwarded-* counts: it is what most proxies set,
/// and such a proxy passes a client's Forwarded through.
pub fn believe(headers: &HeaderMap, trusted: impl Fn(IpAddr) -> bool) -> Forwarded {
    let mut told = match list(headers, "forwarded").as_slice() {
        hops @ [_, ..] if !headers.keys().any(is_x_claim) => from_rfc7239(hops, &trusted),
        _ => from_x_forwarded(headers, &trusted),
    };
    told.prefix = last(headers, "x-forwarded-prefix").and_then(|prefix| clean_prefix(&prefix));
    told.port = last(headers, "x-forwarded-port").and_then(|port| port.parse().ok());
    told
}

fn from_x_forwarded(headers: &HeaderMap, trusted: impl Fn(IpAddr) -> bool) -> Forwarded {
    let hops: Vec<Option<SocketAddr>> = list(headers, "x-forwarded-for").iter().map(|hop| address(hop)).collect();
    Forwarded {
        client: nearest_stranger(&hops, trusted),
        scheme: last(headers, "x-forwarded-proto").and_then(|proto| scheme(&proto)),
        host: last(headers, "x-forwarded-host").filter(|host| is_host(host)),
        ..Forwarded::default()
    }
}

fn from_rfc7239(hops: &[String], trusted: impl Fn(IpAddr) -> bool) -> Forwarded {
    let addresses: Vec<_> = hops.iter().map(|hop| parameter(hop, "for").and_then(|node| address(&node))).collect();
    let stated = |name| hops.iter().rev().find_map(|hop| parameter(hop, name));
    Forwarded {
        client: nearest_stranger(&addresses, trusted),
        scheme: stated("proto").and_then(|proto| scheme(&proto)),
        host: stated("host").filter(|host| is_host(host)),
        ..Forwarded::default()
    }
}

/// From the right, past the trusted proxies. What stands left of a stranger is only his word.
fn nearest_stranger(hops: &[Option<SocketAddr>], trusted: impl Fn(IpAddr) -> bool) -> Option<SocketAddr> {
    let mut nearest = None;
    for hop in hops.iter().rev() {
        let Some(hop) = hop else { break };
        nearest = Some(*hop);
        if !trusted(hop.ip()) {
            break;
        }
    }
    nearest
}

/// All elements of a comma-separated header, over repeated lines; quotes are respected.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| split(line, ',')).filter(|element| !element.is_empty()).collect()
}

fn last(headers: &HeaderMap, name: &str) -> Option<String> {
    list(headers, name).pop()
}

fn split(text: &str, separator: char) -> Vec<String> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
    .map(|part| part.trim().to_owned())
    .collect()
}

fn parameter(hop: &str, wanted: &str) -> Option<String> {
    split(hop, ';').iter().find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(node: &str) -> Option<SocketAddr> {
    let bare = node.trim_start_matches('[').trim_end_matches(']');
    node.parse().ok().or_else(|| bare.parse().ok().map(|ip| SocketAddr::new(ip, 0)))
}

fn scheme(text: &str) -> Option<Scheme> {
    match text.to_ascii_lowercase().as_str() {
        "http" => Some(Scheme::Http),
        "https" => Some(Scheme::Https),
        _ => None,
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte))
}

fn clean_prefix(text: &str) -> Option<String> {
    let prefix = text.trim_end_matches('/');
    (prefix.starts_with('/') && !prefix.starts_with("//") && prefix.bytes().all(|byte| byte.is_ascii_graphic()))
        .then(|| super::path::decode(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[(&'static str, &str)]) -> Forwarded {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        believe(&headers, |ip| ip.is_loopback())
    }

    #[test]
    fn the_nearest_stranger_is_the_client() {
        let seen = told(&[("x-forwarded-for", "6.6.6.6, 192.0.2.7, 127.0.0.1"), ("x-forwarded-proto", "HTTPS")]);
        assert_eq!(seen.client, Some("192.0.2.7:0".parse().unwrap()));
        assert_eq!(seen.scheme, Some(Scheme::Https));
        let chained = told(&[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.8:99")]);
        assert_eq!(chained.client, Some("192.0.2.8:99".parse().unwrap()));
        assert_eq!(told(&[("x-forwarded-for", "6.6.6.6, unknown")]).client, None);
    }

    #[test]
    fn rfc_7239_knows_quotes() {
        let seen = told(&[
            ("forwarded", r#"for="[2001:db8::17]:4711";proto=https;host="shop.example.com, x", for=127.0.0.1"#),
            ("x-forwarded-prefix", "/app/"),
            ("x-forwarded-port", "8443"),
        ]);
        assert_eq!(seen.client, Some("[2001:db8::17]:4711".parse().unwrap()));
        assert_eq!((seen.scheme, seen.host), (Some(Scheme::Https), None));
        assert_eq!((seen.prefix.as_deref(), seen.port), (Some("/app"), Some(8443)));
    }

    #[test]
    fn a_client_cannot_get_before_what_its_proxy_says() {
        let seen = told(&[
            ("forwarded", "for=6.6.6.6;proto=https;host=evil.example"),
            ("x-forwarded-for", "6.6.6.6, 192.0.2.7"),
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-host", "evil.example, shop.example.com"),
        ]);
        assert_eq!(seen.client, Some("192.0.2.7:0".parse().unwrap()));
        assert_eq!((seen.scheme, seen.host.as_deref()), (Some(Scheme::Http), Some("shop.example.com")));
    }

    #[test]
    fn nonsense_is_not_believed() {
        let seen = told(&[
            ("x-forwarded-proto", "gopher"),
            ("x-forwarded-host", "a b/c"),
            ("x-forwarded-prefix", "//evil"),
            ("x-forwarded-port", "99999"),
        ]);
        assert_eq!(seen, Forwarded::default());
    }

    #[test]
    fn claims_are_stripped() {
        let mut headers = HeaderMap::new();
        for name in ["forwarded", "x-forwarded-for", "x-forwarded-anything", "x-forward", "host"] {
            headers.append(name, "1".parse().unwrap());
        }
        strip(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>().len(), 2);
    }
}
