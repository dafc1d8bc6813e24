//! A second start_response without exc_info; the answer is what it was told.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> Result<String, Error> {
    start_response.call("200 First", &[guests::TEXT, ("X-Call", "first")])?;
    let refused = start_response.call("200 Second", &[guests::TEXT, ("X-Call", "second")]);
    Ok(format!("{refused:?}"))
}

wasgi_guest::export!(app);
