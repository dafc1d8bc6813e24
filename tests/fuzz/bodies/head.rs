//! Whatever an application passes to start_response: what is accepted is one response when it is parsed again.

use wasgi::wsgi::head::Head;
use wasgi::wsgi::path;

/// The first line is the status, every other one `name:value`; lines end with a byte 0xFF, so that
/// CR and LF can be anywhere.
pub(crate) fn run(data: &[u8]) {
    let texts: Vec<String> = data.split(|byte| *byte == 0xFF).map(|line| path::native(line).into_owned()).collect();
    let Some((status, lines)) = texts.split_first() else { return };
    let headers: Vec<(&str, &str)> = lines.iter().filter_map(|line| line.split_once(':')).take(90).collect();
    let Ok(head) = Head::new(status, headers.iter().copied()) else { return };
    assert_eq!(head.headers.len(), headers.len(), "a header was lost");
    let mut wire = format!("HTTP/1.1 {} ", head.status.as_u16()).into_bytes();
    wire.extend(head.reason.as_deref().unwrap_or(b"OK"));
    for (name, value) in &head.headers {
        wire.extend([b"\r\n", name.as_str().as_bytes(), b": ", value.as_bytes()].concat());
    }
    wire.extend(b"\r\n\r\n");
    let mut parsed = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut parsed);
    assert_eq!(response.parse(&wire), Ok(httparse::Status::Complete(wire.len())), "the response was split");
    assert_eq!(response.code, Some(head.status.as_u16()));
    assert_eq!(response.headers.len(), headers.len());
}
