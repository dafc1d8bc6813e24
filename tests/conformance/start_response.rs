//! start_response, write and exc_info.

use crate::support::host::guest;
use crate::support::{guests, unique};

#[test]
fn never_called_is_500() {
    let app = guest("never_starts");
    for body in ["none", "empty", "some"] {
        let response = app.get(&format!("/?body={body}")).expect_page(500);
        assert!(!response.text().contains("secret"));
    }
    app.wait_line("no valid call of start_response");
}

#[test]
fn may_come_as_late_as_the_first_chunk() {
    let app = guest("starts_late");
    for target in ["/", "/?after=1", "/?after=5"] {
        let response = app.get(target).expect(200);
        assert_eq!(response.text(), "late", "{target}");
    }
}

#[test]
fn a_second_call_is_an_error_to_the_caller() {
    let response = guest("starts_twice").get("/").expect(200);
    assert_eq!(response.text(), "Err(AlreadyCalled)");
    assert_eq!((response.head.reason.as_str(), response.head.get("x-call")), ("First", Some("first")));
}

#[test]
fn exc_info_replaces_status_and_headers_until_they_are_sent() {
    let app = guest("replaces");
    for when in ["handle", "next"] {
        let response = app.get(&format!("/?when={when}")).expect(503);
        assert_eq!((response.head.reason.as_str(), response.text()), ("Sorry", "sorry"), "{when}");
        assert_eq!((response.head.get("x-first"), response.head.get("x-second")), (None, Some("1")), "{when}");
    }
    app.wait_line("ValueError: secret-of-the-guest");
}

#[test]
fn exc_info_after_the_headers_gives_the_error_back_and_aborts() {
    let (app, tag) = (guest("replaces"), unique());
    let mut client = app.connect();
    client.send(app.request("GET", &format!("/?when=late&tag={tag}")).bytes());
    let response = client.response();
    assert_eq!((response.status(), response.complete, response.text()), (200, false, "partial"));
    client.expect_end();
    app.wait_line(&format!("replaced Err(\"ValueError: secret-of-the-guest\") {tag}"));
    assert_eq!(app.wait_access(&tag).outcome(), "error");
    app.wait_lines(&format!("sent {tag} bytes=7 complete=false"), 1);
}

#[test]
fn an_ignored_abort_stays_an_abort() {
    let (app, tag) = (guest("endings"), unique());
    let response = app.get(&format!("/?end=cut&tag={tag}"));
    assert_eq!((response.status(), response.complete, response.text()), (200, false, "chunk"));
    assert_eq!(app.wait_access(&tag).outcome(), "error");
}

#[test]
fn an_empty_chunk_does_not_send_the_headers() {
    // The headers are replaced after it.
    guest("replaces").get("/?when=next").expect(503);
    // And start_response may come after it.
    guest("starts_late").get("/?after=3").expect(200);
}

#[test]
fn a_refused_head_can_be_given_again() {
    let response = guest("second_try").get("/").expect(200);
    assert!(response.text().contains("X-Bad"), "{}", response.text());
}

#[test]
fn the_first_write_sends_the_headers_even_if_it_is_empty() {
    let app = guest("write_nothing");
    let mut client = app.connect();
    client.send(app.request("POST", "/").header("Content-Length", "1").bytes());
    let head = client.head();
    assert_eq!(head.status, 200);
    client.send("x");
    assert_eq!(client.body_of(head, true).expect(200).text(), "late");
}

#[test]
fn written_bytes_go_out_at_once_and_before_the_iterables() {
    let app = guest("write");
    let mut client = app.connect();
    client.send(app.request("POST", "/").header("Content-Length", "1").bytes());
    client.head();
    // The application waits for the body, and this is here already.
    assert_eq!(client.chunk().unwrap(), b"one,");
    client.expect_nothing_yet();
    client.send("x");
    let mut rest = Vec::new();
    while let Some(chunk) = client.chunk().filter(|chunk| !chunk.is_empty()) {
        rest.push(chunk);
    }
    assert_eq!(rest, [&b"two,"[..], b"three,", b"four"]);
}

#[test]
fn written_bytes_can_be_the_whole_body() {
    let app = guest("write_only");
    assert_eq!(app.get("/").expect(200).text(), "one,two");
    assert_eq!(app.get("/?length=7").expect(200).head.get("content-length"), Some("7"));
    assert!(app.request("HEAD", "/").send().expect(200).body.is_empty());
}

#[test]
fn a_write_before_start_response_is_refused() {
    assert_eq!(guest("write_unstarted").get("/").expect(200).text(), "Err(NotStarted)");
}

#[test]
fn a_second_result_is_an_error_and_changes_nothing() {
    let app = guest("late_calls");
    let mut client = app.connect();
    let mut ends = vec![("", 200, "all"), ("&end=empty", 200, ""), ("&end=error", 500, "")];
    // In Python, write is what start_response gives.
    ends.extend((!guests::is_python("late_calls")).then_some(("&end=unset", 500, "")));
    for (end, status, text) in ends {
        let query = format!("{}{end}", unique());
        let response = client.send(app.request("GET", &format!("/?{query}")).bytes()).response();
        assert_eq!(response.status(), status, "{end}");
        assert!(status == 500 || response.text() == text, "{response:?}");
        for when in ["close", "sent"] {
            let line = app.wait_line(&format!("{query} {when}:"));
            assert!(line.contains("Err(AlreadyCalled) Err(Finished)"), "{line}");
        }
    }
}
