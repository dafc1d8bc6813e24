//! Chunks of 64 KiB without end, each with a line in the log; `?mb=` ends it after all.

use guests::Witness;
use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    guests::ok(&start_response)?;
    let chunks = match guests::number(&environ, "mb") {
        0 => usize::MAX,
        megabytes => megabytes * 16,
    };
    let quiet = !guests::argument(&environ, "quiet").is_empty();
    let witness = Witness::new(&environ);
    let chunk = move |n: usize| {
        if !quiet {
            witness.says(format_args!("chunk {n}"));
        }
        vec![b'a' + (n % 26) as u8; 64 * 1024]
    };
    Ok((0..chunks).map(chunk).into_body())
}

wasgi_guest::export!(app);
