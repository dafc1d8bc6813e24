//! The imperative way: `write` sends bytes at once, before any chunk of the body that the
//! application returns.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> Result<[&'static str; 2], Error> {
    start_response.call("200 OK", &[("Content-Type", "text/plain")])?;
    start_response.write("written first\n")?;
    start_response.write("written second\n")?;
    Ok(["yielded third\n", "yielded fourth\n"])
}

wasgi_guest::export!(app);
