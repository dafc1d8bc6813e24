//! start_response and exc_info.

use crate::support::host::guest;

#[test]
fn never_called_is_500() {
    let app = guest("never_starts");
    for body in ["none", "empty", "some"] {
        let response = app.get(&format!("/?body={body}")).expect_page(500);
        assert!(!response.text().contains("secret"));
    }
    app.wait_line("no valid call of start_response");
}
