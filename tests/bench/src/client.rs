//! A client that asks once, and waits.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a server may take to be ready; a large component is compiled meanwhile.
const PATIENCE: Duration = Duration::from_secs(300);
/// What is read or written at once.
const BUFFER: usize = 64 << 10;
const PAUSE: Duration = Duration::from_micros(100);

/// A status and the body, as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Asks for a path over a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    read(ask(address, "GET", path, None)?)
}

/// Asks for a path, and counts the bytes of the answer, its head included.
pub(crate) fn download(address: SocketAddr, path: &str) -> io::Result<u64> {
    let mut stream = ask(address, "GET", path, None)?;
    let mut buffer = vec![0; BUFFER];
    let mut count = 0;
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(count),
            more => count += more as u64,
        }
    }
}

/// Sends so many bytes, a multiple of the buffer's, to a path.
pub(crate) fn upload(address: SocketAddr, path: &str, size: u64) -> io::Result<Answer> {
    let mut stream = ask(address, "PUT", path, Some(size))?;
    let buffer = vec![b'.'; BUFFER];
    for _ in 0..size / BUFFER as u64 {
        if stream.write_all(&buffer).is_err() {
            break; // It has answered before it has all, and says why.
        }
    }
    read(stream)
}

fn ask(address: SocketAddr, method: &str, path: &str, size: Option<u64>) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = size.map_or(String::new(), |size| format!("Content-Length: {size}\r\n"));
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{length}\r\n")?;
    Ok(stream)
}

fn read(mut stream: TcpStream) -> io::Result<Answer> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::other("that is no response"))
}

/// Asks until it is answered with a status below 500 that isn't 404.
pub(crate) fn wait_for(address: SocketAddr, path: &str) -> Result<Answer> {
    let begin = Instant::now();
    loop {
        match get(address, path) {
            Ok(answer) if !matches!(answer.status, 404 | 500..) => return Ok(answer),
            Ok(answer) if begin.elapsed() > PATIENCE => {
                bail!("{address}{path} answers {}: {}", answer.status, String::from_utf8_lossy(&answer.body))
            }
            Err(error) if begin.elapsed() > PATIENCE => bail!("{address}{path} does not answer: {error}"),
            // Asking must not be what takes the time of a long wait.
            _ => std::thread::sleep(PAUSE.max(begin.elapsed() / 100)),
        }
    }
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: answer.get(end + 4..)?.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_a_status_and_a_body() {
        let answer = parse(b"HTTP/1.1 404 Not Found\r\nServer: a\r\n\r\nNothing\n").unwrap();
        assert_eq!((answer.status, &answer.body[..]), (404, &b"Nothing\n"[..]));
        assert!(parse(b"").is_none() && parse(b"HTTP/1.1 OK\r\n\r\n").is_none());
    }
}
