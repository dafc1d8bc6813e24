//! What an application is told of a request.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use crate::support::PATIENCE;
use crate::support::host::{App, Host, guest};
use crate::support::response::Response;

/// The variables of a response of the guest `environ`; values are native strings.
pub(crate) fn variables(response: &Response) -> BTreeMap<String, String> {
    let text: String = response.body.iter().copied().map(char::from).collect();
    assert!(!text.is_empty(), "a value is no native string");
    let pairs: Vec<_> = text.lines().map(|line| line.split_once('=').unwrap()).collect();
    let variables: BTreeMap<_, _> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(variables.len(), pairs.len(), "a name comes twice: {pairs:?}");
    variables
}

/// The variables of a request with these header lines.
fn with_headers(lines: &str) -> BTreeMap<String, String> {
    of(format!("GET / HTTP/1.1\r\nHost: environ.test\r\n{lines}\r\n"))
}

/// The variables of a request of these bytes.
fn of(request: impl AsRef<[u8]>) -> BTreeMap<String, String> {
    let mut client = guest("environ").connect();
    variables(&client.send(request).response().expect(200))
}

fn target(app: &App, target: &str) -> BTreeMap<String, String> {
    variables(&app.get(target).expect(200))
}

fn get<'a>(variables: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    variables.get(name).unwrap_or_else(|| panic!("no {name} in {variables:#?}"))
}

#[test]
fn each_request_has_an_environ_of_its_own() {
    let app = guest("environ");
    let mut client = app.connect();
    client.send(app.request("GET", "/first?a").header("X-First", "1").bytes());
    let first = variables(&client.response().expect(200));
    client.send(app.request("GET", "/second").header("X-Second", "2").bytes());
    let second = variables(&client.response().expect(200));
    assert_eq!((get(&first, "HTTP_X_FIRST"), get(&second, "HTTP_X_SECOND")), ("1", "2"));
    assert!(!second.contains_key("HTTP_X_FIRST") && get(&second, "QUERY_STRING").is_empty());
    assert_ne!(get(&first, "wasgi.request_id"), get(&second, "wasgi.request_id"));
}

#[test]
fn bytes_of_headers_and_paths_are_code_points_of_native_strings() {
    let mut request = b"GET /%ff/caf%C3%A9 HTTP/1.1\r\nHost: environ.test\r\nX-Bytes: ".to_vec();
    request.extend(0x80..=0xff_u8);
    request.extend(b"\r\nX-Tab: a\tb\r\n\r\n");
    let seen = of(request);
    assert_eq!(get(&seen, "HTTP_X_BYTES"), ('\u{80}'..='\u{ff}').collect::<String>());
    assert_eq!(get(&seen, "PATH_INFO"), "/\u{ff}/caf\u{c3}\u{a9}");
    assert_eq!(get(&seen, "HTTP_X_TAB"), "a\tb");
}

#[test]
fn the_method_is_as_sent() {
    let app = guest("environ");
    for method in ["GET", "get", "pOsT", "PROPFIND", "M-SEARCH", "X!#$%&'*+-.^_`|~9"] {
        let seen = variables(&app.request(method, "/").send().expect(200));
        assert_eq!(get(&seen, "REQUEST_METHOD"), method);
    }
}

#[test]
fn the_path_is_decoded_exactly_once() {
    let app = guest("environ");
    for (raw, path) in [
        ("/", "/"),
        ("/a%20b", "/a b"),
        ("/a+b;c=d", "/a+b;c=d"),
        ("/a%2Fb", "/a/b"),
        ("/%252F", "/%2F"),
        ("/a/../b/./c//d", "/a/../b/./c//d"),
        ("/%2e%2e/", "/../"),
        ("/100%", "/100%"),
        ("/%zz%4", "/%zz%4"),
        ("//environ.test/x", "//environ.test/x"),
    ] {
        let seen = target(&app, raw);
        assert_eq!((get(&seen, "SCRIPT_NAME"), get(&seen, "PATH_INFO")), ("", path), "{raw}");
        assert_eq!((get(&seen, "REQUEST_URI"), get(&seen, "RAW_URI")), (raw, raw));
    }
}

#[test]
fn a_mount_splits_the_path_at_a_segment() {
    let host = Host::shared();
    let mounted = "routes = [\"mounts.test\", \"mounts.test/api\", \"mounts.test/caf\u{e9}\"]";
    host.deploy_as("environ", "mounts", mounted);
    host.deploy_as("ignores", "mounts-deeper", "routes = [\"mounts.test/api/deeper\"]");
    let ask = |raw: &str| {
        let mut client = host.connect();
        client.send(format!("GET {raw} HTTP/1.1\r\nHost: mounts.test\r\n\r\n")).response().expect(200)
    };
    for (raw, script_name, path_info) in [
        ("/", "", "/"),
        ("/api", "/api", ""),
        ("/api/", "/api", "/"),
        ("/api/x", "/api", "/x"),
        ("/apix", "", "/apix"),
        ("/a%70i/x", "/api", "/x"),
        ("/api%2Fx", "/api", "/x"),
        ("/API/x", "", "/API/x"),
        ("//api/x", "", "//api/x"),
        ("/x/../api/y", "", "/x/../api/y"),
        ("/caf%C3%A9/x", "/caf\u{c3}\u{a9}", "/x"),
        ("/api/deeperx", "/api", "/deeperx"),
    ] {
        let seen = variables(&ask(raw));
        assert_eq!((get(&seen, "SCRIPT_NAME"), get(&seen, "PATH_INFO")), (script_name, path_info), "{raw}");
        assert_eq!(get(&seen, "REQUEST_URI"), raw);
    }
    assert_eq!(ask("/api/deeper/x").text(), "/x", "the longest mount wins");
}

#[test]
fn the_query_is_not_decoded_and_always_there() {
    let app = guest("environ");
    for (raw, query) in [("/", ""), ("/?", ""), ("/?a=%20&b=+", "a=%20&b=+"), ("/?a?b", "a?b"), ("/?%ff", "%ff")] {
        assert_eq!(get(&target(&app, raw), "QUERY_STRING"), query, "{raw}");
    }
    assert_eq!(get(&target(&app, "/a%3Fb"), "PATH_INFO"), "/a?b");
}

#[test]
fn content_type_and_length_are_there_only_when_sent() {
    let app = guest("environ");
    for method in ["GET", "POST"] {
        let bare = variables(&app.request(method, "/").send().expect(200));
        let invented = bare.keys().find(|name| name.contains("CONTENT"));
        assert_eq!(invented, None, "{method}");
    }
    let seen = variables(&app.request("POST", "/").header("Content-Type", "a/b").body("12345").send().expect(200));
    assert_eq!((get(&seen, "CONTENT_TYPE"), get(&seen, "CONTENT_LENGTH")), ("a/b", "5"));
    assert!(!seen.contains_key("HTTP_CONTENT_TYPE") && !seen.contains_key("HTTP_CONTENT_LENGTH"));
    let empty = variables(&app.request("POST", "/").body("").send().expect(200));
    assert_eq!(get(&empty, "CONTENT_LENGTH"), "0");
}

#[test]
fn repeated_headers_are_joined_in_order() {
    let seen = with_headers("X-A: 1\r\nCookie: a=1\r\nx-a: 2\r\nCookie: b=2\r\nX-A: 3,4\r\nX-Empty:\r\n");
    assert_eq!(get(&seen, "HTTP_X_A"), "1,2,3,4");
    assert_eq!(get(&seen, "HTTP_COOKIE"), "a=1; b=2");
    assert_eq!(get(&seen, "HTTP_X_EMPTY"), "");
}

#[test]
fn names_that_pass_for_others_are_dropped() {
    let seen = with_headers("X_Auth: forged\r\nX-Real: 1\r\nX_Real: 2\r\nProxy: http://evil\r\n_: x\r\n");
    assert_eq!(get(&seen, "HTTP_X_REAL"), "1");
    for absent in ["HTTP_X_AUTH", "HTTP_PROXY", "HTTP__"] {
        assert!(!seen.contains_key(absent), "{absent}");
    }
    let forged = with_headers("Content_Length: 7\r\nContent_Type: x\r\nwsgi.input: x\r\n");
    assert!(!forged.contains_key("CONTENT_LENGTH") && !forged.contains_key("wsgi.input"));
}

#[test]
fn the_servers_name_and_port_are_never_empty() {
    let host = Host::shared();
    host.deploy("environ");
    let port = host.address().port().to_string();
    let seen = of("GET / HTTP/1.1\r\nHost: ENVIRON.test:8888\r\n\r\n");
    assert_eq!((get(&seen, "SERVER_NAME"), get(&seen, "SERVER_PORT")), ("environ.test", port.as_str()));
    assert_eq!(get(&seen, "HTTP_HOST"), "ENVIRON.test:8888");

    host.deploy_as("environ", "environ-anywhere", "routes = [\"/environ-anywhere\"]");
    let mut client = host.connect();
    let seen = variables(&client.send("GET /environ-anywhere HTTP/1.0\r\n\r\n").response().expect(200));
    assert_eq!((get(&seen, "SERVER_NAME"), get(&seen, "SERVER_PORT")), ("127.0.0.1", port.as_str()));
    assert!(!seen.contains_key("HTTP_HOST"));
}

#[test]
fn an_absolute_target_overrides_host() {
    let seen = of("GET http://Environ.test:81/a%20b?c HTTP/1.1\r\nHost: other.test\r\n\r\n");
    assert_eq!((get(&seen, "PATH_INFO"), get(&seen, "QUERY_STRING")), ("/a b", "c"));
    assert_eq!((get(&seen, "HTTP_HOST"), get(&seen, "SERVER_NAME")), ("Environ.test:81", "environ.test"));
}

#[test]
fn protocol_and_peer_are_the_connections() {
    let app = guest("environ");
    for (version, sent) in [("HTTP/1.1", "HTTP/1.1"), ("HTTP/1.0", "HTTP/1.0")] {
        let mut client = app.connect();
        client.send(format!("GET / {sent}\r\nHost: environ.test\r\n\r\n"));
        let seen = variables(&client.response().expect(200));
        assert_eq!(get(&seen, "SERVER_PROTOCOL"), version);
        let peer = client.local();
        assert_eq!(
            (get(&seen, "REMOTE_ADDR"), get(&seen, "REMOTE_PORT")),
            ("127.0.0.1", peer.port().to_string().as_str())
        );
    }
}

#[test]
fn what_wsgi_says_of_the_instance_is_true() {
    let fresh = target(&guest("environ"), "/");
    for (name, value) in [
        ("wsgi.version", "1.0"),
        ("wsgi.url_scheme", "http"),
        ("wsgi.multithread", "false"),
        ("wsgi.multiprocess", "true"),
        ("wsgi.run_once", "true"),
        ("wsgi.input_terminated", "true"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
    ] {
        assert_eq!(get(&fresh, name), value, "{name}");
    }
    let reused = Host::shared().deploy_as("environ", "environ-reused", "[instances]\nreuse = true");
    assert_eq!(get(&target(&reused, "/"), "wsgi.run_once"), "false");
}

#[test]
fn the_scheme_is_https_under_tls() {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&cert, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let [cert, key] = [&cert, &key].map(|path| path.to_str().unwrap());
    let host = Host::options().arguments(["--tls-cert", cert, "--tls-key", key]).start();
    assert!(host.said()[0].starts_with("listening on https://"));
    let app = host.deploy("environ");

    let mut roots = rustls::RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let tls = rustls::ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let mut stream = rustls::StreamOwned::new(tls, TcpStream::connect(host.address()).unwrap());
    stream.sock.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&app.request("GET", "/").header("Connection", "close").bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    for expected in
        ["HTTP/1.1 200 OK\r\n", "wsgi.url_scheme=https\n", "SERVER_NAME=environ.test\n", "REMOTE_ADDR=127.0.0.1\n"]
    {
        assert!(answer.contains(expected), "{expected:?} in {answer}");
    }
}

#[test]
fn the_hosts_services_have_a_prefix_of_their_own() {
    let app = guest("environ");
    let response = app.get("/services-of-the-host");
    let seen = variables(&response);
    let line = app.wait_access("/services-of-the-host");
    assert_eq!(get(&seen, "wasgi.application"), "environ");
    assert_eq!(get(&seen, "wasgi.version"), line.get("version"));
    assert_eq!(get(&seen, "wasgi.request_id"), line.get("request"));
    let granted: Vec<_> = seen.keys().filter(|name| name.starts_with("wasgi.")).collect();
    assert_eq!(granted, ["wasgi.application", "wasgi.request_id", "wasgi.version"]);
}
