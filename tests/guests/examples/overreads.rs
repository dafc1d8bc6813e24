//! Goes on reading after the end of the body.

use std::io::{BufRead, Read};

use wasgi_guest::{Environ, Error, StartResponse};

fn app(mut environ: Environ, start_response: StartResponse) -> Result<String, Error> {
    let mut body = String::new();
    environ.input().read_to_string(&mut body)?;
    let mut more = Vec::new();
    for _ in 0..3 {
        environ.input().read_to_end(&mut more)?;
        environ.input().read_until(b'\n', &mut more)?;
    }
    guests::ok(&start_response)?;
    Ok(format!("{body} then {} more", more.len()))
}

wasgi_guest::export!(app);
