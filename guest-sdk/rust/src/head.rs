//! A response's status and headers while middleware changes them. Pure.

/// A response's status and headers, on their way from an application to the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The status line: three digits, a space and a reason.
    pub status: String,
    /// The headers in their order. A name may come more than once.
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn new(status: &str, headers: &[(&str, &str)]) -> Head {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Head { status: status.to_owned(), headers: headers.collect() }
    }

    /// The first value of this header. Names are compared without regard to case, here and below.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0.eq_ignore_ascii_case(name)).map(|header| header.1.as_str())
    }

    /// Adds a header beside those of the same name.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.headers.push((name.into(), value.into()));
    }

    /// Sets a header in the place of all of the same name.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into();
        self.remove(&name);
        self.add(name, value);
    }

    /// Removes every header of this name.
    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|header| !header.0.eq_ignore_ascii_case(name));
    }

    pub(crate) fn lend(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_case_and_values_keep_their_order() {
        let mut head = Head::new("200 OK", &[("Set-Cookie", "a=1"), ("Vary", "Accept"), ("set-cookie", "b=2")]);
        head.add("Vary", "Cookie");
        assert_eq!(head.get("vary"), Some("Accept"));
        head.set("SET-COOKIE", "c=3");
        assert_eq!(head.lend(), [("Vary", "Accept"), ("Vary", "Cookie"), ("SET-COOKIE", "c=3")]);
        head.remove("vary");
        assert_eq!(head.lend(), [("SET-COOKIE", "c=3")]);
    }
}
