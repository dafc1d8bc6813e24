//! Hashes the request's body as it streams in, gigabytes of it, in 64 KiB of memory:
//! `curl -T big.iso http://…/upload`. Its manifest, `upload.toml`, allows so much.

use std::io::BufRead;

use sha2::{Digest, Sha256};
use wasgi_guest::{Environ, Error, Input, StartResponse};

const TEXT: (&str, &str) = ("Content-Type", "text/plain; charset=utf-8");
const HTML: (&str, &str) = ("Content-Type", "text/html; charset=utf-8");

fn app(mut environ: Environ, start_response: StartResponse) -> Result<String, Error> {
    match environ.method().as_str() {
        "GET" | "HEAD" => {
            start_response.call("200 OK", &[HTML])?;
            Ok(form(&environ))
        }
        "POST" | "PUT" => {
            let (bytes, digest) = hash(environ.input())?;
            start_response.call("200 OK", &[TEXT])?;
            Ok(format!("{bytes} bytes\nsha256 {digest}\n"))
        }
        _ => {
            start_response.call("405 Method Not Allowed", &[TEXT, ("Allow", "GET, HEAD, POST, PUT")])?;
            Ok("Send the file with POST or PUT.\n".to_owned())
        }
    }
}

fn hash(input: &mut Input) -> Result<(u64, String), Error> {
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    loop {
        let chunk = input.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        hasher.update(chunk);
        let length = chunk.len();
        bytes += length as u64;
        input.consume(length);
    }
    Ok((bytes, hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn form(environ: &Environ) -> String {
    let url = format!("{}://{}{}", environ.url_scheme(), environ.host(), environ.script_name());
    FORM.replace("URL", &url.replace('&', "&amp;").replace('<', "&lt;"))
}

const FORM: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>upload</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; color-scheme: light dark }</style>
<h1>SHA-256 of a file</h1>
<p><input type="file"></p>
<pre>curl -T FILE URL</pre>
<script>
  document.querySelector("input").onchange = async ({ target }) => {
    const output = document.querySelector("pre");
    output.textContent = "…";
    const response = await fetch(location, { method: "POST", body: target.files[0] });
    output.textContent = await response.text();
  };
</script>
"#;

wasgi_guest::export!(app);
