//! What a status and headers must be (PEP 3333, "The start_response() Callable"; RFC 9110 §5). The host has the same
//! rules and goes by its own: here they say at once, to whoever calls start_response, what it will say. Pure.

/// Most headers that one response may have, and most bytes of their names and values.
const MAX_HEADERS: usize = 256;
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Checks a status and headers.
///
/// # Errors
/// The first thing that is wrong, in the host's words.
pub(super) fn check(status: &str, headers: &[(&str, &str)]) -> Result<(), String> {
    check_status(status)?;
    let (mut size, mut has_length) = (0, false);
    for (count, (name, value)) in headers.iter().enumerate() {
        size += name.len() + value.len();
        if count >= MAX_HEADERS || size > MAX_HEADER_BYTES {
            return Err(format!(
                "there are more headers than the host sends: {MAX_HEADERS}, or {MAX_HEADER_BYTES} bytes"
            ));
        }
        check_name(name)?;
        if name.eq_ignore_ascii_case("content-length") {
            check_length(value)?;
            if std::mem::replace(&mut has_length, true) {
                return Err("Content-Length \"given twice\" is not one whole number".to_owned());
            }
        }
        check_value(name, value)?;
    }
    Ok(())
}

fn check_status(status: &str) -> Result<(), String> {
    let malformed = || format!("status {:?} is not three digits, a space and a reason", shorten(status));
    let (code, reason) = match status.as_bytes() {
        [a, b, c, b' ', ..] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => (&status[..3], &status[4..]),
        _ => return Err(malformed()),
    };
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c');
    if reason.chars().all(blank) || reason.chars().any(|c| c.is_ascii_control() || u32::from(c) > 0xFF) {
        return Err(malformed());
    }
    match code.parse::<u16>() {
        Ok(200..600) => Ok(()),
        Ok(code) => Err(format!("status {code} is not a final status (200-599)")),
        Err(_) => Err(malformed()),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    const HOP_BY_HOP: [&str; 9] = [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() >= MAX_HEADER_BYTES || !name.bytes().all(token) {
        return Err(format!("header name {:?} is not a token", shorten(name)));
    }
    if HOP_BY_HOP.iter().any(|hop| hop.eq_ignore_ascii_case(name)) {
        let name = shorten(name);
        return Err(format!("header {name} is hop-by-hop: it belongs to the connection, which is the host's"));
    }
    Ok(())
}

fn check_value(name: &str, value: &str) -> Result<(), String> {
    let value = value.trim_matches([' ', '\t']);
    match value.chars().find(|&c| c.is_ascii_control() && c != '\t' || u32::from(c) > 0xFF) {
        Some(c) => Err(format!("header {}: the value holds {c:?}, which no header may", shorten(name))),
        None => Ok(()),
    }
}

fn check_length(value: &str) -> Result<(), String> {
    let digits = value.trim_ascii();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) || digits.parse::<u64>().is_err() {
        return Err(format!("Content-Length {:?} is not one whole number", shorten(value)));
    }
    Ok(())
}

/// Quotes in errors are short: they go to a log.
fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}
