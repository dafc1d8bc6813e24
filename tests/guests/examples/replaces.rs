//! start_response with exc_info: `?when=handle`, `?when=next` (after an empty chunk), or
//! `?when=late` (after a chunk), where the error comes back.

use guests::Witness;
use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    let witness = Witness::new(&environ);
    let when = guests::argument(&environ, "when");
    start_response.call("200 OK", &[guests::TEXT, ("X-First", "1")])?;
    if when == "handle" {
        replace(&start_response)?;
        return Ok("sorry".into_body());
    }
    let first = if when == "late" { "partial" } else { "" };
    let rest = std::iter::once_with(move || {
        let replaced = replace(&start_response);
        witness.says(format_args!("replaced {:?}", replaced.as_ref().map_err(ToString::to_string)));
        replaced.map(|()| "sorry")
    });
    Ok(std::iter::once(Ok(first))
        .chain(rest)
        .chain(["never"].map(Ok))
        .take(if when == "late" { 3 } else { 2 })
        .into_body())
}

fn replace(start_response: &StartResponse) -> Result<(), Error> {
    let headers = [guests::TEXT, ("X-Second", "1")];
    start_response.replace("503 Sorry", &headers, Error::new("ValueError", "secret-of-the-guest"))
}

wasgi_guest::export!(app);
