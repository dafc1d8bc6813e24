//! Route patterns as a manifest writes them: `HOST`, `HOST/PATH` or `/PATH`, where HOST may be `*.example.com`.
//!
//! Pure: parses and prints. What a request matches is `table`'s.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::{AppKey, TenantName};

/// The longest path of a route, in bytes. It bounds what one lookup probes.
pub const LONGEST_PATH: usize = 255;

/// The longest host name of DNS, in bytes, without the final dot.
pub const LONGEST_HOST: usize = 253;

/// One route in canonical form: hosts lower-cased, no slash at the end. Its text is [`fmt::Display`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Route {
    host: HostPattern,
    path: String,
}

/// The hosts that a route is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// This host alone.
    Exact(String),
    /// Every host below this one, at any depth, but not the host itself: `*.example.com` holds `example.com`.
    Below(String),
    /// Every host that nobody claims.
    Any,
}

/// Why a text is not a route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a route: {reason}")]
pub struct RouteError {
    text: String,
    reason: &'static str,
}

impl Route {
    /// The route of an application whose manifest gives none: `index` is `/`, a name with a dot is a host, any other
    /// name a path on every host that nobody claims. Paths of a tenant other than the default one begin with its name.
    ///
    /// # Errors
    /// Where the name has a dot and is no host name, such as `a..b`, and where the path is too long.
    pub fn of(key: &AppKey) -> Result<Self, RouteError> {
        let own = Self::own(&key.tenant)?;
        match key.name.as_str() {
            "index" => Ok(own),
            host if host.contains('.') => host.parse(),
            segment => format!("{}/{segment}", own.path).parse(),
        }
    }

    /// What a tenant may claim without being granted it: the paths under its own name, and for the default tenant all.
    ///
    /// # Errors
    /// None for a tenant whose name is one.
    pub fn own(tenant: &TenantName) -> Result<Self, RouteError> {
        if tenant.is_default() { "/".parse() } else { format!("/{tenant}").parse() }
    }

    /// Whether whoever may claim this route may claim `other` too: it is for the same hosts or some of them, and
    /// for the same path or one below it.
    pub fn covers(&self, other: &Self) -> bool {
        let below = |parent: &str, host: &str| host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'));
        let host = match (&self.host, &other.host) {
            (HostPattern::Any, HostPattern::Any) => true,
            (HostPattern::Exact(own), HostPattern::Exact(host)) => own == host,
            (HostPattern::Below(parent), HostPattern::Exact(host)) => below(parent, host),
            (HostPattern::Below(parent), HostPattern::Below(host)) => parent == host || below(parent, host),
            _ => false,
        };
        let rest = other.path.strip_prefix(&self.path);
        host && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The hosts it is for.
    pub fn host(&self) -> &HostPattern {
        &self.host
    }

    /// Its decoded path: empty for the root, otherwise beginning with a slash and not ending with one.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for Route {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        let (host, path) = text.split_at(text.find('/').unwrap_or(text.len()));
        parse_host(host)
            .and_then(|host| Ok(Self { host, path: parse_path(path)? }))
            .and_then(|route| if text.is_empty() { Err("it is empty") } else { Ok(route) })
            .map_err(|reason| RouteError { text: text.to_owned(), reason })
    }
}

fn parse_host(text: &str) -> Result<HostPattern, &'static str> {
    if text.is_empty() {
        return Ok(HostPattern::Any);
    }
    match text.strip_prefix("*.") {
        Some(parent) => host_name(parent).map(HostPattern::Below),
        None => address(text).unwrap_or_else(|| host_name(text)).map(HostPattern::Exact),
    }
}

/// An IPv6 address in brackets, as a Host header writes it.
fn address(text: &str) -> Option<Result<String, &'static str>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    Some(match Ipv6Addr::from_str(inner) {
        Ok(address) => Ok(format!("[{address}]")),
        Err(_) => Err("what is in the brackets is no IPv6 address"),
    })
}

fn host_name(text: &str) -> Result<String, &'static str> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.contains("://") || text.contains(':') {
        return Err("a route has no scheme and no port (write HOST, HOST/PATH or /PATH)");
    }
    if text.contains('*') {
        return Err(
            "'*' stands only for the whole left part of a host, as in *.example.com (write /PATH for any host)",
        );
    }
    if !text.chars().all(known) {
        return Err(
            "a host has letters, digits, '-', '_' and '.' (write other names in their xn-- form, and paths with a slash before them)",
        );
    }
    if text.len() > LONGEST_HOST || text.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err("between the dots of a host are 1 to 63 characters, 253 in all");
    }
    Ok(text.to_ascii_lowercase())
}

fn parse_path(text: &str) -> Result<String, &'static str> {
    let path = text.strip_suffix('/').unwrap_or(text);
    if path.len() > LONGEST_PATH {
        return Err("a route's path has at most 255 bytes");
    }
    if path.contains(['?', '#', '%', '*', '\\']) || path.chars().any(char::is_control) {
        return Err("a path is written decoded, without '?', '#', '%', '*', '\\' and control characters");
    }
    match path.split('/').skip(1).find(|segment| matches!(*segment, "" | "." | "..")) {
        Some(_) => Err("a path has no empty, '.' or '..' segments"),
        None => Ok(path.to_owned()),
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostPattern::Any if self.path.is_empty() => f.write_str("/"),
            HostPattern::Any => f.write_str(&self.path),
            HostPattern::Exact(host) => write!(f, "{host}{}", self.path),
            HostPattern::Below(host) => write!(f, "*.{host}{}", self.path),
        }
    }
}

impl TryFrom<String> for Route {
    type Error = RouteError;
    fn try_from(text: String) -> Result<Self, RouteError> {
        text.parse()
    }
}

impl From<Route> for String {
    fn from(route: Route) -> Self {
        route.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> String {
        text.parse::<Route>().unwrap().to_string()
    }

    #[test]
    fn the_canonical_text_is_lower_case_and_has_no_slash_at_its_end() {
        for (text, expected) in [
            ("/", "/"),
            ("/shop", "/shop"),
            ("/shop/", "/shop"),
            ("/Shop/Ünder/a b", "/Shop/Ünder/a b"),
            ("Shop.Example.COM", "shop.example.com"),
            ("shop.example.com.", "shop.example.com"),
            ("shop.example.com/", "shop.example.com"),
            ("shop.example.com/API", "shop.example.com/API"),
            ("*.Example.com/x", "*.example.com/x"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[0:0::1]/x", "[::1]/x"),
        ] {
            assert_eq!(canonical(text), expected);
        }
    }

    #[test]
    fn what_is_not_a_route_is_refused() {
        for bad in [
            "",
            "*",
            "*.",
            "**.a",
            "a.*",
            "*",
            "http://a/b",
            "a:80",
            "a..b",
            ".a",
            "a b",
            "é.com",
            "//",
            "/a//b",
            "/../a",
            "/a/./b",
            "/a?b",
            "/a#b",
            "/a%20b",
            "/a\nb",
            "[::1",
            "[zz]",
            "/*",
        ] {
            assert!(bad.parse::<Route>().is_err(), "{bad:?}");
        }
        assert!(format!("/{}", "a".repeat(255)).parse::<Route>().is_err());
        assert!(format!("{}.com", "a".repeat(64)).parse::<Route>().is_err());
    }

    #[test]
    fn a_name_alone_is_a_route() {
        let route = |key: &str| Route::of(&key.parse().unwrap());
        for (name, expected) in [
            ("index", "/"),
            ("hello", "/hello"),
            ("Shop.example.com", "shop.example.com"),
            ("acme/index", "/acme"),
            ("acme/shop", "/acme/shop"),
            ("acme/shop.example.com", "shop.example.com"),
            ("a.b/shop", "/a.b/shop"),
        ] {
            assert_eq!(route(name).unwrap().to_string(), expected);
        }
        assert!(route("a..b").is_err());
        assert!(route(&format!("{}/{}", "a".repeat(200), "b".repeat(200))).is_err());
    }

    #[test]
    fn a_grant_covers_what_is_below_it() {
        for (grant, inside, outside) in [
            ("/acme", &["/acme", "/acme/x/y"][..], &["/", "/acmes", "/other", "a.com/acme"][..]),
            ("/", &["/", "/x"], &["a.com"]),
            ("a.com", &["a.com", "a.com/x"], &["b.a.com", "*.a.com", "/x", "aa.com"]),
            ("a.com/x", &["a.com/x", "a.com/x/y"], &["a.com", "a.com/xy"]),
            ("*.a.com", &["*.a.com", "b.a.com/x", "*.b.a.com", "c.b.a.com"], &["a.com", "ba.com", "*.ba.com"]),
        ] {
            let covers = |other: &&str| grant.parse::<Route>().unwrap().covers(&other.parse().unwrap());
            assert!(inside.iter().all(covers), "{grant}");
            assert!(!outside.iter().any(covers), "{grant}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_its_text_parses_to_itself(text in "(\\*\\.)?[a-zA-Z0-9.:\\[\\]-]{0,20}(/[a-zA-Z.%é ]{0,5}){0,4}") {
            if let Ok(route) = text.parse::<Route>() {
                prop_assert_eq!(route.to_string().parse::<Route>().unwrap(), route);
            }
        }
    }
}
