//! Writes, waits for a byte of the body, writes again, and yields the rest.

use std::io::Read;

use wasgi_guest::{Environ, Error, StartResponse};

fn app(mut environ: Environ, start_response: StartResponse) -> Result<[&'static str; 2], Error> {
    guests::ok(&start_response)?;
    start_response.write("one,")?;
    environ.input().read_exact(&mut [0])?;
    start_response.write("two,")?;
    Ok(["three,", "four"])
}

wasgi_guest::export!(app);
