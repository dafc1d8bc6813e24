//! What a guest that speaks the lean form itself may get wrong. That it is the same contract, all other modules show: their
//! guests have this form.

use crate::support::host::{guest, guest_as};
use crate::support::unique;

#[test]
fn more_without_a_body_is_the_applications_fault() {
    let app = guest("lean_lies");
    app.get("/?what=more").expect_page(500);
    app.wait_line("there is no body to ask for more");
}

#[test]
fn a_head_that_no_sdk_has_checked_is_refused() {
    let app = guest("lean_lies");
    let response = app.get("/?what=split").expect_page(500);
    assert_eq!(response.head.get("set-cookie"), None);
    app.wait_line("start_response was refused: header X-Value");
}

#[test]
fn a_head_after_the_first_bytes_cuts_the_response() {
    let (app, tag) = (guest("lean_lies"), unique());
    let response = app.get(&format!("/?what=late&tag={tag}"));
    assert_eq!((response.status(), response.head.get("x-value")), (200, Some("first")));
    assert!(!response.complete && response.text() == "text", "{response:?}");
    assert_eq!(app.wait_access(&tag).outcome(), "error");
}

#[test]
fn pieces_of_a_text_hold_no_more_than_they_can() {
    let app = guest("lean_lies");
    assert_eq!(app.get("/?what=pieces").expect(200).text(), "0 0");
    let xs = "x".repeat(112);
    assert!(app.wait_line(&format!("errors {xs}")).ends_with(&format!("{xs}yyy")));
    app.wait_line(&format!("host {} more bytes were dropped", 112_000 - 65_536));
    assert!(app.wait_line("stderr ppp").ends_with(&format!("stderr {}", "p".repeat(112))));
}

#[test]
fn a_text_without_an_end_ends_with_its_request() {
    let app = guest_as("lean_lies", "lean-lies-kept", "[instances]\nreuse = true");
    for _ in 0..2 {
        app.get("/?what=unended").expect(200);
    }
    let us = "u".repeat(112);
    let lines = app.wait_lines(&us, 2);
    assert!(lines.iter().all(|line| line.ends_with(&format!("errors {us}"))), "{lines:?}");
}
