//! Files as bodies: `wsgi.file_wrapper`, which applications in Python have.

use std::fs;

use crate::support::host::{App, guest};
use crate::support::{guests, unique};

/// The guest that answers with its own source; none where Python projects can't be built.
fn app() -> Option<App> {
    guests::is_python("file_wrapper").then(|| guest("file_wrapper"))
}

#[test]
fn a_file_is_sent_in_pieces_and_closed() {
    let Some(app) = app() else { return };
    let source = fs::read(guests::root().join("tests/python-guests/guests/file_wrapper.py")).unwrap();
    let tag = unique();
    let mut client = app.connect();
    client.send(app.request("GET", &format!("/?each=100&tag={tag}")).bytes());
    assert_eq!(client.head().status, 200);
    let pieces: Vec<_> = std::iter::from_fn(|| client.chunk().filter(|piece| !piece.is_empty())).collect();
    assert!(pieces.iter().rev().skip(1).all(|piece| piece.len() == 100), "each is sent as it is read");
    assert_eq!(pieces.concat(), source);
    assert_eq!(app.wait_access(&tag).outcome(), "ok");
    app.wait_lines(&format!("closed {tag}"), 1);
    let sent = app.wait_lines(&format!("sent {tag}"), 1);
    assert!(sent[0].contains(&format!("bytes={} complete=true", source.len())), "{sent:?}");
}

#[test]
fn a_file_is_closed_when_its_client_leaves() {
    let Some(app) = app() else { return };
    let tag = unique();
    let mut client = app.connect();
    client.send(app.request("GET", &format!("/?each=64&end=never&tag={tag}")).bytes());
    client.head();
    assert_eq!(client.chunk().unwrap().len(), 64);
    drop(client);
    app.wait_line(&format!("closed {tag}"));
    assert_eq!(app.wait_access(&tag).outcome(), "client_gone");
    app.wait_lines(&format!("closed {tag}"), 1);
    let sent = app.wait_lines(&format!("sent {tag}"), 1);
    assert!(sent[0].ends_with("complete=false"), "{sent:?}");
}
