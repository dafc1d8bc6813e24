//! The smallest application: one status, two headers, one chunk.

use wasgi_guest::{Environ, Error, StartResponse};

const GREETING: &str = "Hello, World!\n";

fn app(_: Environ, start_response: StartResponse) -> Result<&'static str, Error> {
    start_response.call("200 OK", &[("Content-Type", "text/plain"), ("Content-Length", "14")])?;
    Ok(GREETING)
}

wasgi_guest::export!(app);
