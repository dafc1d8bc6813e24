//! Fails: `?when=handle`, `?when=first` in its first `next`, `?when=later` after a chunk.

use guests::Witness;
use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    let witness = Witness::new(&environ);
    let when = guests::argument(&environ, "when");
    let error = || Error::new("ValueError", "secret-of-the-guest");
    if when == "handle" {
        return Err(error());
    }
    guests::ok(&start_response)?;
    let first = if when == "first" { Err(error()) } else { Ok("chunk") };
    let chunk = move |chunk| {
        let _held = &witness;
        chunk
    };
    Ok([first, Err(error()), Ok("never")].into_iter().map(chunk).into_body())
}

wasgi_guest::export!(app);
