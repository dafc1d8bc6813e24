//! Never looks at the body of the request.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<String, Error> {
    guests::ok(&start_response)?;
    Ok(environ.path())
}

wasgi_guest::export!(app);
