//! Whatever headers and target a request has: each variable once, every value a native string, and `get` agrees with
//! `entries`.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Version};
use wasgi::wsgi::environ::{Ends, Environ, Mount, RequestId, Services};
use wasgi::wsgi::{forwarded, path};

/// The first line is the target, every other one `name:value`.
pub(crate) fn run(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let target = path::native(lines.next().unwrap_or_default()).into_owned();
    let mut headers = HeaderMap::new();
    for line in lines.take(100) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&line[colon + 1..])) {
            headers.append(name, value);
        }
    }
    let _ = forwarded::believe(&headers, |ip| ip.is_loopback());
    forwarded::strip(&mut headers);
    assert!(!headers.keys().any(forwarded::is_claim), "a claim that nobody vouches for");
    let environ = environ(target, headers);
    let entries = environ.entries();
    for (at, (name, value)) in entries.iter().enumerate() {
        assert_eq!(environ.get(name).as_deref(), Some(value.as_str()), "{name}");
        assert!(entries[..at].iter().all(|(earlier, _)| earlier != name), "{name} twice");
        assert!(value.chars().all(|c| u32::from(c) < 256), "{name} is no native string");
        assert!(!name.starts_with("HTTP_CONTENT_") || !matches!(&name[13..], "TYPE" | "LENGTH"));
        assert_ne!(name, "HTTP_PROXY");
    }
}

fn environ(target: String, headers: HeaderMap) -> Environ {
    let path_info = path::decode(target.split('?').next().unwrap_or_default().as_bytes());
    assert!(path::bytes(&path_info).is_some());
    Environ {
        method: Method::GET,
        target: target.into(),
        version: Version::HTTP_11,
        headers,
        host: None,
        mount: Mount { script_name: String::new(), path_info },
        ends: Ends { server_port: 80, ..Ends::default() },
        chunked: false,
        run_once: true,
        services: Services { request_id: RequestId(0), application: "a".into(), version: "v".into() },
    }
}
