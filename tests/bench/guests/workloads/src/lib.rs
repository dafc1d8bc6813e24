//! The benchmark's workloads, by their paths. The bare server answers the same (`tests/bench/src/bare.rs`).

mod work;

use std::hint::black_box;
use std::io::Read;
use std::iter;

use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

const TEXT: (&str, &str) = ("Content-Type", "text/plain; charset=utf-8");
const HTML: (&str, &str) = ("Content-Type", "text/html; charset=utf-8");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const BYTES: (&str, &str) = ("Content-Type", "application/octet-stream");

fn app(mut environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    let (header, body) = match environ.path().as_str() {
        "/environ" => (TEXT, work::lengths(|name| environ.get(name).map(Into::into)).into_bytes()),
        "/json" => {
            let mut order = Vec::new();
            environ.input().read_to_end(&mut order)?;
            let Some(bill) = work::bill(&order) else {
                start_response.call("400 Bad Request", &[TEXT])?;
                return Ok("That is no order.\n".into_body());
            };
            (JSON, bill)
        }
        "/large" => (BYTES, vec![b'.'; work::CHUNK]),
        "/page" => (HTML, work::page(environ.query().get("name").unwrap_or("Stock")).into_bytes()),
        "/down" => {
            let length = (work::CHUNK * work::CHUNKS).to_string();
            start_response.call("200 OK", &[BYTES, ("Content-Length", &length)])?;
            return Ok(iter::repeat_with(|| vec![b'.'; work::CHUNK]).take(work::CHUNKS).into_body());
        }
        "/spin" => spin(),
        _ => {
            start_response.call("404 Not Found", &[TEXT])?;
            return Ok("No such workload.\n".into_body());
        }
    };
    start_response.call("200 OK", &[header])?;
    Ok(body.into_body())
}

/// Computes until the host ends it.
fn spin() -> ! {
    let mut count = 0_u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

wasgi_guest::export!(app);
