//! What a body is made of.

use std::borrow::Cow;

use crate::Error;

/// A piece of a response's body: bytes, or text that is sent as UTF-8.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a chunk of a response",
    note = "chunks are bytes or text: `Vec<u8>`, `&[u8]`, `String`, `&str`, `Cow` of these"
)]
pub trait Chunk {
    /// The chunk's bytes.
    fn into_bytes(self) -> Vec<u8>;
}

/// What a body's iterator may yield: a [`Chunk`], or the error that stands in its place.
///
/// The error may be anything that [`Error`] is made from. It ends the body: a client that has
/// seen nothing yet gets status 500, any other sees its response cut.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a chunk of a response nor a `Result` of one",
    note = "chunks are bytes or text: `Vec<u8>`, `&[u8]`, `String`, `&str`, `Cow` of these"
)]
pub trait TryChunk {
    /// The chunk's bytes, or why there are none.
    fn try_into_bytes(self) -> Result<Vec<u8>, Error>;
}

impl<C: Chunk> TryChunk for C {
    fn try_into_bytes(self) -> Result<Vec<u8>, Error> {
        Ok(self.into_bytes())
    }
}

impl<C: Chunk, E: Into<Error>> TryChunk for Result<C, E> {
    fn try_into_bytes(self) -> Result<Vec<u8>, Error> {
        self.map(C::into_bytes).map_err(E::into)
    }
}

macro_rules! chunk {
    ($($type:ty),* $(,)?) => {$(
        impl Chunk for $type {
            fn into_bytes(self) -> Vec<u8> {
                self.into()
            }
        }
    )*};
}

chunk!(Vec<u8>, Box<[u8]>, &[u8], Cow<'_, [u8]>, String, &str);

impl<const N: usize> Chunk for [u8; N] {
    fn into_bytes(self) -> Vec<u8> {
        self.into()
    }
}

impl<const N: usize> Chunk for &[u8; N] {
    fn into_bytes(self) -> Vec<u8> {
        self.into()
    }
}

impl Chunk for Cow<'_, str> {
    fn into_bytes(self) -> Vec<u8> {
        self.into_owned().into_bytes()
    }
}
