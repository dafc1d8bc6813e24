//! Keeps the environ of each request and looks into those of earlier ones.

use std::cell::RefCell;

use wasgi_guest::{Environ, Error, StartResponse};

thread_local! {
    static KEPT: RefCell<Vec<Environ>> = const { RefCell::new(Vec::new()) };
}

fn app(environ: Environ, start_response: StartResponse) -> Result<&'static str, Error> {
    KEPT.with_borrow(|kept| kept.iter().for_each(|environ| drop(environ.get("HTTP_SECRET"))));
    KEPT.with_borrow_mut(|kept| kept.push(environ));
    start_response.call("200 OK", &[])?;
    Ok("text")
}

wasgi_guest::export!(app);
