//! HTTPS by a certificate and its key.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustix::process::Signal;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::link::Link;
use crate::support::site::{Server, Site, run};
use crate::support::{PATIENCE, guests, python, wait_for};

type Tls = Link<StreamOwned<ClientConnection, TcpStream>>;

/// A certificate of `localhost`'s own, written to `cert.pem` and `key.pem`.
fn new_pair(site: &Site) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(file(site, "key.pem"), signing_key.serialize_pem()).unwrap();
    fs::write(file(site, "cert.pem"), cert.pem()).unwrap();
    cert.der().clone()
}

fn file(site: &Site, name: &str) -> PathBuf {
    site.folder().join(name)
}

fn command(site: &Site) -> std::process::Command {
    let mut command = site.command();
    command.arg("--tls-cert").arg(file(site, "cert.pem")).arg("--tls-key").arg(file(site, "key.pem"));
    command
}

fn serving(site: &Site) -> Server {
    site.put("environ.wasm", fs::read(guests::component("environ")).unwrap());
    let server = Server::start(command(site));
    server.out.after(0, "deployed environ (");
    server
}

/// A connection that trusts this certificate alone.
fn connect(
    server: &Server,
    trusted: &CertificateDer<'static>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    Link::over(StreamOwned::new(client, stream))
}

#[test]
fn requests_come_by_https() {
    let site = Site::new();
    let trusted = new_pair(&site);
    let server = serving(&site);
    assert!(server.out.all()[0].starts_with("listening on https://"), "{:?}", server.out.all());
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut client = connect(&server, &trusted, &[version]);
        for _ in 0..2 {
            let response = client.get("/environ/x").unwrap();
            assert_eq!(response.status(), 200);
            for line in ["wsgi.url_scheme=https", "SERVER_PROTOCOL=HTTP/1.1", "REMOTE_ADDR=127.0.0.1", "PATH_INFO=/x"] {
                assert!(response.text().lines().any(|given| given == line), "{line} is not in {}", response.text());
            }
        }
    }
}

#[test]
fn whoever_speaks_no_tls_gets_no_further_and_disturbs_nobody() {
    let site = Site::new();
    let trusted = new_pair(&site);
    let server = serving(&site);
    let mut plain = server.connect();
    let answer = plain.get("/environ");
    assert!(answer.is_err(), "{answer:?}");
    let _silent = server.connect();
    assert_eq!(connect(&server, &trusted, rustls::DEFAULT_VERSIONS).get("/environ").unwrap().status(), 200);
}

#[test]
fn a_pair_that_does_not_fit_is_refused() {
    let site = Site::new();
    new_pair(&site);
    let other = KeyPair::generate().unwrap().serialize_pem();
    let good = fs::read_to_string(file(&site, "cert.pem")).unwrap();
    for (name, content, said) in [
        ("key.pem", other.as_str(), "key.pem"),
        ("key.pem", "nonsense", "key.pem"),
        ("cert.pem", "nonsense", "cert.pem"),
        ("cert.pem", "", "cert.pem"),
    ] {
        new_pair(&site);
        fs::write(file(&site, name), content).unwrap();
        let ended = run(&mut command(&site));
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert_eq!((ended.out.as_str(), ended.err.lines().count()), ("", 1), "{ended:?}");
        assert!(ended.err.contains(said), "{ended:?}");
    }
    assert!(good.contains("BEGIN CERTIFICATE"));
    assert!(!site.state().exists(), "something was started");
}

#[test]
fn the_certificate_is_rotated_by_a_signal() {
    let site = Site::new();
    let first = new_pair(&site);
    let server = serving(&site);
    let mut open = connect(&server, &first, rustls::DEFAULT_VERSIONS);
    assert_eq!(open.get("/environ").unwrap().status(), 200);
    let second = new_pair(&site);
    server.signal(Signal::HUP);
    wait_for("the second certificate", || connect(&server, &second, rustls::DEFAULT_VERSIONS).get("/environ").ok());
    connect(&server, &first, rustls::DEFAULT_VERSIONS).get("/environ").expect_err("the first one is not used any more");
    assert_eq!(open.get("/environ").unwrap().status(), 200, "open connections stay");

    fs::write(file(&site, "key.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let before = server.log.count();
    server.signal(Signal::HUP);
    server.log.find(before, "a complaint", |line| {
        line.contains("the configuration stays as it is") && line.contains("key.pem")
    });
    assert_eq!(connect(&server, &second, rustls::DEFAULT_VERSIONS).get("/environ").unwrap().status(), 200);
}

#[test]
fn an_application_in_python_knows_that_it_came_by_https() {
    if !python::available() {
        return;
    }
    let site = Site::new();
    let trusted = new_pair(&site);
    let project = guests::root().join("examples/wsgi-python");
    site.put("plain.wasm", fs::read(python::validated(&project, "wsgi:application")).unwrap());
    let server = Server::start(command(&site));
    server.out.after(0, "deployed plain (");
    let response = connect(&server, &trusted, rustls::DEFAULT_VERSIONS).get("/plain/scheme").unwrap();
    assert_eq!((response.status(), response.text()), (200, "https"));
}

#[test]
fn a_handshake_that_takes_too_long_is_ended_and_others_go_on() {
    let site = Site::new();
    let trusted = new_pair(&site);
    fs::write(file(&site, "host.toml"), "[connections]\nhandshake = \"2s\"\n").unwrap();
    let mut command = command(&site);
    command.arg("--config").arg(file(&site, "host.toml"));
    let server = Server::start(command);
    // Silence, and half a hello.
    for bytes in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let began = Instant::now();
        assert!(matches!(stream.read(&mut [0; 64]), Ok(0)), "it is closed");
        // The default is 10 s.
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    }
    assert_eq!(connect(&server, &trusted, rustls::ALL_VERSIONS).get("/nothing").unwrap().status(), 404);
}
