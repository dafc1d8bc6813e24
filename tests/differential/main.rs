//! The same requests to the Flask and the Django example under wasgi and under gunicorn: status, headers and bytes have
//! to be the same, but for what `permitted` lists. `cargo test --test differential` prints how many cases there are, how
//! many responses differ and why.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test says what is wrong by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod django;
mod flask;
mod permitted;
mod request;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;

use permitted::RULES;
use request::{Request, Visitor};
use support::host::Host;
use support::reference::{Environment, Reference};
use support::{guests, python};

/// Requests that follow one another, as a browser makes them: with the cookies of the responses before.
type Case = Vec<Request>;

/// The key that both servers sign cookies with.
const KEY: (&str, &str) = ("SECRET_KEY", "the same on both sides");

#[test]
fn flask_answers_as_it_does_natively() {
    compare("flask", "app:app", flask::cases, "");
}

/// One instance, as gunicorn has one process: what was written to the database is there for the next request.
#[test]
fn django_answers_as_it_does_natively() {
    let one = "[instances]\nreuse = true\nmax_requests = 1000000\nmax_memory = \"120MiB\"\n[limits]\nin_flight = 1\n";
    compare("django", "guestbook.wsgi:application", django::cases, one);
}

#[track_caller]
fn compare(example: &str, app: &str, cases: fn() -> Vec<Case>, manifest: &str) {
    if !python::available() {
        return;
    }
    let project = guests::root().join("examples").join(example);
    let host = Host::options().start();
    let manifest = format!("routes = [\"/\"]\n{manifest}[env]\n{} = {:?}\n", KEY.0, KEY.1);
    host.deploy_component(&python::built(&project), example, &manifest);
    let environment = Environment::ready(guests::root(), guests::target_dir()).unwrap();
    let reference = Reference::start(&environment, &project, app, &[KEY], &[]).unwrap();

    let (mut responses, mut same, mut by_rule, mut unexplained) = (0, 0, [0; RULES.len()], String::new());
    let cases = cases();
    for case in &cases {
        let visit = |address: SocketAddr| {
            let mut visitor = Visitor::of(address);
            case.iter().map(|request| (visitor.sends(request), visitor.gets())).collect::<Vec<_>>()
        };
        for ((bytes, mut ours), (_, mut theirs)) in visit(host.address()).into_iter().zip(visit(reference.address)) {
            responses += 1;
            let unframed = theirs.header("transfer-encoding").is_some();
            same += usize::from(ours == theirs);
            for (rule, count) in RULES.iter().zip(&mut by_rule) {
                *count += usize::from((rule.take)(&mut ours, unframed) != (rule.take)(&mut theirs, unframed));
            }
            if ours != theirs {
                let request = bytes[..bytes.len().min(300)].escape_ascii();
                let _ = writeln!(unexplained, "{request}\n  wasgi:    {ours}\n  gunicorn: {theirs}\n");
            }
        }
    }
    let mut summary = format!("{example}: {} cases, {responses} responses, {same} the same", cases.len());
    for (rule, count) in RULES.iter().zip(by_rule).filter(|(_, count)| *count > 0) {
        let _ = write!(summary, "\n  {count} differ in {}: {}", rule.what, rule.why);
    }
    let count = unexplained.matches("  wasgi:").count();
    let _ = write!(summary, "\n  {count} differ without a reason");
    // Not by a macro: what tests print so is shown of those that fail alone.
    let _ = writeln!(std::io::stderr(), "{summary}");
    let told = guests::target_dir().join(format!("differential-{example}.txt"));
    fs::write(&told, format!("{summary}\n\n{unexplained}")).unwrap();
    assert!(unexplained.is_empty(), "{summary}\n{unexplained}");
    assert!(responses > 150, "{summary}");
}
