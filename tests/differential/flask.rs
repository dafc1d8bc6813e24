//! Requests to the Flask example.

use super::Case;
use super::request::{Request, form, get, post, request};

const JSON: &str = "application/json";
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];
const PATHS: [&str; 14] = [
    "/",
    "/hello/Ada",
    "/form",
    "/api/items",
    "/api/items/1",
    "/api/items/99",
    "/stream?n=3&ms=0",
    "/visits",
    "/leave",
    "/error",
    "/none",
    "/static/style.css",
    "/static/none.css",
    "/static/",
];
/// Below `/hello/`.
const NAMES: [&str; 36] = [
    "a+b",
    "a;b",
    "a;b=c",
    "a,b",
    "a:b",
    "a@b",
    "a=b",
    "a&b",
    "a!b",
    "a'b",
    "(a)",
    "a*b",
    "a~b",
    "a$b",
    "a%20b",
    "a%2Fb",
    "a%2fb",
    "a/b",
    "a%3Fb",
    "a%23b",
    "a%25b",
    "a%2525b",
    "%41da",
    "Zo%C3%AB",
    "Zo%c3%ab",
    "%E2%82%AC",
    "%F0%9F%90%8D",
    "%FF",
    "%C3",
    "%C0%AF",
    "%ED%A0%80",
    "%3Cb%3E%22%26%27",
    "%0A",
    "%0D%0AX%3A1",
    ".",
    "..",
];
const TARGETS: [&str; 24] = [
    "//",
    "//hello/Ada",
    "/hello//Ada",
    "/hello/",
    "/hello",
    "/HELLO/Ada",
    "/form/",
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/static//style.css",
    "/?",
    "/??",
    "/?a=b&a=c",
    "/stream?n=0",
    "/stream?n=1&ms=0",
    "/stream?n=1&n=3&ms=0",
    "/stream?n=abc&ms=0",
    "/stream?n=%31&ms=0",
    "/stream?n=+2&ms=0",
    "/stream?n=-1&ms=0",
    "/stream?ms=0;n=2",
    "/stream?n=2&ms=0&%FF=%FF",
    "/stream?n=100&ms=0",
    "/api/items/01",
];
/// Bodies of a form.
const FORMS: [&str; 16] = [
    "",
    "text=",
    "text",
    "text=a",
    "text=a&text=b",
    "text=a+b%20c",
    "text=caf%C3%A9",
    "text=%FF%FE",
    "text=%zz",
    "text=a%26b%3Dc",
    "text=a;text=b",
    "&&text=a&&",
    "other=1",
    "text=%3Cscript%3E%22%27%26",
    "text=a%0D%0Ab",
    "=a&text=b",
];
const DOCUMENTS: [&str; 20] = [
    "{\"name\": \"quill\"}",
    " {\"name\" :\t\"quill\" }\n",
    "{\"name\": \"Zo\\u00eb \\ud83d\\udc0d\"}",
    "{\"name\": \"Zoë 🐍\"}",
    "{\"name\": \"\\ud800\"}",
    "{\"name\": \"a\", \"name\": \"b\"}",
    "{\"name\": 1}",
    "{\"name\": null}",
    "{}",
    "[]",
    "\"name\"",
    "null",
    "NaN",
    "1e400",
    "",
    "{",
    "{\"name\": \"a\"}x",
    "{'name': 'a'}",
    "\u{feff}{\"name\": \"a\"}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut one = |request: Request| cases.push(request.alone());
    for path in PATHS {
        METHODS.iter().for_each(|method| one(request(method, path)));
    }
    NAMES.iter().for_each(|name| one(get(&format!("/hello/{name}"))));
    TARGETS.iter().for_each(|target| one(get(target)));
    FORMS.iter().for_each(|body| one(form("/form", body)));
    DOCUMENTS.iter().for_each(|body| one(post("/api/items", JSON, body)));
    one(get(&format!("/hello/{}", "x".repeat(4000))));
    bodies(&mut one);
    headers(&mut one);
    cases.extend([visits(), forgeries(), conditional()]);
    cases
}

fn bodies(one: &mut impl FnMut(Request)) {
    let parts = |parts: &[(&str, &[u8])]| {
        let mut body = Vec::new();
        for (head, content) in parts {
            body.extend(
                [b"--edge\r\nContent-Disposition: form-data; ", head.as_bytes(), b"\r\n\r\n", content, b"\r\n"]
                    .concat(),
            );
        }
        [body, b"--edge--\r\n".to_vec()].concat()
    };
    let multipart = |body: &[u8]| post("/form", "multipart/form-data; boundary=edge", body);
    let zeros = vec![0; 300_000];
    let all: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    for body in [
        parts(&[("name=\"text\"", b"plain")]),
        parts(&[("name=\"text\"", "café".as_bytes())]),
        parts(&[("name=\"text\"", b"a\r\nb\n")]),
        parts(&[("name=\"text\"", b"a"), ("name=\"file\"; filename=\"f\"", &zeros)]),
        parts(&[("name=\"file\"; filename=\"a.bin\"\r\nContent-Type: application/octet-stream", &all)]),
        parts(&[("name=\"file\"; filename=\"\"", b"")]),
        parts(&[("name=\"file\"; filename*=UTF-8''Zo%C3%AB", b"xyz")]),
        parts(&[("name=text", b"unquoted")]),
        parts(&[]),
        b"--edge\r\n".to_vec(),
        b"no parts at all".to_vec(),
        Vec::new(),
    ] {
        one(multipart(&body));
    }
    one(post("/form", "multipart/form-data", "x"));
    one(post("/form", "text/plain", "text=a"));
    one(post("/form", "application/x-www-form-urlencoded; charset=utf-8", "text=caf%C3%A9"));
    one(request("POST", "/form").body("text=untyped"));
    one(form("/form", format!("text={}", "y".repeat(400_000))));
    one(form("/form", format!("text={}", "y".repeat(600_000))));
    for kind in ["application/json; charset=utf-8", "application/vnd.api+json", "text/json", "", "application/JSON"] {
        one(post("/api/items", kind, "{\"name\": \"a\"}"));
    }
    let long = format!("{{\"name\": \"{}\"}}", "z".repeat(1 << 20));
    one(post("/api/items", JSON, &long));
    one(post("/api/items", JSON, "[".repeat(500) + &"]".repeat(500)));
    one(post("/api/items", JSON, "[".repeat(100_000)));
    one(request("POST", "/api/items").header("Content-Type", JSON).chunks(&[long.as_bytes()]));
    one(request("POST", "/api/items").header("Content-Type", JSON).chunks(&[b"{\"na", b"me\": ", b"\"a\"}"]));
    one(request("POST", "/api/items").header("Content-Type", JSON).chunks(&[]));
    let typed = || request("POST", "/form").header("Content-Type", "application/x-www-form-urlencoded");
    one(typed().chunks(&[b"text=in+", b"pieces"]));
    one(typed().chunks(&[b"t", b"e", b"x", b"t", b"=", b"1"]));
    one(request("PUT", "/api/items").body("unread"));
    one(request("GET", "/hello/Ada").body("a GET with a body"));
    one(request("DELETE", "/none").chunks(&[b"unread"]));
}

fn headers(one: &mut impl FnMut(Request)) {
    for (name, value) in [
        ("Cookie", "a=b; session=; c"),
        ("Cookie", "session=a.b.c"),
        ("Cookie", "session=\"quoted\"; session=twice"),
        ("Cookie", "\u{e9}=\u{ff}"),
        ("Accept", "application/json"),
        ("Accept-Encoding", "gzip, br"),
        ("Accept-Language", "de;q=0.5, *"),
        ("Authorization", "Basic eDp5"),
        ("User-Agent", "\u{fc}ber"),
        ("X-Empty", ""),
        ("X-Many", "a, b,,c"),
        ("Referer", "http://elsewhere.test/?a=b"),
        ("Range", "bytes=0-3"),
        ("If-None-Match", "*"),
        ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ] {
        for target in ["/visits", "/static/style.css"] {
            one(get(target).header(name, value));
        }
    }
    for host in ["case.test:8080", "CASE.test", "127.0.0.1", "[::1]:80", "case.test."] {
        one(get("/leave").header("Host", host));
        one(get("/hello").header("Host", host));
    }
    for range in ["bytes=0-", "bytes=-5", "bytes=5-2", "bytes=1000000-", "bytes=0-1,3-4", "lines=1-2", "bytes=x"] {
        one(get("/static/style.css").header("Range", range));
    }
}

/// A session, and its end.
fn visits() -> Case {
    let mut case = vec![get("/visits"); 5];
    case.extend([get("/leave"), get("/visits"), request("HEAD", "/visits"), get("/visits")]);
    case
}

fn forgeries() -> Case {
    vec![get("/visits"), get("/visits").header("Cookie", "session=forged"), get("/visits")]
}

fn conditional() -> Case {
    let asks = |name: &str, value: &str| get("/static/style.css").header(name, value);
    vec![
        get("/static/style.css"),
        asks("If-None-Match", "{etag}"),
        asks("If-None-Match", "W/{etag}"),
        asks("If-None-Match", "\"other\", {etag}"),
        asks("If-Match", "\"other\""),
        request("HEAD", "/static/style.css").header("If-None-Match", "{etag}"),
        asks("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        asks("If-Modified-Since", "no date"),
        asks("If-Range", "{etag}").header("Range", "bytes=2-5"),
        asks("If-Range", "\"other\"").header("Range", "bytes=2-5"),
    ]
}
