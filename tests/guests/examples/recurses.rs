//! Calls itself without end.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> Result<String, Error> {
    guests::ok(&start_response)?;
    Ok(deeper(std::hint::black_box(1)).to_string())
}

#[inline(never)]
fn deeper(depth: u64) -> u64 {
    let here = std::hint::black_box(depth);
    if here == 0 { 0 } else { deeper(here + 1) + std::hint::black_box(here) }
}

wasgi_guest::export!(app);
