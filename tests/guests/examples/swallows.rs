//! Says in the log why the body could not be read, and answers 200 all the same.
//! With `?first=` a chunk goes out before the body is read.

use std::io::Read;

use guests::Witness;
use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    guests::ok(&start_response)?;
    let (witness, first) = (Witness::new(&environ), guests::argument(&environ, "first"));
    let mut input = environ.into_input();
    let rest = std::iter::once_with(move || {
        let mut body = Vec::new();
        let read = input.read_to_end(&mut body);
        let again = input.read(&mut [0]);
        witness.says(format_args!("read {:?} again {:?}", read.map_err(|e| e.kind()), again.map_err(|e| e.kind())));
        "all is well".to_owned()
    });
    Ok(std::iter::once(first).chain(rest).into_body())
}

wasgi_guest::export!(app);
