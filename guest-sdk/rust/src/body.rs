//! What an application returns: anything that chunks can be taken from.

use crate::form::Step;
use crate::{Chunk, Error, TryChunk};

/// A response's body: an iterator of chunks, whatever it was made from.
///
/// Dropping it is PEP 3333's `close()`. The host has it dropped exactly once, whatever happened
/// to the response, so what the iterator owns may tidy up in its `Drop`.
pub struct Body(Chunks);

enum Chunks {
    /// One chunk, or none any more; or the error in its place.
    One(Option<Result<Vec<u8>, Error>>),
    Many(Box<dyn Iterator<Item = Result<Vec<u8>, Error>>>),
}

impl Body {
    fn new(chunks: impl Iterator<Item: TryChunk> + 'static) -> Body {
        Body(Chunks::Many(Box::new(chunks.map(TryChunk::try_into_bytes))))
    }

    /// Whether there is nothing left in it, not even what dropping would be noticed of.
    #[cfg(wasgi_lean)]
    pub(crate) fn is_spent(&self) -> bool {
        matches!(self.0, Chunks::One(None))
    }

    /// The next step. Where the iterator knows that a chunk was its last one, the host is told
    /// so: a response of one chunk then takes one call, and needs no Content-Length.
    pub(crate) fn step(&mut self) -> Result<Step, Error> {
        match self.next().transpose()? {
            None => Ok(Step::Done),
            Some(chunk) if self.size_hint().1 == Some(0) => Ok(Step::Last(chunk)),
            Some(chunk) => Ok(Step::More(chunk)),
        }
    }
}

impl Iterator for Body {
    type Item = Result<Vec<u8>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Chunks::One(chunk) => chunk.take(),
            Chunks::Many(chunks) => chunks.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Chunks::One(chunk) => (usize::from(chunk.is_some()), Some(usize::from(chunk.is_some()))),
            Chunks::Many(chunks) => chunks.size_hint(),
        }
    }
}

/// What an application may return:
///
/// - one [`Chunk`], like `String` or `&'static str`;
/// - an array, `Vec` or `Option` of chunks;
/// - an iterator of chunks, for instance [`std::iter::from_fn`]; a chunk may be a `Result`;
/// - a `Result` of any of these. Its error may be anything that [`Error`] is made from, or a
///   boxed [`std::error::Error`].
///
/// `Shape` says which of these it is. The compiler finds it; nobody writes it.
///
/// ```
/// use wasgi_guest::IntoBody;
///
/// let countdown = (1..=3).rev().map(|n| format!("{n}\n"));
/// let chunks: Result<Vec<_>, _> = countdown.into_body().collect();
/// assert_eq!(chunks.unwrap(), [b"3\n", b"2\n", b"1\n"]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a response's body",
    note = "an application returns a chunk, an array, `Vec` or iterator of chunks, or a `Result` of one of these",
    note = "another collection is returned by its `into_iter()`, another error is converted to `wasgi_guest::Error`"
)]
pub trait IntoBody<Shape> {
    /// The body.
    fn into_body(self) -> Body;
}

/// The forms of what an application may return; see [`IntoBody`].
pub mod shape {
    use std::marker::PhantomData;

    /// One chunk.
    pub enum One {}
    /// A collection of chunks.
    pub enum Many {}
    /// An iterator of chunks.
    pub enum Lazy {}
    /// A body, or an [`Error`](crate::Error).
    pub struct Fallible<Shape>(PhantomData<Shape>);
    /// A body, or a boxed [`std::error::Error`].
    pub struct Boxed<Shape>(PhantomData<Shape>);
}

impl<C: Chunk> IntoBody<shape::One> for C {
    fn into_body(self) -> Body {
        Body(Chunks::One(Some(Ok(self.into_bytes()))))
    }
}

impl<C: TryChunk + 'static, const N: usize> IntoBody<shape::Many> for [C; N] {
    fn into_body(self) -> Body {
        Body::new(self.into_iter())
    }
}

impl<C: TryChunk + 'static> IntoBody<shape::Many> for Vec<C> {
    fn into_body(self) -> Body {
        Body::new(self.into_iter())
    }
}

impl<C: TryChunk + 'static> IntoBody<shape::Many> for Option<C> {
    fn into_body(self) -> Body {
        Body::new(self.into_iter())
    }
}

impl<I: Iterator<Item: TryChunk> + 'static> IntoBody<shape::Lazy> for I {
    fn into_body(self) -> Body {
        Body::new(self)
    }
}

impl<B: IntoBody<S>, S, E: Into<Error>> IntoBody<shape::Fallible<S>> for Result<B, E> {
    fn into_body(self) -> Body {
        self.map_or_else(|error| fails(error.into()), B::into_body)
    }
}

impl<B: IntoBody<S>, S, E: std::error::Error + ?Sized> IntoBody<shape::Boxed<S>> for Result<B, Box<E>> {
    fn into_body(self) -> Body {
        self.map_or_else(|error| fails(Error::boxed(&*error)), B::into_body)
    }
}

/// An application that fails before it has a body gives one that fails in its first step, so
/// that `close` and hooks follow.
fn fails(error: Error) -> Body {
    Body(Chunks::One(Some(Err(error))))
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    fn steps<S>(body: impl IntoBody<S>) -> Vec<String> {
        let mut body = body.into_body();
        let mut steps = Vec::new();
        loop {
            let (step, over) = match body.step() {
                Ok(Step::More(chunk)) => (format!("more {}", chunk.escape_ascii()), false),
                Ok(Step::Last(chunk)) => (format!("last {}", chunk.escape_ascii()), true),
                Ok(Step::Done) => ("done".into(), true),
                Err(error) => (error.to_string(), true),
            };
            steps.push(step);
            if over {
                return steps;
            }
        }
    }

    #[test]
    fn one_chunk_takes_one_step() {
        assert_eq!(steps("hi"), ["last hi"]);
        assert_eq!(steps(b"hi".to_vec()), ["last hi"]);
        assert_eq!(steps(["hi"]), ["last hi"]);
        assert_eq!(steps(Some(String::from("hi"))), ["last hi"]);
        assert_eq!(steps(iter::once("hi")), ["last hi"]);
    }

    #[test]
    fn known_ends_are_told() {
        assert_eq!(steps(["a", "b"]), ["more a", "last b"]);
        assert_eq!(steps(vec![vec![97], vec![98]]), ["more a", "last b"]);
        assert_eq!(steps(Vec::<String>::new()), ["done"]);
        assert_eq!(steps(iter::empty::<String>()), ["done"]);
    }

    #[test]
    fn unknown_ends_are_found() {
        let mut left = 2;
        let chunks = iter::from_fn(move || {
            left -= 1;
            (left >= 0).then(|| left.to_string())
        });
        assert_eq!(steps(chunks), ["more 1", "more 0", "done"]);
    }

    #[test]
    fn a_chunk_may_fail() {
        let chunks = [Ok("a"), Err(Error::new("ValueError", "bad")), Ok("b")];
        assert_eq!(steps(chunks), ["more a", "ValueError: bad"]);
        let chunks = ["a", "b"].into_iter().map(|text| text.parse::<u32>().map(|n| n.to_string()));
        assert_eq!(steps(chunks), ["core::num::error::ParseIntError: invalid digit found in string"]);
    }

    #[test]
    fn an_application_may_fail() {
        fn any(fails: bool) -> Result<[&'static str; 1], Box<dyn std::error::Error>> {
            if fails { Err("no such page".into()) } else { Ok(["page"]) }
        }
        assert_eq!(steps(any(true)), ["Error: no such page"]);
        assert_eq!(steps(any(false)), ["last page"]);
        assert_eq!(steps(Err::<String, _>(Error::new("ValueError", "bad"))), ["ValueError: bad"]);
        assert_eq!(steps("1".parse::<u8>().map(|n| vec![n.to_string()])), ["last 1"]);
    }

    #[test]
    fn a_body_is_a_body() {
        let shouted = ["a", "b"].into_body().map(|chunk| chunk.map(|bytes| bytes.to_ascii_uppercase()));
        assert_eq!(steps(shouted), ["more A", "last B"]);
    }
}
