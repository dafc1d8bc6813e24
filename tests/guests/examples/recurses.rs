//! Calls itself without end.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> Result<String, Error> {
    guests::ok(&start_response)?;
    Ok(deeper(std::hint::black_box(1)).to_string())
}

/// Nothing of it lies in memory: what overflows is the stack of calls.
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    if depth == 0 { 0 } else { deeper(depth + 1).wrapping_mul(3) ^ depth }
}

wasgi_guest::export!(app);
