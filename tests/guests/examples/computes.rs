//! Computes for `?rounds=` rounds, of which a thousand are about a millisecond; then gives `?n=` chunks, each after a
//! pause of `?ms=` milliseconds.

use std::{thread, time::Duration};

use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    guests::ok(&start_response)?;
    let mut state = 1_u64;
    for _ in 0..guests::number(&environ, "rounds") * 300 {
        state = std::hint::black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
    let pause = Duration::from_millis(guests::number(&environ, "ms") as u64);
    let chunk = move |n| {
        thread::sleep(pause);
        format!("{n} of {state}\n")
    };
    Ok((0..guests::number(&environ, "n")).map(chunk).into_body())
}

wasgi_guest::export!(app);
