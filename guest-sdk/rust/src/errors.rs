//! `wsgi.errors`: the application's log.

use std::fmt;
use std::io;
use std::rc::Rc;

use crate::request::Request;

/// The application's log. Writing to it can't fail; the host bounds it, drops what is too much,
/// and logs how much that was.
///
/// ```
/// use wasgi_guest::Environ;
///
/// fn note(environ: &Environ) {
///     writeln!(environ.errors(), "{} of {}", environ.method(), environ.path());
/// }
/// ```
///
/// It is also an [`std::io::Write`] and an [`std::fmt::Write`], for what wants to be given one.
#[derive(Clone)]
pub struct Errors(Rc<Request>);

impl Errors {
    pub(crate) fn new(request: Rc<Request>) -> Errors {
        Errors(request)
    }

    /// Writes text as it is; a line's end is the caller's to add.
    pub fn log(&self, text: &str) {
        self.0.host.log(text);
    }

    /// What `write!` and `writeln!` call: the whole text reaches the log in one piece, and
    /// there is no `Result` to look at.
    pub fn write_fmt(&self, text: fmt::Arguments<'_>) {
        match text.as_str() {
            Some(text) => self.log(text),
            None => self.log(&text.to_string()),
        }
    }
}

impl io::Write for Errors {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.log(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Write for Errors {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.log(text);
        Ok(())
    }
}
