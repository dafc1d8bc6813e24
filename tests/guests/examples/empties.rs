//! Empty chunks without end, after `?first=` if that is given.

use guests::Witness;
use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    guests::ok(&start_response)?;
    let (witness, first) = (Witness::new(&environ), guests::argument(&environ, "first"));
    let empties = std::iter::repeat_with(move || {
        let _held = &witness;
        String::new()
    });
    Ok(std::iter::once(first).chain(empties).into_body())
}

wasgi_guest::export!(app);
