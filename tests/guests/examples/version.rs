//! Says which version it is. The tests make versions of it by writing over the mark.
//!
//! A GET gets the mark, and `$GREETING` where there is one. A POST gets it at once, and again when its body has
//! ended, so that a test holds a request in flight for as long as it likes. `?log=TEXT` is logged.

use std::hint::black_box;
use std::{io, iter};

use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

/// Found and replaced in the component's bytes.
static MARK: [u8; 32] = *b"<the mark of this very version.>";

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    if let Some(text) = environ.query().get("log") {
        writeln!(environ.errors(), "{text}");
    }
    start_response.call("200 OK", &[("Content-Type", "text/plain")])?;
    let mark = || black_box(&MARK).to_vec();
    if environ.method() != "POST" {
        let greeting = std::env::var("GREETING").unwrap_or_default();
        return Ok([mark(), greeting.into_bytes()].concat().into_body());
    }
    let mut input = environ.into_input();
    let after = iter::once_with(move || Ok::<_, Error>(io::copy(&mut input, &mut io::sink()).map(|_| mark())?));
    Ok(iter::once(Ok(mark())).chain(after).into_body())
}

wasgi_guest::export!(app);
