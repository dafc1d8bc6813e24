//! `?lines=` lines of 1,000 bytes, as fast as it can.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<&'static str, Error> {
    let line = "x".repeat(1_000);
    for n in 0..guests::number(&environ, "lines") {
        writeln!(environ.errors(), "{n} {line}");
    }
    environ.errors().log(&"y".repeat(1 << 20));
    guests::ok(&start_response)?;
    Ok("logged")
}

wasgi_guest::export!(app);
