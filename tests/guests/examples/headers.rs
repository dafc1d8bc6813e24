//! Every pair of the query is a header of the answer, in order.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<&'static str, Error> {
    let query = environ.query();
    let headers: Vec<_> = query.iter().collect();
    start_response.call("200 OK", &headers)?;
    Ok("text")
}

wasgi_guest::export!(app);
