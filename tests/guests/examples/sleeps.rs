//! Sleeps `?ms=` in the phase that the query names: handle, first, next, close or sent.

use std::{thread, time::Duration};

use guests::Witness;
use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    let phase = guests::argument(&environ, "in");
    let time = Duration::from_millis(guests::number(&environ, "ms") as u64);
    let sleep_if = move |asked| {
        if asked {
            thread::sleep(time);
        }
    };
    sleep_if(phase == "handle");
    guests::ok(&start_response)?;
    let closing = Closing((phase == "close").then_some(time));
    let inner = phase.clone();
    environ.posthook(move |_| {
        sleep_if(inner == "sent");
        Ok(())
    });
    let witness = Witness::new(&environ);
    let chunks = (0..3).map(move |n| {
        let _held = &closing;
        witness.says(format_args!("next {n}"));
        sleep_if(n == 0 && phase == "first" || n == 1 && phase == "next");
        "chunk"
    });
    Ok(chunks.into_body())
}

struct Closing(Option<Duration>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.into_iter().for_each(thread::sleep);
    }
}

wasgi_guest::export!(app);
