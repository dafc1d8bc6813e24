//! Names with values, as query strings, submitted forms and cookies give them. Pure.

use crate::native;

/// Names with values, in the order in which they came. A name may come more than once.
///
/// ```
/// use wasgi_guest::Pairs;
///
/// let query = Pairs::from_query("q=caf%C3%A9+au+lait&page=2");
/// assert_eq!(query.get("q"), Some("café au lait"));
/// assert_eq!(query.get("page"), Some("2"));
/// assert_eq!(query.get("lang"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Decodes a query string, or a body of type `application/x-www-form-urlencoded`:
    /// `%XX` is a byte, `+` a space, and the bytes are UTF-8. A name without `=` has the value
    /// `""`; a `%` that no two hexadecimal digits follow stands for itself.
    pub fn from_query(query: &str) -> Pairs {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Pairs(pairs.map(|pair| halves(pair).unwrap_or((pair, ""))).map(decode).collect())
    }

    /// Reads a `Cookie` header. What has no `=` is no cookie and is left out.
    ///
    /// ```
    /// use wasgi_guest::Pairs;
    ///
    /// let cookies = Pairs::from_cookies(r#"session=38afes7a8; theme="dark""#);
    /// assert_eq!(cookies.get("session"), Some("38afes7a8"));
    /// assert_eq!(cookies.get("theme"), Some("dark"));
    /// ```
    pub fn from_cookies(header: &str) -> Pairs {
        let cookies = header.split(';').filter_map(halves);
        Pairs(
            cookies
                .map(|(name, value)| (native::to_text(name.trim()), native::to_text(unquote(value.trim()))))
                .collect(),
        )
    }

    /// The first value of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// Every value of this name.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter().filter(move |pair| pair.0 == name).map(|pair| pair.1)
    }

    /// Every name with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl IntoIterator for Pairs {
    type Item = (String, String);
    type IntoIter = std::vec::IntoIter<(String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

fn halves(pair: &str) -> Option<(&str, &str)> {
    pair.split_once('=')
}

fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

fn decode((name, value): (&str, &str)) -> (String, String) {
    (percent_decode(name), percent_decode(value))
}

fn percent_decode(encoded: &str) -> String {
    let mut rest = native::bytes(encoded).into_iter();
    let mut decoded = Vec::with_capacity(rest.len());
    while let Some(byte) = rest.next() {
        decoded.push(match (byte, rest.as_slice()) {
            (b'+', _) => b' ',
            (b'%', [high, low, ..]) => match hex(*high).zip(hex(*low)) {
                Some((high, low)) => {
                    rest.nth(1);
                    high << 4 | low
                }
                None => byte,
            },
            _ => byte,
        });
    }
    String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Vec<(String, String)> {
        Pairs::from_query(text).0
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn query_keeps_order_and_repetition() {
        assert_eq!(query("a=1&b=2&a=3"), [pair("a", "1"), pair("b", "2"), pair("a", "3")]);
        assert_eq!(Pairs::from_query("a=1&b=2&a=3").get_all("a").collect::<Vec<_>>(), ["1", "3"]);
    }

    #[test]
    fn query_of_odd_shapes() {
        assert_eq!(query(""), []);
        assert_eq!(query("&&a&=x&b=c=d"), [pair("a", ""), pair("", "x"), pair("b", "c=d")]);
    }

    #[test]
    fn percent_signs() {
        assert_eq!(query("a=%41%zz%4&b=100%"), [pair("a", "A%zz%4"), pair("b", "100%")]);
        assert_eq!(query("%66oo=%26%3D%2B"), [pair("foo", "&=+")]);
        assert_eq!(query("a=%ff"), [pair("a", "\u{fffd}")]);
    }

    #[test]
    fn raw_bytes_are_utf8_too() {
        assert_eq!(query("a=\u{c3}\u{a9}"), [pair("a", "é")]);
    }

    #[test]
    fn cookies() {
        assert_eq!(
            Pairs::from_cookies("a=1;b = \"2\" ; junk; c=\"; d=x=y").0,
            [pair("a", "1"), pair("b", "2"), pair("c", "\""), pair("d", "x=y")]
        );
        assert_eq!(Pairs::from_cookies("").0, []);
    }
}
