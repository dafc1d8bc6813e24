//! Announces `?say=` bytes and gives `?give=`, in pieces of `?each=` (all at once if not given).

use guests::Witness;
use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    let witness = Witness::new(&environ);
    let mut left = guests::number(&environ, "give");
    let each = match guests::number(&environ, "each") {
        0 => left,
        each => each,
    };
    start_response.call("200 OK", &[guests::TEXT, ("Content-Length", &guests::argument(&environ, "say"))])?;
    let chunks = std::iter::from_fn(move || {
        let now = left.min(each);
        left -= now;
        witness.says("next");
        (now > 0).then(|| vec![b'x'; now])
    });
    Ok(chunks.into_body())
}

wasgi_guest::export!(app);
