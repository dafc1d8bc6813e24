//! Whatever routes there are and whatever is asked for: the table answers as a plain search would.

use wasgi::apps::{HostPattern, Route, Routes};

/// The first line is the host, the second the path, every other one a route.
pub(crate) fn run(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let host = lines.next().unwrap_or_default();
    let path = lines.next().unwrap_or_default();
    let Ok(host) = std::str::from_utf8(host) else { return };
    let (host, path) = (host.to_ascii_lowercase(), [b"/", path].concat());
    let texts = lines.take(50).filter_map(|line| std::str::from_utf8(line).ok());
    let routes: Vec<Route> = texts.filter_map(|text| text.parse().ok()).collect();
    let mut table = Routes::default();
    for route in &routes {
        table.insert(route, route.to_string());
        assert_eq!(route.to_string().parse().as_ref(), Ok(route), "a route's text is the route");
    }
    let found = table.lookup(Some(&host), &path);
    if let Some(found) = &found {
        let mount = &path[..found.mount];
        assert!(matches!(path.get(found.mount), None | Some(b'/')), "a mount ends on a segment's boundary");
        let route: Route = found.app.parse().expect("its own text");
        assert_eq!(mount, route.path().trim_end_matches('/').as_bytes());
        let longer = |other: &&Route| {
            other.host() == route.host() && other.path().len() > route.path().len() && leads(other.path(), &path)
        };
        assert_eq!(routes.iter().find(longer), None, "a longer route goes first");
    }
    let exact = |route: &&Route| {
        matches!(route.host(), HostPattern::Exact(name) if *name == host.trim_end_matches('.'))
            && leads(route.path(), &path)
    };
    if let (Some(route), false) = (routes.iter().find(exact), host.ends_with("..")) {
        assert!(found.is_some(), "{route} is there for {host:?}");
    }
}

fn leads(route: &str, path: &[u8]) -> bool {
    let mount = route.trim_end_matches('/').as_bytes();
    path.starts_with(mount) && matches!(path.get(mount.len()), None | Some(b'/'))
}
