//! Computes for ever in the phase that the query names: handle, first, next, close or sent.

use guests::Witness;
use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    let phase = guests::argument(&environ, "in");
    spin_if(phase == "handle");
    guests::ok(&start_response)?;
    let (witness, closing) = (Witness::new(&environ), Closing(phase == "close"));
    let inner = phase.clone();
    environ.posthook(move |_| {
        spin_if(inner == "sent");
        Ok(())
    });
    let chunks = (0..3).map(move |n| {
        let _held = (&witness, &closing);
        spin_if(n == 0 && phase == "first" || n == 1 && phase == "next");
        "chunk"
    });
    Ok(chunks.into_body())
}

fn spin_if(asked: bool) {
    while std::hint::black_box(asked) {}
}

struct Closing(bool);

impl Drop for Closing {
    fn drop(&mut self) {
        spin_if(self.0);
    }
}

wasgi_guest::export!(app);
