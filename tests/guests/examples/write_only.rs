//! Everything by write, nothing by the iterable; the query's `length` announces it.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<[&'static str; 0], Error> {
    match guests::argument(&environ, "length").as_str() {
        "" => guests::ok(&start_response)?,
        length => start_response.call("200 OK", &[guests::TEXT, ("Content-Length", length)])?,
    }
    start_response.write("one,")?;
    start_response.write("two")?;
    Ok([])
}

wasgi_guest::export!(app);
