//! Tenants, from outside: what one uses beyond its quota costs itself, and a neighbour doesn't notice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test says what is wrong by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod bytes;
mod ceilings;
mod clients;
mod fairness;
mod memory;
mod reload;
mod requests;

use std::fs;
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::Value;

use support::guests;
use support::link::Link;
use support::response::Response;
use support::site::{Server, Site, run, wasgi};

/// A server of a directory with tenants' folders, with a configuration.
struct Hosted {
    site: Site,
    server: Server,
}

/// Starts a server with `config`; each of `apps` is a file without its extension, a guest and a manifest.
#[track_caller]
fn hosted(config: &str, apps: &[(&str, &str, &str)]) -> Hosted {
    let site = Site::new();
    for app in apps {
        deploy(&site, app);
    }
    let file = site.folder().join("host.toml");
    fs::write(&file, config).expect("a configuration");
    let mut command = site.command();
    command.arg("--config").arg(file);
    let server = Server::start(command);
    for (app, ..) in apps {
        let line =
            server.out.find(0, app, |line| [" (", ": "].iter().any(|end| line.contains(&format!("ed {app}{end}"))));
        assert!(line.starts_with("deployed "), "{line}");
    }
    Hosted { site, server }
}

fn deploy(site: &Site, (app, guest, manifest): &(&str, &str, &str)) {
    site.put(&format!("{app}.toml"), manifest);
    site.put(&format!("{app}.wasm"), fs::read(guests::component(guest)).expect("a component"));
}

impl Hosted {
    /// Puts another configuration in force.
    #[track_caller]
    fn reload(&self, config: &str) {
        fs::write(self.site.folder().join("host.toml"), config).expect("a configuration");
        let before = self.server.log.count();
        self.server.signal(Signal::HUP);
        self.server.log.find(before, "the reload", |line| line.contains("read again and in force"));
        // It is another thread that puts it in force, and answers this when it has.
        self.status();
    }

    fn status(&self) -> Value {
        let ended = run(wasgi().args(["status", "--json", "--state"]).arg(self.site.state()));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        serde_json::from_str(&ended.out).expect("JSON")
    }

    /// A tenant, as `status` has it.
    fn tenant(&self, name: &str) -> Value {
        let status = self.status();
        let tenants = status["tenants"].as_array().expect("a list");
        tenants.iter().find(|one| one["tenant"] == name).unwrap_or_else(|| panic!("no {name} in {tenants:#?}")).clone()
    }

    /// An application, as `status` has it.
    fn app(&self, key: &str) -> Value {
        let (tenant, name) = key.split_once('/').unwrap_or(("default", key));
        let status = self.status();
        let apps = status["applications"].as_array().expect("a list");
        let found = apps.iter().find(|app| app["tenant"] == tenant && app["application"] == name);
        found.unwrap_or_else(|| panic!("no {key} in {apps:#?}")).clone()
    }

    /// A request that runs until [`finish`] is called: the guest `lockstep` waits for the rest of its body.
    #[track_caller]
    fn begin(&self, target: &str) -> Link<TcpStream> {
        let mut link = self.post(target);
        assert_eq!(link.head().expect("a head").status, 200);
        assert_eq!(link.piece().expect("a chunk").expect("a chunk"), b"1\n");
        link
    }

    /// Half of a request, whose answer hasn't been looked at.
    fn post(&self, target: &str) -> Link<TcpStream> {
        let mut link = self.server.connect();
        let head = format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n1\n");
        link.send(head.as_bytes()).expect("a request");
        link
    }
}

/// Lets a request of [`Hosted::begin`] come to its end.
#[track_caller]
fn finish(mut link: Link<TcpStream>) {
    link.send(b"2\n").expect("a body");
    while link.piece().expect("a chunk").is_some() {}
}

/// A response that is the host's refusal for want of room.
#[track_caller]
fn refused(response: &Response) -> u64 {
    assert_eq!(response.status(), 503, "{}", response.text());
    response.head.get("retry-after").expect("Retry-After").parse().expect("seconds")
}
