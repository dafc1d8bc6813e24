//! What may differ, and why. A rule takes what it excuses out of a response; where it took another thing out of wasgi's
//! than out of gunicorn's, the two differed in it.

use super::request::Answer;

/// One permitted difference.
pub(crate) struct Rule {
    pub(crate) what: &'static str,
    pub(crate) why: &'static str,
    /// Gives what it took out. `unframed`: the application gave no Content-Length, as gunicorn's response shows.
    pub(crate) take: fn(&mut Answer, unframed: bool) -> String,
}

pub(crate) const RULES: [Rule; 7] = [
    Rule {
        what: "how the body's end is told",
        why: "without a Content-Length of the application, wasgi gives that of a single chunk, and gunicorn none",
        take: framing,
    },
    Rule { what: "CSRF tokens", why: "they are random", take: tokens },
    Rule { what: "times", why: "in a session's signature, in expiries, and where an entry was written", take: times },
    Rule {
        what: "Last-Modified and ETag of files",
        why: "packages were installed twice, and Flask's ETag has a checksum of the file's path in it",
        take: |answer, _| answer.header_with("last-modified", "") + &answer.header_with("etag", ""),
    },
    Rule { what: "the order in Allow", why: "it is that of a set, and so random", take: allow },
    Rule {
        what: "the reason of 416",
        why: "it is http.HTTPStatus's, which Python 3.13 brought up to RFC 9110",
        take: |answer, _| match answer.status.strip_prefix("416 ") {
            Some(_) => std::mem::replace(&mut answer.status, "416".into()),
            None => String::new(),
        },
    },
    Rule {
        what: "the order of headers", why: "it matters among those of one name alone (RFC 9110 §5.3)", take: order
    },
];

fn framing(answer: &mut Answer, unframed: bool) -> String {
    if !unframed {
        return String::new();
    }
    let length = answer.header("content-length").map(str::to_owned);
    answer.headers.retain(|(name, _)| name != "content-length" && name != "transfer-encoding");
    format!("{length:?}")
}

fn tokens(answer: &mut Answer, _: bool) -> String {
    answer.in_cookies("csrftoken=", ";") + &answer.in_body("name=\"csrfmiddlewaretoken\" value=\"", "\"")
}

fn times(answer: &mut Answer, _: bool) -> String {
    let expiries = answer.in_cookies("expires=", ";") + &answer.header_with("expires", "");
    // What a session holds is to be seen in the body.
    let signature = answer.in_cookies("session=", ";");
    expiries + &signature + &answer.in_body("<time datetime=\"", "\"")
}

fn allow(answer: &mut Answer, _: bool) -> String {
    let Some(value) = answer.headers.iter_mut().find(|(name, _)| name == "allow").map(|(_, value)| value) else {
        return String::new();
    };
    let mut methods: Vec<_> = value.split(", ").map(str::to_owned).collect();
    methods.sort();
    std::mem::replace(value, methods.join(", "))
}

fn order(answer: &mut Answer, _: bool) -> String {
    let names: Vec<_> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(" ");
    answer.headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    names
}

impl Answer {
    /// Takes what follows `start`, up to `end`, out of the cookies that are set.
    fn in_cookies(&mut self, start: &str, end: &str) -> String {
        let cookies = self.headers.iter_mut().filter(|(name, _)| name == "set-cookie");
        cookies.map(|(_, value)| cut(value, start, end)).collect()
    }

    fn in_body(&mut self, start: &str, end: &str) -> String {
        let Ok(mut text) = String::from_utf8(std::mem::take(&mut self.body))
            .inspect_err(|error| self.body = error.as_bytes().to_vec())
        else {
            return String::new();
        };
        let taken = cut(&mut text, start, end);
        self.body = text.into_bytes();
        taken
    }

    /// Replaces the value of a header, if it is there, and gives what it was.
    fn header_with(&mut self, name: &str, value: &str) -> String {
        let found = self.headers.iter_mut().find(|(given, _)| given == name);
        found.map(|(_, old)| std::mem::replace(old, value.to_owned())).unwrap_or_default()
    }
}

/// Takes each piece between `start` and `end` out of a text.
fn cut(text: &mut String, start: &str, end: &str) -> String {
    let (mut taken, mut left) = (String::new(), String::new());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once(start) {
        let length = after.find(end).unwrap_or(after.len());
        left = left + before + start;
        taken += &after[..length];
        rest = &after[length..];
    }
    left += rest;
    *text = left;
    taken
}
