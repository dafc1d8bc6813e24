//! An invalid head, and after the refusal a valid one.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> Result<String, Error> {
    let refused = start_response.call("200 OK", &[("X-Bad", "a\r\nb")]);
    start_response.call("200 OK", &[guests::TEXT])?;
    Ok(refused.map_or_else(|error| error.to_string(), |()| "accepted".to_owned()))
}

wasgi_guest::export!(app);
