//! The adapter for people who do not want WSGI's shape: an application as a function from
//! [`http::Request`] to [`http::Response`]. Needs the feature `http`.
//!
//! ```
//! use http::{Request, Response};
//! use wasgi_guest::Input;
//!
//! fn app(request: Request<Input>) -> Result<Response<String>, http::Error> {
//!     let page = format!("{} of {}\n", request.method(), request.uri());
//!     Response::builder().header("content-type", "text/plain").body(page)
//! }
//!
//! wasgi_guest::export!(wasgi_guest::http::adapt(app));
//! # fn main() {}
//! ```

use ::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use ::http::{HeaderMap, Request, Response, Version};

use crate::{Body, Environ, Error, Input, IntoBody, StartResponse, native};

/// Where the application is mounted: SCRIPT_NAME as text, `""` at the root. It is among the
/// request's extensions; links begin with it, since the request's URI is what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptName(pub String);

/// What an application that is adapted returns: a [`Response`] whose body is anything that
/// [`IntoBody`] describes, or a `Result` of one.
pub trait IntoResponse<Shape> {
    /// The response, its body made one that the host can iterate.
    fn into_response(self) -> Result<Response<Body>, Error>;
}

impl<B: IntoBody<S>, S> IntoResponse<S> for Response<B> {
    fn into_response(self) -> Result<Response<Body>, Error> {
        Ok(self.map(B::into_body))
    }
}

impl<B: IntoBody<S>, S, E: Into<Error>> IntoResponse<S> for Result<Response<B>, E> {
    fn into_response(self) -> Result<Response<Body>, Error> {
        self.map(|response| response.map(B::into_body)).map_err(E::into)
    }
}

/// Makes an application of WSGI's shape of one that takes a [`Request`] and returns a
/// [`Response`], or a `Result` of one.
///
/// The request's URI is the path below the application's mount, and the query. A request that
/// the `http` crate can't express is answered with status 400.
pub fn adapt<R, S>(application: impl Fn(Request<Input>) -> R) -> impl Fn(Environ, StartResponse) -> Result<Body, Error>
where
    R: IntoResponse<S>,
{
    move |environ, start_response| {
        let request = match request(&environ.entries()) {
            Ok(request) => request.map(|()| environ.into_input()),
            Err(error) => {
                start_response.replace("400 Bad Request", &[("Content-Type", "text/plain")], error)?;
                return Ok("Bad Request\n".into_body());
            }
        };
        let (head, body) = application(request).into_response()?.into_parts();
        let status = format!("{} {}", head.status.as_str(), head.status.canonical_reason().unwrap_or("Unknown"));
        let headers = native_headers(&head.headers);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        start_response.call(&status, &headers)?;
        Ok(body)
    }
}

/// The request that the environ's variables describe.
fn request(entries: &[(String, String)]) -> Result<Request<()>, ::http::Error> {
    let get = |name| entries.iter().find(|entry| entry.0 == name).map_or("", |entry| entry.1.as_str());
    let mut request = Request::builder()
        .method(get("REQUEST_METHOD"))
        .uri(uri(get("PATH_INFO"), get("QUERY_STRING")))
        .version(version(get("SERVER_PROTOCOL")))
        .extension(ScriptName(native::to_text(get("SCRIPT_NAME"))))
        .body(())?;
    for (variable, value) in entries {
        if let Some(name) = header_name(variable) {
            request.headers_mut().append(name, HeaderValue::from_bytes(&native::bytes(value))?);
        }
    }
    Ok(request)
}

/// PATH_INFO, encoded again, with the query.
fn uri(path: &str, query: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "" } else { "/" });
    for byte in native::bytes(path) {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';'
            | b'=' | b':' | b'@' => uri.push(byte.into()),
            _ if byte.is_ascii_alphanumeric() => uri.push(byte.into()),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    if !query.is_empty() {
        uri.extend(["?", query]);
    }
    uri
}

fn version(protocol: &str) -> Version {
    match protocol {
        "HTTP/1.0" => Version::HTTP_10,
        "HTTP/2.0" => Version::HTTP_2,
        _ => Version::HTTP_11,
    }
}

/// The header that a variable holds, if it holds one.
fn header_name(variable: &str) -> Option<HeaderName> {
    match variable {
        "CONTENT_TYPE" => Some(CONTENT_TYPE),
        "CONTENT_LENGTH" => Some(CONTENT_LENGTH),
        _ => variable.strip_prefix("HTTP_")?.replace('_', "-").parse().ok(),
    }
}

fn native_headers(headers: &HeaderMap) -> Vec<(&str, String)> {
    headers.iter().map(|(name, value)| (name.as_str(), native::from_bytes(value.as_bytes()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(entries: &[(&str, &str)]) -> Vec<(String, String)> {
        entries.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn a_request_from_its_variables() {
        let request = request(&entries(&[
            ("REQUEST_METHOD", "PUT"),
            ("SCRIPT_NAME", "/shop"),
            ("PATH_INFO", "/caf\u{c3}\u{a9}/a b"),
            ("QUERY_STRING", "q=%20"),
            ("SERVER_PROTOCOL", "HTTP/1.0"),
            ("CONTENT_TYPE", "text/plain"),
            ("HTTP_X_NAME", "caf\u{e9}"),
            ("wsgi.url_scheme", "http"),
        ]))
        .unwrap();
        assert_eq!(request.method(), "PUT");
        assert_eq!(request.uri(), "/caf%C3%A9/a%20b?q=%20");
        assert_eq!(request.version(), Version::HTTP_10);
        assert_eq!(request.extensions().get(), Some(&ScriptName("/shop".into())));
        assert_eq!(request.headers()[CONTENT_TYPE], "text/plain");
        assert_eq!(request.headers()["x-name"].as_bytes(), b"caf\xe9");
        assert_eq!(request.headers().len(), 2);
    }

    #[test]
    fn an_empty_path_is_the_root() {
        assert_eq!(uri("", ""), "/");
    }

    #[test]
    fn what_http_cannot_express_is_an_error() {
        assert!(request(&entries(&[("REQUEST_METHOD", "GET"), ("QUERY_STRING", "a b")])).is_err());
        assert!(request(&entries(&[("REQUEST_METHOD", "not one")])).is_err());
    }

    #[test]
    fn headers_that_repeat_stay_apart() {
        let mut headers = HeaderMap::new();
        headers.append("set-cookie", HeaderValue::from_static("a=1"));
        headers.append("set-cookie", HeaderValue::from_bytes(b"b=\xe9").unwrap());
        assert_eq!(native_headers(&headers), [("set-cookie", "a=1".into()), ("set-cookie", "b=\u{e9}".into())]);
    }
}
