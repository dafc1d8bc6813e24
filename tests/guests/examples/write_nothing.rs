//! An empty write, before the body waits for its input.

use std::io::Read;

use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    guests::ok(&start_response)?;
    start_response.write("")?;
    let mut input = environ.into_input();
    Ok(std::iter::once_with(move || input.read_exact(&mut [0]).map(|()| "late")).into_body())
}

wasgi_guest::export!(app);
