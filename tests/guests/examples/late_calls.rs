//! Calls start_response and write when its body is dropped and in a hook, and says what it was told.

use wasgi_guest::{Environ, Error, Errors, StartResponse};

#[derive(Clone)]
struct Late {
    tag: String,
    errors: Errors,
    start_response: StartResponse,
}

impl Late {
    fn calls(&self, when: &str) {
        let call = self.start_response.call("200 Again", &[]);
        let write = self.start_response.write("more");
        writeln!(self.errors, "{} {when}: {call:?} {write:?}", self.tag);
    }
}

struct Body {
    late: Late,
    given: bool,
}

impl Iterator for Body {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        assert!(!self.given, "next after last");
        self.given = true;
        Some("all")
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::from(!self.given);
        (left, Some(left))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.late.calls("close");
    }
}

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    start_response.call("200 OK", &[])?;
    let late = Late { tag: environ.query_string(), errors: environ.errors(), start_response };
    let hook = late.clone();
    environ.posthook(move |_| {
        hook.calls("sent");
        Ok(())
    });
    Ok(Body { late, given: false })
}

wasgi_guest::export!(app);
