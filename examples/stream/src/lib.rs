//! Server-sent events: yields, waits, yields. A client sees each chunk as it is made.
//!
//! `curl -N 'http://…/stream?n=20&ms=100'` gets twenty events, 100 ms apart. A browser, which
//! asks for HTML, gets a page that listens to them.

use std::{thread, time::Duration};

use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    if environ.header("Accept").is_some_and(|accept| accept.contains("text/html")) {
        start_response.call("200 OK", &[("Content-Type", "text/html; charset=utf-8"), ("Vary", "Accept")])?;
        return Ok(PAGE.into_body());
    }
    let query = environ.query();
    let number = |name| query.get(name).map(str::parse::<u64>).transpose();
    let count = number("n")?.unwrap_or(10);
    let pause = Duration::from_millis(number("ms")?.unwrap_or(300).min(10_000));

    let headers = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache"), ("Vary", "Accept")];
    start_response.call("200 OK", &headers)?;
    Ok(events(count, pause).into_body())
}

fn events(count: u64, pause: Duration) -> impl Iterator<Item = String> {
    let numbered = (1..=count).map(move |n| {
        if n > 1 {
            thread::sleep(pause);
        }
        format!("id: {n}\ndata: event {n} of {count}\n\n")
    });
    numbered.chain(["event: end\ndata: that was all\n\n".to_owned()])
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>stream</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; color-scheme: light dark }</style>
<h1>Events</h1>
<ol></ol>
<script>
  const show = event => document.querySelector("ol").append(
    Object.assign(document.createElement("li"), { textContent: event.data }));
  const events = new EventSource(location);
  events.onmessage = show;
  events.addEventListener("end", event => { show(event); events.close(); });
</script>
"#;

wasgi_guest::export!(app);
