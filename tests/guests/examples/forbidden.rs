//! Reaches for files and the network, and shows what it got.

use std::fmt::Debug;
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::{fs, io};

use wasgi_guest::{Environ, Error, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<String, Error> {
    guests::ok(&start_response)?;
    let host = ("127.0.0.1", guests::number(&environ, "port") as u16);
    Ok([
        shown("read a file", fs::read("/etc/hostname")),
        shown("read the component", fs::read("forbidden.wasm")),
        shown("list the root", fs::read_dir("/").map(Iterator::count)),
        shown("list here", fs::read_dir(".").map(Iterator::count)),
        shown("write a file", fs::write("/tmp/of-a-guest", "x")),
        shown("make a folder", fs::create_dir("of-a-guest")),
        shown("connect", TcpStream::connect(host)),
        shown("listen", TcpListener::bind("127.0.0.1:0")),
        shown("send a packet", UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", host))),
        shown("resolve a name", "localhost:80".to_socket_addrs().map(Iterator::count)),
        shown("run a program", std::process::Command::new("true").status()),
    ]
    .concat())
}

fn shown<T: Debug>(what: &str, result: io::Result<T>) -> String {
    match result {
        Ok(got) => format!("{what}: GOT {got:?}\n"),
        Err(error) => format!("{what}: refused, {:?}\n", error.kind()),
    }
}

wasgi_guest::export!(app);
