//! What an application may send as status and headers.

use crate::support::host::guest;

/// A native string in a query: each code point below 256 is its UTF-8, percent-encoded.
fn quoted(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn a_status_is_three_digits_a_space_and_a_reason() {
    let app = guest("status");
    let bad = [
        "",
        "200",
        "200 ",
        "20 OK",
        "2000 OK",
        "abc OK",
        "99 Low",
        "0 Zero",
        "000 Zero",
        "099 Low",
        "600 High",
        "999 Max",
        "-20 OK",
        "+20 OK",
        " 200 OK",
        "200\tOK",
        "200 O\rK",
        "200 O\nK",
        "200 O\r\nX-Split: 1",
        "200 O\0K",
        "200 O\x7fK",
        "200 \u{20ac}",
        "2\u{0660}0 OK",
    ];
    let mut client = app.connect();
    for status in bad {
        let request = app.request("GET", &format!("/?status={}", quoted(status))).bytes();
        client.send(request).response().expect_page(500);
    }
    for (status, code, reason) in [
        ("200 OK", 200, "OK"),
        ("200 Fine by me", 200, "Fine by me"),
        ("299 Odd", 299, "Odd"),
        ("418 I'm a teapot", 418, "I'm a teapot"),
        ("404 Caf\u{e9}", 404, "Caf\u{e9}"),
        ("599 Last", 599, "Last"),
    ] {
        let request = app.request("GET", &format!("/?status={}", quoted(status))).bytes();
        let response = client.send(request).response().expect(code);
        assert_eq!((response.head.reason.as_str(), response.text()), (reason, "text"));
    }
    app.wait_line("is not three digits, a space and a reason");
}

#[test]
fn a_header_cant_split_the_response() {
    let app = guest("headers");
    let mut client = app.connect();
    for value in ["a\r\nSet-Cookie: evil=1", "a\nb", "a\rb", "a\0b", "\r\n\r\n<script>", "a\x7f", "a\x01b", "\u{20ac}"]
    {
        let request = app.request("GET", &format!("/?X-Value={}", quoted(value))).bytes();
        client.send(request).response().expect_page(500);
    }
    for name in ["", "a b", "a:b", "a\r\nb", "a\0", "caf\u{e9}", "(a)", "a\tb", "\u{20ac}"] {
        let request = app.request("GET", &format!("/?{}=x", quoted(name))).bytes();
        client.send(request).response().expect_page(500);
    }
    app.wait_line("start_response was refused: header X-Value");
    app.wait_line("is not a token");
}

#[test]
fn header_values_keep_their_bytes() {
    let app = guest("headers");
    let response =
        app.get(&format!("/?X-Value={}&X-Tab={}", quoted("caf\u{e9} \u{ff}\u{80}"), quoted("a\tb"))).expect(200);
    assert_eq!(response.head.get("x-value"), Some("caf\u{e9} \u{ff}\u{80}"));
    assert_eq!(response.head.get("x-tab"), Some("a\tb"));
}

#[test]
fn hop_by_hop_headers_are_the_hosts() {
    let app = guest("headers");
    for name in [
        "Connection",
        "keep-alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "UPGRADE",
        "Proxy-Connection",
    ] {
        let mut client = app.connect();
        client.send(app.request("GET", &format!("/?{name}=close")).bytes()).response().expect_page(500);
        client.send(app.request("GET", "/?X-Good=1").bytes()).response().expect(200);
    }
    app.wait_line("is hop-by-hop");
}

#[test]
fn a_content_length_is_one_number() {
    let app = guest("headers");
    for value in ["", "-1", "+4", "4,4", "0x4", "4 4", "four", "99999999999999999999999"] {
        app.get(&format!("/?Content-Length={}", quoted(value))).expect_page(500);
    }
    app.get("/?Content-Length=4&Content-Length=4").expect_page(500);
    app.get("/?Content-Length=4").expect(200);
}

#[test]
fn repeated_headers_and_their_order_are_kept() {
    let app = guest("headers");
    let response = app.get("/?Set-Cookie=a%3D1&X-A=1&Set-Cookie=b%3D2&X-B=2&set-cookie=c%3D3").expect(200);
    let cookies: Vec<_> = response.head.all("set-cookie").collect();
    assert_eq!(cookies, ["a=1", "b=2", "c=3"]);
}

#[test]
fn date_and_server_are_added_only_if_absent() {
    let app = guest("headers");
    let ours = app.get("/?X-A=1").expect(200).head;
    assert!(ours.get("server").unwrap().starts_with("wasgi/"));
    assert!(ours.get("date").unwrap().ends_with(" GMT"));
    let theirs = app.get("/?Server=own&Date=Thu,%2001%20Jan%201970%2000:00:00%20GMT").expect(200).head;
    assert_eq!(theirs.all("server").collect::<Vec<_>>(), ["own"]);
    assert_eq!(theirs.all("date").collect::<Vec<_>>(), ["Thu, 01 Jan 1970 00:00:00 GMT"]);
}

#[test]
fn too_many_or_too_large_headers_are_500() {
    let app = guest("headers");
    let many: Vec<_> = (0..300).map(|n| format!("X{n}=1")).collect();
    app.get(&format!("/?{}", many.join("&"))).expect_page(500);
}
