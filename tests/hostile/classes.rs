//! Requests that are none, by hand: a table of places and of what is wrong in them. Each has the status that answers it.

/// A name, the bytes and the status.
pub type Class = (String, Vec<u8>, u16);

/// Every class.
pub fn all() -> Vec<Class> {
    let lists = [request_lines(), targets(), hosts(), fields(), framings(), chunks(), bytes(), limits()];
    lists.into_iter().flatten().collect()
}

fn class(name: impl Into<String>, bytes: impl Into<Vec<u8>>, status: u16) -> Class {
    (name.into(), bytes.into(), status)
}

fn request_lines() -> Vec<Class> {
    let of = |line: &str, status| class(format!("request line {line:?}"), format!("{line}\r\nHost: a\r\n\r\n"), status);
    let bad = [
        "GET",
        "GET ",
        "GET /",
        "GET / ",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "\tGET / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET / HTTP/1.1 HTTP/1.1",
        "GET HTTP/1.1",
        "/ HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP",
        "GET / HTTP/",
        "GET / HTTP/1",
        "GET / HTTP/1.",
        "GET / HTTP/.1",
        "GET / HTTP/11",
        "GET / HTTP/1.1.1",
        "GET / HTTP/1.10",
        "GET / HTTP/01.1",
        "GET / HTTP/1,1",
        "GET / HTTP/+1.1",
        "GET / HTTP/1.x",
        "GET / HTTPS/1.1",
        "GET / XTTP/1.1",
        "GET / HTTP /1.1",
        "GET / HTTP/ 1.1",
        "GET /HTTP/1.1",
        ": / HTTP/1.1",
        "GET: / HTTP/1.1",
        "\"GET\" / HTTP/1.1",
        "G(T / HTTP/1.1",
        "G[T / HTTP/1.1",
        "G\u{e9}T / HTTP/1.1",
        "G,T / HTTP/1.1",
        "G;T / HTTP/1.1",
        "G@T / HTTP/1.1",
        "G/T / HTTP/1.1",
        "G=T / HTTP/1.1",
        "G{T / HTTP/1.1",
    ];
    let unknown = ["HTTP/0.9", "HTTP/1.2", "HTTP/1.9", "HTTP/2.0", "HTTP/2.1", "HTTP/3.0", "HTTP/9.9", "HTTP/0.0"];
    let connect = ["CONNECT a:443 HTTP/1.1", "CONNECT / HTTP/1.1", "CONNECT http://a/ HTTP/1.0"];
    let long = format!("{} / HTTP/1.1", "M".repeat(65));
    bad.map(|line| of(line, 400))
        .into_iter()
        .chain(unknown.map(|version| of(&format!("GET / {version}"), 505)))
        .chain(connect.map(|line| of(line, 501)))
        .chain([of(&long, 501), class("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)])
        .chain((3..6).map(|lines| class(format!("{lines} empty lines"), "\r\n".repeat(lines), 400)))
        .collect()
}

fn targets() -> Vec<Class> {
    let of =
        |target: &str| class(format!("target {target:?}"), format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    let bad = [
        "a",
        "a/b",
        "?",
        "?a",
        "#",
        "#a",
        "/#",
        "/a#b",
        "/a?b#c",
        "*",
        "**",
        "*/",
        "/<",
        "/>",
        "/a<b>",
        "/?<",
        "/?>",
        "/`",
        "/a`b",
        "/?\"",
        "/?a\"b\"",
        "http:",
        "http:/",
        "http://",
        "http:///",
        "http:///a",
        "http://?a",
        "http://#",
        "https://",
        "ftp://a/",
        "ws://a/",
        "file:///etc/passwd",
        "javascript:x",
        "data:,x",
        "http//a/",
        "http:a",
        "://a/",
        "//http://#",
        "http://u@a/",
        "http://u:p@a/",
        "http://@a/",
        "http://a@/",
        "http://a b",
        "http://a:b/",
        "http://a:-1/",
        "http://a:+1/",
        "http://a:65536/",
        "http://a:99999/",
        "http://a:000080/",
        "http://a:80:80/",
        "http://[::1/",
        "http://::1/",
        "http://[]/",
        "http://[::1]a/",
        "http://[g::]/",
        "http://[::1%eth0]/",
        "http://[1.2.3.4]/",
        "http://a%2fb/",
        "http://a\\b/",
        "http://a,b/",
        "http://a;b/",
        "http://(a)/",
        "http://a'b/",
        "http://a!/",
        "http://$a/",
        "http://a&b/",
        "http://a=b/",
        "http://a/#",
        "http://a?#",
        "http://a/<",
        "http://a/`",
        "a:80",
        "[::1]:80",
        "localhost",
        "..",
        "../",
        "./a",
        "\\",
        "\\a",
        "%2f",
        "%2Fa",
        "\u{e9}",
        "-",
        "=",
        "&",
        "http://\u{e9}/",
        "HTTP://",
        "Http:///a",
    ];
    bad.map(of)
        .into_iter()
        .chain([class("a target that is no UTF-8", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400)])
        .collect()
}

fn hosts() -> Vec<Class> {
    let of = |host: &str| class(format!("host {host:?}"), format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), 400);
    let bad = [
        "",
        ":",
        ":80",
        "a b",
        "a\tb",
        "a/",
        "/a",
        "a/b",
        "a?b",
        "a#b",
        "u@a",
        "@a",
        "a@",
        "a,b",
        "a, b",
        "a;b",
        "a:b",
        "a:-1",
        "a:+1",
        "a:65536",
        "a:99999",
        "a:123456",
        "a:80:80",
        "a: 80",
        "a :80",
        "a:8 0",
        "a:0x50",
        "[",
        "]",
        "[]",
        "[a]",
        "[::1",
        "::1",
        "::1]",
        "[::1]a",
        "[::1]:a",
        "[::1] ",
        "[::1]]",
        "[[::1]]",
        "[g::1]",
        "[::1%lo]",
        "[1.2.3.4]",
        "[::ffff:1.2.3]",
        "a%20b",
        "a%00b",
        "%61",
        "a\\b",
        "\"a\"",
        "'a'",
        "<a>",
        "(a)",
        "{a}",
        "a|b",
        "a^b",
        "a`b",
        "a!b",
        "a$b",
        "a&b",
        "a*b",
        "a+b",
        "a=b",
        "\u{e9}",
        "a\u{e9}",
        "http://a",
        "http://a/",
        "a\u{7f}",
        "a\u{1}",
    ];
    // What is trimmed off is no part of it.
    let trimmed = |host: &&str| host.trim_matches([' ', '\t']) == *host;
    let two = [("a", "a"), ("a", "b"), ("", "a"), ("a", "")];
    let repeated = two.map(|(first, second)| {
        class(
            format!("hosts {first:?} and {second:?}"),
            format!("GET / HTTP/1.1\r\nHost: {first}\r\nhost: {second}\r\n\r\n"),
            400,
        )
    });
    let none = [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nX: y\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\n\r\n",
    ];
    bad.into_iter()
        .filter(trimmed)
        .map(of)
        .chain(repeated)
        .chain(none.map(|bytes| class(format!("no host: {bytes:?}"), bytes, 400)))
        .collect()
}

fn fields() -> Vec<Class> {
    let of =
        |lines: &str| class(format!("header {lines:?}"), format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n"), 400);
    let bad = [
        "X",
        "X Y",
        ":",
        ": a",
        " : a",
        ":: a",
        " X: a",
        "\tX: a",
        "X : a",
        "X\t: a",
        "X Y: a",
        "X: a\r\n b",
        "X: a\r\n\tb",
        "X: a\r\n ",
        "X:\r\n b",
        "X: a\r\n\r\r",
        "X: a\rb",
        "X: a\nb",
        "X: a\nY: b",
        "X: a\r\rY: b",
        "X: a\0",
        "X\0: a",
        "X\r: a",
        "X\n: a",
        "\0: a",
        "X: a\u{1}",
        "X: a\u{b}b",
        "X: a\u{c}b",
        "X: \u{1b}[31m",
        "X: a\u{7f}b",
        "X\u{e9}: a",
        "\"X\": a",
        "X(y): a",
        "[X]: a",
        "{X}: a",
        "X,Y: a",
        "X;Y: a",
        "X/Y: a",
        "X@Y: a",
        "X=Y: a",
        "X?: a",
        "X\\Y: a",
        "<X>: a",
        "Host : b",
        "Content-Length : 1",
        "Transfer-Encoding : chunked",
        " Content-Length: 1",
        "Content-Length\t: 1",
        "GET / HTTP/1.1",
        "HTTP/1.1 200 OK",
        "Content-Length",
        "Transfer-Encoding",
        "=: a",
        "@: a",
        "\u{1f980}: a",
    ];
    let expect = ["x", "100", "100-continue, x", "200-ok", "continue", "", "100-continue;q=1", "\"100-continue\""];
    let expectations = expect.map(|value| {
        class(format!("Expect {value:?}"), format!("GET / HTTP/1.1\r\nHost: a\r\nExpect: {value}\r\n\r\n"), 417)
    });
    bad.map(of).into_iter().chain(expectations).collect()
}

fn framings() -> Vec<Class> {
    let of = |lines: &str, status| {
        class(format!("framing {lines:?}"), format!("POST /a HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n0\r\n\r\n"), status)
    };
    let lengths = [
        "",
        "+1",
        "-1",
        "0x1",
        "1 1",
        "1,1",
        "1, 1",
        "1;1",
        "1.0",
        "1e1",
        "1_0",
        "one",
        "1a",
        "a1",
        "\"1\"",
        "'1'",
        "(1)",
        "\u{661}",
        "\u{b2}",
        "18446744073709551614",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999",
        "--1",
        "1-",
        "1+",
        "0b1",
        "0o1",
        "1L",
        "1\t1",
        "NaN",
        "inf",
        "1/1",
        "%31",
        ",",
        "1,",
        ",1",
        ", 1",
        ";",
        "=1",
    ];
    let codings = [
        "",
        ",",
        "chunked,",
        ",chunked",
        "chunked, chunked",
        "chunked,gzip",
        "chunked, identity",
        "gzip",
        "identity",
        "deflate",
        "chunked;a",
        "chunked;a=b",
        "chunked ;a",
        "\"chunked\"",
        "chunked chunked",
        "chunked\tx",
        "compress",
        "x-gzip",
        "chunked=1",
        "chunked:",
        "chunked/1",
        "(chunked)",
        "chunked, ,",
        "chunked,,chunked",
        "gzip chunked",
        "chunked@",
    ];
    let unknown = [
        "'chunked'",
        "x",
        "xchunked",
        "chunkedx",
        "chunk",
        "x, chunked",
        "gzip, chunked",
        "deflate, chunked",
        "br",
        "magic;a=b",
        "chunked-x",
    ];
    let both = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
        "content-length: 5\r\nTRANSFER-ENCODING: chunked",
        "Transfer-Encoding: gzip\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\ncontent-length: 05",
        "Content-Length: 0\r\nX: y\r\nContent-Length: 0",
        "Content-Length: 5\r\nContent-Length: ",
        "Content-Length: 5\r\nContent-Length: 5\r\nContent-Length: 5",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: ",
        "Transfer-Encoding: \r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    ];
    let old = "POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let lengths = lengths.map(|length| of(&format!("Content-Length: {length}"), 400));
    let codings = codings.map(|coding| of(&format!("Transfer-Encoding: {coding}"), 400));
    let unknown = unknown.map(|coding| of(&format!("Transfer-Encoding: {coding}"), 501));
    let all = lengths.into_iter().chain(codings).chain(unknown).chain(both.map(|lines| of(lines, 400)));
    all.chain([class("chunked on HTTP/1.0", old, 400)]).collect()
}

/// The application reads its body, and so is not done when the fault comes.
fn chunks() -> Vec<Class> {
    let head = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let of = |body: &str| class(format!("chunks {body:?}"), format!("{head}{body}"), 400);
    let bad = [
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\n",
        " 1\r\n",
        "1 \r\na\r\n0\r\n\r\n",
        "\t1\r\n",
        "1\t\r\n",
        "1,1\r\n",
        "1.0\r\n",
        "g\r\n",
        "1g\r\n",
        "\u{661}\r\n",
        "00000000000000001\r\n",
        "11111111111111111\r\n",
        "fffffffffffffffff\r\n",
        "1_0\r\n",
        "\"1\"\r\n",
        "1\n",
        "1\na\n0\n\n",
        "1\r",
        "1\ra\r\n",
        "1\r\r\n",
        "\0\r\n",
        "1\0\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "1\r\na0\r\n\r\n",
        "1\r\na\n0\r\n\r\n",
        "1\r\na\r0\r\n\r\n",
        "1\r\na\r\r\n",
        "2\r\na\r\n0\r\n\r\n",
        "1\r\na\r\n\r\n",
        "1\r\na\r\nx\r\n",
        "0\n\n",
        "0\r\r\n",
        "0\r\n\n",
        "0\r\n\r\r",
        "1;\r\na\r\n",
        "1; \r\n",
        "1;;a\r\n",
        "1;=b\r\n",
        "1;a=\r\n",
        "1;a=;b\r\n",
        "1;a=\"\r\n",
        "1;a=\"b\r\n",
        "1;a=\"b\\\r\n",
        "1;a=\"b\"c\r\n",
        "1;a b\r\n",
        "1;a=b c\r\n",
        "1;(a)\r\n",
        "1;a\n",
        "1;a=\"\n\"\r\n",
        "1;a=\"\r\n\"\r\n",
        "1;a=\0\r\n",
        "1 a\r\n",
        "1,a\r\n",
        "1:a\r\n",
        "0;\r\n\r\n",
        "0 \r\n\r\n",
        "0x0\r\n\r\n",
        "0\r\n X: a\r\n\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\n: a\r\n\r\n",
        "0\r\nX : a\r\n\r\n",
        "0\r\nX: a\r\n b\r\n\r\n",
        "0\r\nX: a\nb\r\n\r\n",
        "0\r\nX: a\0\r\n\r\n",
        "0\r\nContent-Length: 1\r\n\r\n",
        "0\r\nHost: b\r\n\r\n",
        "0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "0\r\ncontent-length: 1\r\n\r\n",
        "0\r\nHOST: b\r\n\r\n",
        "0\r\nX\u{e9}: a\r\n\r\n",
        "-0\r\n\r\n",
    ];
    let long = format!("1;{}\r\n", "a".repeat(300));
    let many = format!("0\r\n{}\r\n", "X: y\r\n".repeat(101));
    bad.map(of).into_iter().chain([of(&long), of(&many)]).collect()
}

/// Each control byte, and each that is no letter, in each place.
fn bytes() -> Vec<Class> {
    let controls = (0..32_u8).chain([127]).filter(|byte| !b"\t\r\n".contains(byte));
    let places: [(&str, &[u8], &[u8]); 4] = [
        ("method", b"GE", b"T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("target", b"GET /a", b"b HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("header name", b"GET / HTTP/1.1\r\nHost: a\r\nX", b"Y: a\r\n\r\n"),
        ("header value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a", b"b\r\n\r\n"),
    ];
    let mut classes = Vec::new();
    for byte in controls {
        for (place, before, after) in places {
            classes.push(class(format!("byte {byte} in {place}"), [before, &[byte], after].concat(), 400));
        }
    }
    for byte in (33..127_u8).filter(|byte| !byte.is_ascii_alphanumeric() && !b"!#$%&'*+-.^_`|~:".contains(byte)) {
        let (place, before, after) = places[2];
        classes.push(class(format!("byte {byte} in {place}"), [before, &[byte], after].concat(), 400));
    }
    // Other protocols, that begin as they do.
    for (name, begin) in [
        ("TLS", &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..]),
        ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n"),
        ("SOCKS", b"\x05\x01\x00"),
        ("PROXY protocol", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"),
        ("PROXY protocol, version 2", b"\r\n\r\n\x00\r\nQUIT\n"),
        ("RTSP", b"OPTIONS rtsp://a RTSP/1.0\r\n"),
        ("SIP", b"INVITE sip:a@b SIP/2.0\r\n"),
        ("a response", b"HTTP/1.1 200 OK\r\n\r\n"),
        ("HTTP/0.9", b"GET /\r\n"),
        ("memcached", b"get a\r\n"),
        ("Redis", b"*1\r\n$4\r\nPING\r\n"),
        ("SMTP", b"EHLO a\r\n"),
    ] {
        classes.push(class(name, begin, 400));
    }
    classes
}

fn limits() -> Vec<Class> {
    let many = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(count));
    vec![
        class("a target of 9 KiB", format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9 << 10)), 414),
        class("a query of 9 KiB", format!("GET /?{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9 << 10)), 414),
        class("100 more headers", many(100), 431),
        class("300 headers", many(300), 431),
        class("a header of 70 KiB", format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(70 << 10)), 431),
        class("a name of 70 KiB", format!("GET / HTTP/1.1\r\nHost: a\r\n{}: a\r\n\r\n", "a".repeat(70 << 10)), 431),
        class(
            "a head of 90 KiB",
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", format!("X: {}\r\n", "a".repeat(1 << 10)).repeat(90)),
            431,
        ),
    ]
}
