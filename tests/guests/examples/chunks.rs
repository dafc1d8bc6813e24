//! `?n=` chunks of `?each=` bytes (2 if not given); with `?end=unknown` nobody knows which one is the last.
//! `?empty=` empty chunks go before each.

use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    guests::ok(&start_response)?;
    let count = guests::number(&environ, "n");
    let each = guests::number(&environ, "each").max(2);
    let empty = guests::number(&environ, "empty");
    let chunk = move |n: usize| if n % (empty + 1) == empty { vec![b'x'; each] } else { Vec::new() };
    let mut chunks = (0..count * (empty + 1)).map(chunk);
    Ok(match guests::argument(&environ, "end").as_str() {
        "unknown" => std::iter::from_fn(move || chunks.next()).into_body(),
        _ => chunks.into_body(),
    })
}

wasgi_guest::export!(app);
