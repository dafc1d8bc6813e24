//! The environ: CGI's variables with typed reading, and the ways to the request's body, the
//! log and the response's end.

use std::net::IpAddr;
use std::rc::Rc;

use crate::request::Request;
use crate::{Error, Errors, Input, Pairs, Report, native};

/// The request, by PEP 3333's names.
///
/// Values are [native strings](crate::native) where they are read by [`get`](Environ::get),
/// [`header`](Environ::header) and [`entries`](Environ::entries); what decodes them says so.
/// Each reading makes a new text, so a value that is needed twice is better kept.
pub struct Environ {
    request: Rc<Request>,
    changed: Vec<(String, String)>,
    input: Input,
}

impl Environ {
    pub(crate) fn new(request: Rc<Request>) -> Environ {
        Environ { input: Input::new(request.clone()), changed: Vec::new(), request }
    }

    /// One variable: `environ.get("SERVER_SOFTWARE")`.
    pub fn get(&self, name: &str) -> Option<String> {
        match self.changed.iter().find(|entry| entry.0 == name) {
            Some((_, value)) => Some(value.clone()),
            None => self.request.host.get(name),
        }
    }

    /// Sets one variable, for the application that middleware passes the environ on to.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        merge(&mut self.changed, name.into(), value.into());
    }

    /// Every variable, each name once, in no particular order.
    pub fn entries(&self) -> Vec<(String, String)> {
        let mut entries = self.request.host.entries();
        for (name, value) in &self.changed {
            merge(&mut entries, name.clone(), value.clone());
        }
        entries
    }

    /// REQUEST_METHOD, as the client wrote it.
    pub fn method(&self) -> String {
        self.get("REQUEST_METHOD").unwrap_or_default()
    }

    /// SCRIPT_NAME as text: the path that the application is mounted at, `""` at the root.
    pub fn script_name(&self) -> String {
        native::to_text(self.get("SCRIPT_NAME").unwrap_or_default())
    }

    /// PATH_INFO as text: the path below the application's mount, with `%XX` decoded. Bytes
    /// that are not UTF-8 become U+FFFD; `get("PATH_INFO")` has them.
    pub fn path(&self) -> String {
        native::to_text(self.get("PATH_INFO").unwrap_or_default())
    }

    /// QUERY_STRING, undecoded; `""` if there is none.
    pub fn query_string(&self) -> String {
        self.get("QUERY_STRING").unwrap_or_default()
    }

    /// The query's names and values, decoded.
    pub fn query(&self) -> Pairs {
        Pairs::from_query(&self.query_string())
    }

    /// A header by the name that it has in HTTP, in any case: `environ.header("Accept")`.
    pub fn header(&self, name: &str) -> Option<String> {
        self.get(&variable(name))
    }

    /// The cookies that the client sent.
    pub fn cookies(&self) -> Pairs {
        self.get("HTTP_COOKIE").map(|header| Pairs::from_cookies(&header)).unwrap_or_default()
    }

    /// CONTENT_TYPE, if the client sent one.
    pub fn content_type(&self) -> Option<String> {
        self.get("CONTENT_TYPE")
    }

    /// CONTENT_LENGTH: the body's length in bytes, if it is known before it is read.
    pub fn content_length(&self) -> Option<u64> {
        self.get("CONTENT_LENGTH")?.parse().ok()
    }

    /// HTTP_HOST, or else SERVER_NAME and SERVER_PORT: the host that the client asked for.
    pub fn host(&self) -> String {
        self.get("HTTP_HOST").unwrap_or_else(|| {
            let [name, port] = ["SERVER_NAME", "SERVER_PORT"].map(|name| self.get(name).unwrap_or_default());
            [name, port].join(":")
        })
    }

    /// `wsgi.url_scheme`: `http` or `https`.
    pub fn url_scheme(&self) -> String {
        self.get("wsgi.url_scheme").unwrap_or_default()
    }

    /// SERVER_PROTOCOL, for instance `HTTP/1.1`.
    pub fn server_protocol(&self) -> String {
        self.get("SERVER_PROTOCOL").unwrap_or_default()
    }

    /// REMOTE_ADDR: the client's address, or its proxy's.
    pub fn remote_addr(&self) -> Option<IpAddr> {
        self.get("REMOTE_ADDR")?.parse().ok()
    }

    /// `wasgi.request_id`: what the host calls this request in its logs.
    pub fn request_id(&self) -> String {
        self.get("wasgi.request_id").unwrap_or_default()
    }

    /// `wsgi.input`: the request's body. It is the same reader each time.
    pub fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    /// The request's body alone, for a response that reads it as it goes.
    pub fn into_input(self) -> Input {
        self.input
    }

    /// `wsgi.errors`: the application's log.
    pub fn errors(&self) -> Errors {
        Errors::new(self.request.clone())
    }

    /// Has `hook` called once the response is over and its body dropped: after its end, after
    /// an error, and after the client has left. Hooks run in the order of their registration;
    /// one that fails is logged and keeps none from running. No client waits for them.
    ///
    /// ```
    /// use wasgi_guest::Environ;
    ///
    /// fn count(environ: &Environ) {
    ///     let errors = environ.errors();
    ///     environ.posthook(move |report| {
    ///         writeln!(errors, "{} bytes sent", report.bytes);
    ///         Ok(())
    ///     });
    /// }
    /// ```
    pub fn posthook(&self, hook: impl FnOnce(Report) -> Result<(), Error> + 'static) {
        self.request.hooks.add(Box::new(hook));
    }
}

/// Sets a name that may be there already.
fn merge(entries: &mut Vec<(String, String)>, name: String, value: String) {
    match entries.iter_mut().find(|entry| entry.0 == name) {
        Some(entry) => entry.1 = value,
        None => entries.push((name, value)),
    }
}

/// The variable that holds a header.
fn variable(header: &str) -> String {
    let mut name = String::with_capacity("HTTP_".len() + header.len());
    if !["content-type", "content-length"].iter().any(|bare| bare.eq_ignore_ascii_case(header)) {
        name.push_str("HTTP_");
    }
    name.extend(header.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_uppercase() }));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_by_their_names() {
        assert_eq!(variable("accept-language"), "HTTP_ACCEPT_LANGUAGE");
        assert_eq!(variable("Content-Type"), "CONTENT_TYPE");
        assert_eq!(variable("CONTENT-LENGTH"), "CONTENT_LENGTH");
        assert_eq!(variable("Content-Encoding"), "HTTP_CONTENT_ENCODING");
    }

    #[test]
    fn a_set_name_stays_single() {
        let mut entries = vec![("A".to_owned(), "1".to_owned())];
        merge(&mut entries, "A".into(), "2".into());
        merge(&mut entries, "B".into(), "3".into());
        assert_eq!(entries, [("A".into(), "2".into()), ("B".into(), "3".into())]);
    }
}
