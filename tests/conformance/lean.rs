//! What a guest that speaks the lean form itself may get wrong. That it is the same contract, all other modules show: their
//! guests have this form.

use crate::support::host::guest;
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
