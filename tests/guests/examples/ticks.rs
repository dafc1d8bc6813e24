//! A small chunk each `?ms=` milliseconds, `?n=` of them.

use std::{thread, time::Duration};

use guests::Witness;
use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    guests::ok(&start_response)?;
    let pause = Duration::from_millis(guests::number(&environ, "ms") as u64);
    let witness = Witness::new(&environ);
    let tick = move |n| {
        if n > 0 {
            thread::sleep(pause);
        }
        witness.says(format_args!("tick {n}"));
        format!("tick {n}\n")
    };
    Ok((0..guests::number(&environ, "n")).map(tick).into_body())
}

wasgi_guest::export!(app);
