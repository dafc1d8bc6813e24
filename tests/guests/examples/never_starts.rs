//! A body, and never a start_response.

use wasgi_guest::{Body, Environ, IntoBody, StartResponse};

fn app(environ: Environ, _: StartResponse) -> Body {
    match guests::argument(&environ, "body").as_str() {
        "none" => [""; 0].into_body(),
        "empty" => ["", ""].into_body(),
        _ => ["secret-of-the-guest", "more"].into_body(),
    }
}

wasgi_guest::export!(app);
