//! Calls start_response and write when its body is dropped and in a hook, and says what it was told. Before that it ends
//! with a chunk, or as `&end=` says: empty, error, or unset, which is a chunk without a start_response.

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
    end: String,
    given: bool,
}

impl Iterator for Body {
    type Item = Result<&'static str, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        assert!(!self.given, "next after last");
        self.given = true;
        Some(match self.end.as_str() {
            "empty" => Ok(""),
            "error" => Err(Error::new("ValueError", "late")),
            _ => Ok("all"),
        })
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
    let end = environ.query().get("end").unwrap_or_default().to_owned();
    if end != "unset" {
        start_response.call("200 OK", &[])?;
    }
    let late = Late { tag: environ.query_string(), errors: environ.errors(), start_response };
    let hook = late.clone();
    environ.posthook(move |_| {
        hook.calls("sent");
        Ok(())
    });
    Ok(Body { late, end, given: false })
}

wasgi_guest::export!(app);
