//! The request's body, as it comes.

use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    guests::ok(&start_response)?;
    Ok(environ.into_input().into_chunks().into_body())
}

wasgi_guest::export!(app);
