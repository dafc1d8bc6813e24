//! Route patterns as a manifest writes them: `HOST`, `HOST/PATH` or `/PATH`, where HOST may be `*.example.com`.
//!
//! Pure: parses and prints. What a request matches is `table`'s.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::AppName;

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
    /// The route of an application whose manifest gives none: `index` is `/`, a name with a dot is a host,
    /// any other name a path on every host that nobody claims.
    ///
    /// # Errors
    /// Where the name has a dot and is no host name, such as `a..b`.
    pub fn of_name(name: &AppName) -> Result<Self, RouteError> {
        match name.as_str() {
            "index" => "/".parse(),
            host if host.contains('.') => host.parse(),
            segment => format!("/{segment}").parse(),
        }
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
        for (name, route) in [("index", "/"), ("hello", "/hello"), ("Shop.example.com", "shop.example.com")] {
            assert_eq!(Route::of_name(&AppName::new(name).unwrap()).unwrap().to_string(), route);
        }
        assert!(Route::of_name(&AppName::new("a..b").unwrap()).is_err());
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
