//! One chunk of `?mb=` MiB, and then a small one.

use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    guests::ok(&start_response)?;
    let bytes = guests::number(&environ, "mb") << 20;
    Ok([vec![b'x'; bytes], b"end".to_vec()].into_body())
}

wasgi_guest::export!(app);
