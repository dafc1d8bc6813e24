//! A second parser of HTTP/1 requests, which knows nothing of the host's: what a connection's bytes are, from the first
//! to the last. Written from RFC 9110, RFC 9112 and what the documents say is refused.

use std::net::Ipv6Addr;

/// What a connection's bytes come to.
#[derive(Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The whole requests, in order.
    pub requests: Vec<Request>,
    pub end: End,
}

/// What follows the last whole request.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum End {
    /// Nothing.
    Clean,
    /// A part of a request, in which nothing is wrong so far.
    Truncated,
    /// What is no request.
    Refused(&'static str),
    /// Whatever it is: the request before it ended the connection.
    Closed,
}

/// A whole request.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// The host, of the target or the header, as it was sent; empty where there is none.
    pub host: String,
    /// The path, not decoded; `*` as it is.
    pub path: Vec<u8>,
    pub body: Vec<u8>,
}

/// Why no request could be read.
enum Stop {
    More,
    Bad(&'static str),
}

type Read<T> = Result<T, Stop>;

/// Reads all of `bytes`.
pub fn parse(bytes: &[u8]) -> Parsed {
    let (mut rest, mut requests) = (bytes, Vec::new());
    loop {
        if rest.iter().all(|byte| b"\r\n".contains(byte)) && rest.len() <= 4 && rest != b"\r\r" {
            // No more than the empty lines that a client may send before a request.
            let clean = rest.is_empty() || rest == b"\r\n" || rest == b"\r\n\r\n";
            if clean {
                return Parsed { requests, end: End::Clean };
            }
        }
        match request(&mut rest) {
            Ok((request, keep)) => {
                requests.push(request);
                if !keep {
                    return Parsed { requests, end: End::Closed };
                }
            }
            Err(Stop::More) => return Parsed { requests, end: End::Truncated },
            Err(Stop::Bad(why)) => return Parsed { requests, end: End::Refused(why) },
        }
    }
}

fn ensure(holds: bool, why: &'static str) -> Read<()> {
    if holds { Ok(()) } else { Err(Stop::Bad(why)) }
}

/// A line without its CRLF.
fn line<'a>(rest: &mut &'a [u8]) -> Read<&'a [u8]> {
    let wrong = |byte: &u8| *byte != b'\t' && (*byte < b' ' || *byte == 0x7f);
    let Some(end) = rest.iter().position(wrong) else { return Err(Stop::More) };
    match rest[end..] {
        [b'\r'] => Err(Stop::More),
        [b'\r', b'\n', ..] => {
            let (found, after) = (&rest[..end], &rest[end + 2..]);
            *rest = after;
            Ok(found)
        }
        _ => Err(Stop::Bad("a control byte")),
    }
}

fn request(rest: &mut &[u8]) -> Read<(Request, bool)> {
    let all_of_it = rest.len();
    let mut start = line(rest)?;
    for _ in 0..2 {
        if start.is_empty() {
            start = line(rest)?;
        }
    }
    ensure(!start.is_empty(), "empty lines")?;
    let parts: Vec<&[u8]> = start.split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts[..] else {
        return Err(Stop::Bad("a request line of other than three parts"));
    };
    ensure(is_token(method) && method.len() <= 64, "the method")?;
    ensure(method != b"CONNECT", "CONNECT")?;
    let newer = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ => return Err(Stop::Bad("the version")),
    };
    let (mut host, path) = parse_target(method, target)?;
    let fields = fields(rest)?;
    ensure(all_of_it - rest.len() <= 64 << 10, "a long head")?;
    let all = |name: &str| -> Vec<&[u8]> {
        fields
            .iter()
            .filter(|(given, _)| given.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| *value)
            .collect()
    };
    match all("host")[..] {
        [one] => {
            ensure(is_host(one), "the host")?;
            host = host.or(Some(String::from_utf8_lossy(one).into_owned()));
        }
        [] => ensure(!newer, "no host")?,
        _ => return Err(Stop::Bad("two hosts")),
    }
    ensure(all("expect").iter().all(|value| value.eq_ignore_ascii_case(b"100-continue")), "an expectation")?;
    let body = match (&all("content-length")[..], &all("transfer-encoding")[..]) {
        ([], []) => Vec::new(),
        ([length], []) => sized(rest, length)?,
        ([], [coding]) => {
            ensure(newer && coding.eq_ignore_ascii_case(b"chunked"), "the coding")?;
            chunked(rest)?
        }
        _ => return Err(Stop::Bad("more than one way to say where it ends")),
    };
    // A list with other than ASCII in it is none, so that it says nothing.
    let options: Vec<String> = all("connection")
        .iter()
        .filter(|value| value.is_ascii())
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(|option| String::from_utf8_lossy(option).trim_matches([' ', '\t']).to_ascii_lowercase())
        .collect();
    let said = |option: &str| options.iter().any(|given| given == option);
    let keep = if newer { !said("close") } else { said("keep-alive") && !said("close") };
    let method = String::from_utf8_lossy(method).into_owned();
    Ok((Request { method, host: host.unwrap_or_default(), path, body }, keep))
}

/// Host, where the target has one, and path.
fn parse_target(method: &[u8], target: &[u8]) -> Read<(Option<String>, Vec<u8>)> {
    if target == b"*" {
        ensure(method == b"OPTIONS", "an asterisk")?;
        return Ok((None, target.to_vec()));
    }
    if target.starts_with(b"/") {
        return Ok((None, path(target)?));
    }
    let lower = target.to_ascii_lowercase();
    let scheme = [&b"http://"[..], b"https://"].into_iter().find(|scheme| lower.starts_with(scheme));
    let after = &target[scheme.ok_or(Stop::Bad("the target"))?.len()..];
    let end = after.iter().position(|byte| b"/?".contains(byte)).unwrap_or(after.len());
    ensure(is_host(&after[..end]), "the target's host")?;
    let found = path(&after[end..])?;
    let host = String::from_utf8_lossy(&after[..end]).into_owned();
    Ok((Some(host), if found.is_empty() { b"/".to_vec() } else { found }))
}

/// What is before the query; both hold nothing that no target holds.
fn path(target: &[u8]) -> Read<Vec<u8>> {
    let (path, query) = match target.iter().position(|byte| *byte == b'?') {
        Some(at) => target.split_at(at),
        None => (target, &b""[..]),
    };
    ensure(target.len() <= 8 << 10, "a long target")?;
    ensure(std::str::from_utf8(target).is_ok(), "a target that is no UTF-8")?;
    ensure(!target.iter().any(|byte| *byte <= b' ' || b"#<>\x7f".contains(byte)), "a byte of the target")?;
    ensure(!path.contains(&b'`') && !query.contains(&b'"'), "a byte of the target")?;
    Ok(path.to_vec())
}

fn is_token(bytes: &[u8]) -> bool {
    let of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(of_token)
}

fn is_host(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => match address.parse::<Ipv6Addr>() {
            Ok(_) if port.is_empty() => ("v6", None),
            Ok(_) => match port.strip_prefix(':') {
                Some(port) => ("v6", Some(port)),
                None => return false,
            },
            Err(_) => return false,
        },
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    let digits = |port: &str| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    named
        && port
            .is_none_or(|port| digits(port) && (port.is_empty() || port.parse::<u32>().is_ok_and(|port| port < 65_536)))
}

/// Names and values up to the empty line.
fn fields<'a>(rest: &mut &'a [u8]) -> Read<Vec<(&'a [u8], &'a [u8])>> {
    let mut fields = Vec::new();
    loop {
        let field = line(rest)?;
        if field.is_empty() {
            return Ok(fields);
        }
        let colon = field.iter().position(|byte| *byte == b':').ok_or(Stop::Bad("a line without a colon"))?;
        ensure(is_token(&field[..colon]), "a name")?;
        let mut value = &field[colon + 1..];
        while let [b' ' | b'\t', inner @ ..] = value {
            value = inner;
        }
        while let [inner @ .., b' ' | b'\t'] = value {
            value = inner;
        }
        fields.push((&field[..colon], value));
        ensure(fields.len() <= 100, "more than 100 lines")?;
    }
}

fn sized(rest: &mut &[u8], length: &[u8]) -> Read<Vec<u8>> {
    ensure(!length.is_empty() && length.iter().all(u8::is_ascii_digit), "the length")?;
    let text = String::from_utf8_lossy(length);
    let length: u64 = text.parse().map_err(|_| Stop::Bad("the length"))?;
    ensure(length <= u64::MAX - 2, "the length")?;
    take(rest, length)
}

fn take(rest: &mut &[u8], length: u64) -> Read<Vec<u8>> {
    let Some((body, after)) = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length)) else {
        return Err(Stop::More);
    };
    *rest = after;
    Ok(body.to_vec())
}

fn chunked(rest: &mut &[u8]) -> Read<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = line(rest)?;
        ensure(line.len() <= 254, "a long line of a chunk")?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        ensure((1..=16).contains(&digits), "a chunk's size")?;
        ensure(are_extensions(&line[digits..]), "a chunk's extensions")?;
        let size = u64::from_str_radix(&String::from_utf8_lossy(&line[..digits]), 16);
        let size = size.map_err(|_| Stop::Bad("a chunk's size"))?;
        if size == 0 {
            break;
        }
        body.extend(take(rest, size)?);
        match rest {
            [] | [b'\r'] => return Err(Stop::More),
            [b'\r', b'\n', after @ ..] => *rest = after,
            _ => return Err(Stop::Bad("a chunk's end")),
        }
    }
    let trailers = fields(rest)?;
    let forbidden = |name: &[u8]| {
        ["content-length", "transfer-encoding", "host"].iter().any(|one| name.eq_ignore_ascii_case(one.as_bytes()))
    };
    ensure(!trailers.iter().any(|(name, _)| forbidden(name)), "a trailer")?;
    Ok(body)
}

/// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`
fn are_extensions(bytes: &[u8]) -> bool {
    let space = |bytes: &[u8]| bytes.iter().take_while(|byte| b" \t".contains(byte)).count();
    let token = |bytes: &[u8]| (0..=bytes.len()).rev().find(|end| is_token(&bytes[..*end])).unwrap_or(0);
    let mut rest = bytes;
    while !rest.is_empty() {
        rest = &rest[space(rest)..];
        let Some(after) = rest.strip_prefix(b";") else { return false };
        rest = &after[space(after)..];
        let name = token(rest);
        if name == 0 {
            return false;
        }
        rest = &rest[name..];
        let Some(value) = rest[space(rest)..].strip_prefix(b"=") else { continue };
        rest = &value[space(value)..];
        let length = if rest.first() == Some(&b'"') { quoted(rest) } else { token(rest) };
        if length == 0 {
            return false;
        }
        rest = &rest[length..];
    }
    true
}

/// The length of the quoted string that `bytes` begin with, or 0 where it has no end.
fn quoted(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' if at + 1 < bytes.len() => at += 2,
            _ => at += 1,
        }
    }
    0
}
