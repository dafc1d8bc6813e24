//! A web application. Build it with `wasgi build .`, or build it into a served directory.

use wasgi_guest::{Environ, Error, StartResponse};

/// Answers one request: says the status and the headers, then returns the body, which is
/// anything that chunks can be taken from. An iterator is a stream.
fn app(environ: Environ, start_response: StartResponse) -> Result<String, Error> {
    start_response.call("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
    // Try ?name=Ada
    let name = environ.query().get("name").unwrap_or("World").to_owned();
    Ok(format!("Hello, {name}! This is NAME.\n"))
}

wasgi_guest::export!(app);
