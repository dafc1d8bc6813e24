//! What went wrong, as data: `sys.exc_info()`. Any error becomes one by `?`.

use std::any::type_name;
use std::fmt;
use std::panic::Location;

use crate::bindings::wasgi::gateway::gateway::ExcInfo;

/// Why an application failed. It goes to the application's log, never to the client, who gets
/// status 500, or a response that is visibly cut.
///
/// Every [`std::error::Error`] becomes one by `?`, which also notes where that happened:
///
/// ```
/// use wasgi_guest::Error;
///
/// fn page(text: &str) -> Result<u32, Error> {
///     Ok(text.parse()?)
/// }
///
/// let error = page("two").unwrap_err();
/// assert_eq!(error.kind(), "core::num::error::ParseIntError");
/// assert_eq!(error.message(), "invalid digit found in string");
/// assert!(error.trace().contains(".rs:"));
/// ```
pub struct Error(Box<ExcInfo>);

impl Error {
    /// An error of a kind that has no Rust type: `Error::new("ValueError", "n is negative")`.
    #[track_caller]
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Error {
        Error(Box::new(ExcInfo { kind: kind.into(), message: message.into(), trace: Location::caller().to_string() }))
    }

    /// What kind of error: the name of the error's type.
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// What the error says, and what the errors behind it say, separated by `": "`.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it became an [`Error`]: file, line and column.
    pub fn trace(&self) -> &str {
        &self.0.trace
    }

    pub(crate) fn exc_info(&self) -> &ExcInfo {
        &self.0
    }

    pub(crate) fn into_exc_info(self) -> ExcInfo {
        *self.0
    }

    /// An error whose type was forgotten when it was boxed.
    #[track_caller]
    pub(crate) fn boxed(error: &(impl std::error::Error + ?Sized)) -> Error {
        Error::new("Error", chain(error))
    }
}

impl<E: std::error::Error> From<E> for Error {
    #[track_caller]
    fn from(error: E) -> Error {
        Error::new(type_name::<E>(), chain(&error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind, self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.0.trace)
    }
}

fn chain(error: &(impl std::error::Error + ?Sized)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Unreadable(std::num::ParseIntError);

    impl fmt::Display for Unreadable {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the page number can't be read")
        }
    }

    impl std::error::Error for Unreadable {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    fn fails() -> Result<u32, Error> {
        Ok("x".parse().map_err(Unreadable)?)
    }

    #[test]
    fn the_chain_is_told_and_the_place() {
        let error = fails().unwrap_err();
        assert_eq!(error.kind(), "wasgi_guest::error::tests::Unreadable");
        assert_eq!(error.message(), "the page number can't be read: invalid digit found in string");
        assert!(error.trace().starts_with(file!()), "{}", error.trace());
    }

    #[test]
    fn boxed_errors_keep_their_message() {
        let boxed: Box<dyn std::error::Error> = "no such page".into();
        assert_eq!(Error::boxed(&*boxed).to_string(), "Error: no such page");
    }
}
