//! What the guests share: reading the query that tells them what to do, and a witness of the
//! response's end.

use wasgi_guest::{Environ, Error, Errors, StartResponse};

/// Plain text, as one header.
pub const TEXT: (&str, &str) = ("Content-Type", "text/plain; charset=utf-8");

/// The value of `name` in the query, or nothing.
pub fn argument(environ: &Environ, name: &str) -> String {
    environ.query().get(name).unwrap_or_default().to_owned()
}

/// The number that `name` has in the query, or 0.
pub fn number(environ: &Environ, name: &str) -> usize {
    argument(environ, name).parse().unwrap_or(0)
}

/// `200 OK`, plain text.
pub fn ok(start_response: &StartResponse) -> Result<(), Error> {
    Ok(start_response.call("200 OK", &[TEXT])?)
}

/// Says in the log when the body that owns it is closed, and how the response went after that.
/// Its lines carry the query's `tag`, so that a test finds its own.
pub struct Witness {
    errors: Errors,
    tag: String,
}

impl Witness {
    /// A witness of this request.
    pub fn new(environ: &Environ) -> Witness {
        let (errors, tag) = (environ.errors(), argument(environ, "tag"));
        let witness = Witness { errors: errors.clone(), tag: tag.clone() };
        environ.posthook(move |report| {
            writeln!(errors, "sent {tag} bytes={} complete={}", report.bytes, report.complete);
            Ok(())
        });
        witness
    }

    /// Says something.
    pub fn says(&self, what: impl std::fmt::Display) {
        writeln!(self.errors, "{what} {}", self.tag);
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.says("closed");
    }
}
