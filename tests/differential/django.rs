//! Requests to the Django example.

use super::Case;
use super::request::{Request, form, get, post, request};

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];
const PATHS: [&str; 15] = [
    "/",
    "/entries.json",
    "/entries/1",
    "/entries/2",
    "/entries/999",
    "/export",
    "/error",
    "/none",
    "/admin",
    "/admin/",
    "/admin/login/",
    "/admin/guestbook/entry/",
    "/static/admin/css/base.css",
    "/static/none.css",
    "/static/",
];
const TARGETS: [&str; 28] = [
    "//",
    "//admin",
    "/admin?next=/x",
    "/admin/login",
    "/admin/login/?next=/admin/",
    "/admin/login/?next=http://elsewhere.test/",
    "/admin/guestbook/entry/1/change/",
    "/admin/auth/",
    "/admin/jsi18n/",
    "/admin/none/",
    "/entries/",
    "/entries/x",
    "/entries/0",
    "/entries/-1",
    "/entries/01",
    "/entries/1/",
    "/entries/1%20",
    "/entries/%31",
    "/entries/99999999999999999999999999",
    "/Entries/1",
    "/%FF",
    "/Zo%C3%AB",
    "/a%00b",
    "/a%2Fb",
    "/static/admin/../admin/css/base.css",
    "/static/admin/css/%62ase.css",
    "/static/admin/img/icon-yes.svg",
    "/static/admin/js/core.js",
];
/// Fields of an entry, beside the token.
const ENTRIES: [&str; 16] = [
    "name=Guest&text=Hello",
    "name=Zo%C3%AB&text=caf%C3%A9+%E2%82%AC",
    "name=%3Cb%3E&text=%3Cscript%3Ealert(1)%3C/script%3E",
    "name=Lines&text=a%0D%0Ab%0Ac",
    "name=&text=",
    "name=+&text=+",
    "name=Guest",
    "text=Hello",
    "",
    "name=Twice&name=Once&text=a&text=b",
    "name=Bytes&text=%FF%FE",
    "name=Null&text=a%00b",
    "name=Semi;text=a",
    "name=Snake&text=%F0%9F%90%8D",
    "name=Half&text=%ED%A0%80",
    "name=Zz&text=%zz",
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut one = |request: Request| cases.push(request.alone());
    for path in PATHS {
        METHODS.iter().for_each(|method| one(request(method, path)));
    }
    TARGETS.iter().for_each(|target| one(get(target)));
    headers(&mut one);
    cases.extend(ENTRIES.map(|fields| written(&form("/", format!("{fields}&csrfmiddlewaretoken={{csrf}}")))));
    cases.extend([long_entries(), pieces(), parts(), forgeries(), login(), conditional()]);
    cases
}

/// The form, what was written with it, and what is to be seen of it then.
fn written(entry: &Request) -> Case {
    vec![get("/"), entry.clone(), get("/"), get("/entries.json"), get("/export")]
}

fn long_entries() -> Case {
    let entry = |name: usize, text: usize| {
        form("/", format!("name={}&text={}&csrfmiddlewaretoken={{csrf}}", "n".repeat(name), "t".repeat(text)))
    };
    vec![get("/"), entry(80, 1000), entry(81, 1000), entry(80, 1001), entry(1, 200_000), get("/entries.json")]
}

/// The token in a header, since a body in chunks is not filled in.
fn pieces() -> Case {
    let sent = request("POST", "/").header("X-CSRFToken", "{csrf}");
    let sent = sent.header("Content-Type", "application/x-www-form-urlencoded");
    vec![get("/"), sent.chunks(&[b"name=In+pie", b"ces&te", b"xt=x"]), get("/entries.json")]
}

fn parts() -> Case {
    let part = |name: &str, value: &str| {
        format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body =
        [part("name", "Parts"), part("text", "café"), part("csrfmiddlewaretoken", "{csrf}"), "--edge--\r\n".into()];
    let kind = "multipart/form-data; boundary=edge";
    vec![
        get("/"),
        post("/", kind, body.concat()),
        post("/", kind, "--edge"),
        post("/", "multipart/form-data", "x"),
        get("/export"),
    ]
}

/// Forms of somebody else's.
fn forgeries() -> Case {
    let entry = |token: &str| form("/", format!("name=Forged&text=x&csrfmiddlewaretoken={token}"));
    let wrong = "x".repeat(32);
    vec![
        entry(&wrong),
        get("/"),
        entry(&wrong),
        entry("short"),
        entry(""),
        entry("{csrf}").header("Origin", "http://elsewhere.test"),
        entry("{csrf}").header("Origin", "http://case.test"),
        entry("{csrf}").header("Referer", "http://elsewhere.test/"),
        get("/entries.json"),
    ]
}

/// The admin's door stays shut: there is no user.
fn login() -> Case {
    let door = "/admin/login/?next=/admin/";
    vec![
        get("/admin/"),
        get(door),
        form(door, "username=&password=&csrfmiddlewaretoken={csrf}"),
        form(door, "username=ada&password=engine&csrfmiddlewaretoken={csrf}"),
        request("POST", "/admin/logout/").body(""),
    ]
}

fn headers(one: &mut impl FnMut(Request)) {
    for (name, value) in [
        ("Cookie", "csrftoken=short"),
        ("Cookie", "sessionid=none; a"),
        ("Cookie", "\u{e9}=\u{ff}"),
        ("Accept", "application/json"),
        ("Accept-Encoding", "gzip"),
        ("Accept-Language", "de"),
        ("Authorization", "Basic eDp5"),
        ("X-Requested-With", "XMLHttpRequest"),
        ("Range", "bytes=0-99"),
    ] {
        for target in ["/", "/admin/login/", "/static/admin/css/base.css"] {
            one(get(target).header(name, value));
        }
    }
    for host in ["case.test:8080", "CASE.test", "127.0.0.1", "[::1]:80", "case.test.", "under_score.test"] {
        one(get("/admin").header("Host", host));
        one(get("/").header("Host", host));
    }
    for range in ["bytes=0-", "bytes=-5", "bytes=5-2", "bytes=1000000-", "bytes=0-1,3-4", "lines=1-2", "bytes=x"] {
        one(get("/static/admin/css/base.css").header("Range", range));
    }
}

fn conditional() -> Case {
    let asks = |name: &str, value: &str| get("/static/admin/css/base.css").header(name, value);
    vec![
        get("/static/admin/css/base.css"),
        asks("If-None-Match", "{etag}"),
        asks("If-None-Match", "\"other\""),
        asks("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        asks("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
        asks("If-Modified-Since", "no date"),
        request("HEAD", "/static/admin/css/base.css").header("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
    ]
}
