//! The path of a request: undecoded on the wire, decoded once for routing and for the environ.

use std::borrow::Cow;

/// Decodes `%XX` exactly once into a native string: each byte becomes the code point of the same
/// number (PEP 3333, "A Note On String Types"). `+` and `;` stay, `%2F` becomes `/`, dot segments
/// are not collapsed, and a `%` that two hex digits don't follow stands for itself.
pub fn decode(path: &[u8]) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let escaped = match (byte, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                out.push(char::from(high << 4 | low));
                rest = &tail[2..];
            }
            None => out.push(char::from(byte)),
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Bytes as a native string; free where they are ASCII.
pub fn native(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

/// The bytes that a native string stands for; none if a code point is above U+00FF.
pub fn bytes(native: &str) -> Option<Cow<'_, [u8]>> {
    if native.is_ascii() {
        return Some(Cow::Borrowed(native.as_bytes()));
    }
    let bytes: Result<Vec<u8>, _> = native.chars().map(|c| u8::try_from(u32::from(c))).collect();
    bytes.ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decodes_once() {
        assert_eq!(decode(b"/a%2Fb+c;d/../%25zz%zz%4"), "/a/b+c;d/../%zz%zz%4");
        assert_eq!(decode(b"/%252F"), "/%2F");
        assert_eq!(decode("/\u{e9}".as_bytes()), "/\u{c3}\u{a9}");
        assert_eq!(decode(b"/%C3%A9"), "/\u{c3}\u{a9}");
    }

    proptest! {
        #[test]
        fn native_strings_stand_for_their_bytes(raw: Vec<u8>) {
            let text = native(&raw);
            prop_assert!(text.chars().all(|c| u32::from(c) < 256));
            prop_assert_eq!(bytes(&text).unwrap().into_owned(), raw);
        }

        #[test]
        fn escaping_everything_decodes_to_the_same(raw: Vec<u8>) {
            let escaped: String = raw.iter().map(|b| format!("%{b:02x}")).collect();
            prop_assert_eq!(bytes(&decode(escaped.as_bytes())).unwrap().into_owned(), raw);
        }
    }
}
