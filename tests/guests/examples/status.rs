//! Answers with the query's `status`, and the body `text` unless `?body=none`.

use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    start_response.call(&guests::argument(&environ, "status"), &[guests::TEXT])?;
    Ok(match guests::argument(&environ, "body").as_str() {
        "none" => "".into_body(),
        "length" => ["te", "xt"].into_body(),
        _ => "text".into_body(),
    })
}

wasgi_guest::export!(app);
