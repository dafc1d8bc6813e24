//! start_response during the first `next`, or with `?after=N` after N empty chunks.

use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Body {
    let mut left = guests::number(&environ, "after");
    let mut late = false;
    let chunks = std::iter::from_fn(move || match left.checked_sub(1) {
        Some(fewer) => {
            left = fewer;
            Some(Ok(""))
        }
        None if late => None,
        None => {
            late = true;
            Some(guests::ok(&start_response).map(|()| "late"))
        }
    });
    chunks.map(|chunk: Result<_, Error>| chunk).into_body()
}

wasgi_guest::export!(app);
