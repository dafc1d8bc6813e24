//! Every example in Python is deployed and does what it says, wrapped in the standard library's validator: a complaint
//! of that would be a 500 and a traceback in the application's log.

use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::support::host::{App, Host};
use crate::support::response::Response;
use crate::support::{guests, python, unique};

/// The example, deployed once; none where Python projects can't be built.
fn example(name: &'static str, app: &str) -> Option<App> {
    if !python::available() {
        return None;
    }
    let project = guests::root().join("examples").join(name);
    let manifest = fs::read_to_string(project.join(format!("{name}.toml"))).unwrap_or_default();
    Some(Host::shared().deploy_component(&python::validated(&project, app), name, &manifest))
}

fn flask() -> Option<&'static App> {
    static APP: OnceLock<Option<App>> = OnceLock::new();
    APP.get_or_init(|| example("flask", "app:app")).as_ref()
}

fn django() -> Option<&'static App> {
    static APP: OnceLock<Option<App>> = OnceLock::new();
    APP.get_or_init(|| example("django", "guestbook.wsgi:application")).as_ref()
}

fn bottle() -> Option<&'static App> {
    static APP: OnceLock<Option<App>> = OnceLock::new();
    APP.get_or_init(|| example("bottle", "app:app")).as_ref()
}

fn plain() -> Option<&'static App> {
    static APP: OnceLock<Option<App>> = OnceLock::new();
    APP.get_or_init(|| example("wsgi-python", "wsgi:application")).as_ref()
}

/// The value of the cookie that a response sets.
#[track_caller]
fn cookie(response: &Response, name: &str) -> String {
    let set = response.head.all("set-cookie").find_map(|set| set.strip_prefix(name)?.strip_prefix('=')).unwrap();
    format!("{name}={}", set.split(';').next().unwrap())
}

fn form(app: &App, target: &str, body: &str, cookies: &str) -> Response {
    app.request("POST", target)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Cookie", cookies)
        .body(body)
        .send()
}

#[test]
fn flask_renders_templates_and_serves_files() {
    let Some(app) = flask() else { return };
    let page = app.get("/").expect(200);
    assert_eq!(page.head.get("content-type"), Some("text/html; charset=utf-8"));
    for part in ["<td>1<td>ink", "href=\"/hello/Zo%C3%AB\"", "href=\"/static/style.css\""] {
        assert!(page.text().contains(part), "no {part} in {}", page.text());
    }
    assert_eq!(app.get("/hello/Zo%C3%AB").expect(200).text(), "Hello, Zoë!\n");
    let style = app.get("/static/style.css").expect(200);
    let source = fs::read(guests::root().join("examples/flask/static/style.css")).unwrap();
    assert_eq!((style.head.get("content-type"), style.body), (Some("text/css; charset=utf-8"), source));
    let tag = style.head.get("etag").unwrap();
    app.request("GET", "/static/style.css").header("If-None-Match", tag).send().expect(304);
    assert_eq!(app.request("POST", "/").body("x").send().status(), 405);
    assert_eq!(app.get("/none").status(), 404);
}

#[test]
fn flask_takes_forms_files_and_json() {
    let Some(app) = flask() else { return };
    let page = form(app, "/form", "text=caf%C3%A9+%3Cb%3E", "").expect(200);
    assert!(page.text().contains("<q>café &lt;b&gt;</q>"), "{}", page.text());
    let file = vec![b'x'; 300_000];
    let body = [
        b"--edge\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nwith a file\r\n--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n".as_slice(),
        &file,
        b"\r\n--edge--\r\n",
    ];
    let sent = app.request("POST", "/form").header("Content-Type", "multipart/form-data; boundary=edge");
    let page = sent.body(body.concat()).send().expect(200);
    assert!(page.text().contains("<q>with a file</q>, and sent a file of 300000 bytes"), "{}", page.text());
    let items: serde_json::Value = serde_json::from_slice(&app.get("/api/items").expect(200).body).unwrap();
    assert_eq!(items[1]["name"], "paper");
    let json =
        |body: &str| app.request("POST", "/api/items").header("Content-Type", "application/json").body(body).send();
    assert_eq!(json("{\"name\": \"quill\"}").expect(201).text().trim_end(), "{\"id\":3,\"name\":\"quill\"}");
    assert_eq!(json("{}").status(), 400);
    assert_eq!(json("{").status(), 400);
}

#[test]
fn json_that_is_nested_too_deep_costs_the_request_and_not_the_instance() {
    let Some(app) = flask() else { return };
    let nested = |depth: usize, end: usize| {
        let body = "[".repeat(depth) + &"]".repeat(end);
        app.request("POST", "/api/items").header("Content-Type", "application/json").body(body).send()
    };
    assert_eq!(nested(1000, 1000).expect(400).text().trim_end(), "{\"error\":\"an item has a name\"}");
    assert!(nested(100_000, 0).expect(500).text().contains("Internal Server Error"), "it is Flask's page");
    app.wait_line("RecursionError: maximum recursion depth exceeded while decoding");
}

#[test]
fn flask_streams() {
    let Some(app) = flask() else { return };
    let mut client = app.connect();
    client.send(app.request("GET", "/stream?n=4&ms=1000").bytes());
    assert_eq!(client.head().status, 200);
    let mut arrived = Vec::new();
    while let Some(chunk) = client.chunk().filter(|chunk| !chunk.is_empty()) {
        arrived.push((Instant::now(), String::from_utf8(chunk).unwrap()));
    }
    let texts: Vec<_> = arrived.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["line 1 of 4\n", "line 2 of 4\n", "line 3 of 4\n", "line 4 of 4\n"]);
    let (first, last) = (arrived[0].0, arrived[3].0);
    assert!(last - first >= Duration::from_millis(500), "{:?}", last - first);
}

#[test]
fn flask_keeps_a_session_in_a_cookie_that_nobody_else_can_sign() {
    let Some(app) = flask() else { return };
    let first = app.get("/visits").expect(200);
    assert_eq!(first.text(), "visit 1\n");
    // Another instance.
    let session = cookie(&first, "session");
    let second = app.request("GET", "/visits").header("Cookie", &session).send().expect(200);
    assert_eq!(second.text(), "visit 2\n");
    let forged = app.request("GET", "/visits").header("Cookie", &format!("{session}x")).send().expect(200);
    assert_eq!(forged.text(), "visit 1\n");
    let left = app.request("GET", "/leave").header("Cookie", &session).send().expect(302);
    assert_eq!(left.head.get("location"), Some("/"));
}

#[test]
fn flasks_errors_are_a_500_and_a_traceback() {
    let Some(app) = flask() else { return };
    let page = app.get("/error").expect(500);
    assert!(!page.text().contains("no such price"), "{}", page.text());
    app.wait_line("KeyError: 'no such price'");
    app.wait_line("return {}[\"no such price\"]");
}

#[test]
fn django_reads_and_writes_its_database() {
    let Some(app) = django() else { return };
    let page = app.get("/").expect(200);
    assert!(page.text().contains("Crème brûlée &amp; &lt;b&gt;tea&lt;/b&gt;."), "{}", page.text());
    assert!(page.text().contains("lives as long as the instance"), "{}", page.text());
    let entries: serde_json::Value = serde_json::from_slice(&app.get("/entries.json").expect(200).body).unwrap();
    assert_eq!((&entries["entries"][0]["name"], &entries["entries"][1]["name"]), (&"Ada".into(), &"Zoë".into()));
    assert!(app.get("/entries/1").expect(200).text().contains("algebraic patterns"));
    assert_eq!(app.get("/entries/999").status(), 404);
    assert!(app.get("/export").expect(200).text().starts_with("1\tAda: The engine weaves"));
    // What is written is there as long as the instance is, and the example reuses its instances.
    let (csrf, tag) = (cookie(&page, "csrftoken"), unique());
    let token = csrf.strip_prefix("csrftoken=").unwrap();
    let body = format!("name=Guest&text={tag}&csrfmiddlewaretoken={token}");
    let written = form(app, "/", &body, &csrf).expect(302);
    assert_eq!(written.head.get("location"), Some("/"));
    assert_eq!(form(app, "/", &body, "").status(), 403, "a form of somebody else's");
    let body = format!("name=&text=&csrfmiddlewaretoken={token}");
    assert!(form(app, "/", &body, &csrf).expect(400).text().contains("This field is required."));
}

#[test]
fn djangos_admin_asks_who_you_are() {
    let Some(app) = django() else { return };
    assert_eq!(app.get("/admin/").expect(302).head.get("location"), Some("/admin/login/?next=/admin/"));
    let page = app.get("/admin/login/").expect(200);
    assert!(page.text().contains("Django administration") && page.text().contains("type=\"password\""));
    let style = app.get("/static/admin/css/base.css").expect(200);
    assert!(style.text().contains("DJANGO Admin styles"));
    assert_eq!(style.head.get("content-type"), Some("text/css; charset=\"utf-8\""));
}

#[test]
fn djangos_errors_are_a_500_and_a_traceback() {
    let Some(app) = django() else { return };
    let page = app.get("/error").expect(500);
    assert!(!page.text().contains("on purpose"), "{}", page.text());
    app.wait_line("ValueError: this page is wrong on purpose");
}

#[test]
fn bottle_answers() {
    let Some(app) = bottle() else { return };
    assert!(app.get("/hello/%3Cb%3E").expect(200).text().contains("<h1>Hello, &lt;b&gt;!</h1>"));
    assert_eq!(app.get("/sum?n=1&n=20&n=300").expect(200).text(), "{\"sum\": 321}");
    assert_eq!(app.get("/sum?n=x").status(), 400);
    let body: String = "Zwölf Boxkämpfer. ".repeat(5000);
    let answer = app.request("POST", "/upper").body(&body).send().expect(200);
    let capitals: Vec<u8> = body.bytes().map(|byte| byte.to_ascii_uppercase()).collect();
    assert_eq!(answer.body, capitals);
}

#[test]
fn the_applications_of_pep_3333() {
    let Some(app) = plain() else { return };
    for name in ["simple_app", "AppClass"] {
        let response = app.get(&format!("/{name}")).expect(200);
        assert_eq!(
            (response.text(), response.head.get("content-type")),
            ("Hello world!\n", Some("text/plain")),
            "{name}"
        );
    }
    assert_eq!(app.get("/hello").expect(200).text(), "Hello WSGI!\n");
    assert_eq!(app.get("/none").status(), 404);
    assert!(app.get("/").expect(200).text().contains("<li><a href=\"/AppClass\">AppClass</a>"));
}

#[test]
fn hooks_as_evy_and_eventlet_have_them() {
    let Some(app) = plain() else { return };
    assert_eq!(app.get("/posthooks").expect(200).text(), "Hello, World!\r\n");
    let first = app.wait_line("Hello from the hook, 2 times: 15 bytes were sent in ");
    assert!(first.ends_with("s, all of them!"), "{first}");
    app.wait_line("Goodbye from the second hook, 1 times: 15 bytes were sent");
}

#[test]
fn the_hosts_services_a_second_apart() {
    let Some(app) = plain() else { return };
    let mut client = app.connect();
    client.send(app.request("GET", "/services").bytes());
    assert_eq!(client.head().status, 200);
    let mut arrived = Vec::new();
    while let Some(chunk) = client.chunk().filter(|chunk| !chunk.is_empty()) {
        arrived.push((Instant::now(), String::from_utf8(chunk).unwrap()));
    }
    let texts: Vec<_> = arrived.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["Hello", " World! Environ keys: ", "request_id, ", "application, ", "version, "]);
    let (first, last) = (arrived[2].0, arrived[4].0);
    assert!(last - first >= Duration::from_millis(500), "{:?}", last - first);
}
