//! Writes before start_response, and answers with what it was told.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> Result<String, Error> {
    let refused = start_response.write("too early");
    guests::ok(&start_response)?;
    Ok(format!("{refused:?}"))
}

wasgi_guest::export!(app);
