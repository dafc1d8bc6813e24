//! Panics in the phase that the query names: handle, first, next, close or sent.

use guests::Witness;
use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    let phase = guests::argument(&environ, "in");
    assert_ne!(phase, "handle", "secret-of-the-guest");
    guests::ok(&start_response)?;
    let inner = phase.clone();
    environ.posthook(move |_| {
        assert_ne!(inner, "sent", "secret-of-the-guest");
        Ok(())
    });
    let (witness, closing) = (Witness::new(&environ), Closing(phase == "close"));
    let chunks = (0..3).map(move |n| {
        let _held = (&witness, &closing);
        assert!(n != 0 || phase != "first", "secret-of-the-guest");
        assert!(n != 1 || phase != "next", "secret-of-the-guest");
        "chunk"
    });
    Ok(chunks.into_body())
}

struct Closing(bool);

impl Drop for Closing {
    fn drop(&mut self) {
        assert!(!self.0, "secret-of-the-guest");
    }
}

wasgi_guest::export!(app);
