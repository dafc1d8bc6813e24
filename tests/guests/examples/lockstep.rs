//! Yields each line of the body as it is read: who waits for the line before sending the next
//! one shows that no chunk is held back.

use std::io::BufRead;

use guests::Witness;
use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    guests::ok(&start_response)?;
    let witness = Witness::new(&environ);
    let mut input = environ.into_input();
    let lines = std::iter::from_fn(move || {
        let mut line = Vec::new();
        let read = input.read_until(b'\n', &mut line);
        witness.says("next");
        match read {
            Ok(0) => None,
            read => Some(read.map(|_| line)),
        }
    });
    Ok(lines.into_body())
}

wasgi_guest::export!(app);
