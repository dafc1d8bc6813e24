//! Native strings: text whose code points U+0000–U+00FF stand for bytes (PEP 3333, "A Note On
//! String Types"). The environ's values, the status and the headers are of this kind; text of
//! the world's other languages passes through them as its UTF-8 bytes.

use std::borrow::Cow;

/// The native string that stands for these bytes.
///
/// ```
/// assert_eq!(wasgi_guest::native::from_bytes(b"caf\xe9"), "café");
/// ```
pub fn from_bytes(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The bytes that a native string stands for; none if it holds a code point above U+00FF and so
/// is not a native string.
///
/// ```
/// use wasgi_guest::native;
///
/// assert_eq!(native::to_bytes("café").as_deref(), Some(&b"caf\xe9"[..]));
/// assert_eq!(native::to_bytes("東京"), None);
/// ```
pub fn to_bytes(native: &str) -> Option<Vec<u8>> {
    native.chars().map(|point| u8::try_from(point).ok()).collect()
}

/// The native string that carries this text as UTF-8: what a header's value must be to hold
/// more than latin-1.
///
/// ```
/// use wasgi_guest::native;
///
/// assert_eq!(native::to_text(native::from_text("東京")), "東京");
/// ```
pub fn from_text(text: &str) -> String {
    from_bytes(text.as_bytes())
}

/// The text that a native string carries as UTF-8. Bytes that are not UTF-8 become U+FFFD.
///
/// A string that is not native is text already, and stays as it is.
///
/// ```
/// assert_eq!(wasgi_guest::native::to_text("/caf\u{c3}\u{a9}"), "/café");
/// ```
pub fn to_text<'a>(native: impl Into<Cow<'a, str>>) -> String {
    let native = native.into();
    if native.is_ascii() {
        return native.into_owned();
    }
    String::from_utf8_lossy(&bytes(&native)).into_owned()
}

/// The bytes that a native string stands for, or the UTF-8 of a string that is not native.
pub(crate) fn bytes(string: &str) -> Vec<u8> {
    to_bytes(string).unwrap_or_else(|| string.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(to_bytes(&from_bytes(&bytes)), Some(bytes));
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        assert_eq!(to_text("caf\u{e9}"), "caf\u{fffd}");
        assert_eq!(to_text("東京"), "東京");
        assert_eq!(to_text(""), "");
    }
}
