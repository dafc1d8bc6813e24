//! What runs after the response: the body's `Drop`, then the hooks, with the number of bytes
//! that the client really got. Leave early and read the application's log:
//! `curl 'http://…/posthooks?mb=1000' | head -c 5000000 >/dev/null`.

use wasgi_guest::{Environ, Error, Errors, StartResponse};

const CHUNK_BYTES: usize = 64 * 1024;
const CHUNKS_PER_MB: usize = 16;

fn app(environ: Environ, start_response: StartResponse) -> Result<impl Iterator<Item = Vec<u8>>, Error> {
    let megabytes: usize = environ.query().get("mb").unwrap_or("16").parse()?;

    environ.posthook(|_| Err(Error::new("HookError", "one hook fails, the next one runs all the same")));
    let errors = environ.errors();
    environ.posthook(move |report| {
        let how = if report.complete { "complete" } else { "cut" };
        writeln!(errors, "sent {} bytes in {:.1?}, {how}", report.bytes, report.elapsed);
        Ok(())
    });

    start_response.call("200 OK", &[("Content-Type", "application/octet-stream")])?;
    let source = Source(environ.errors());
    Ok((0..megabytes.saturating_mul(CHUNKS_PER_MB)).map(move |n| source.chunk(n)))
}

/// Where the chunks come from: something to be closed, like a file or a transaction.
struct Source(Errors);

impl Source {
    fn chunk(&self, n: usize) -> Vec<u8> {
        vec![b'a' + (n % 26) as u8; CHUNK_BYTES]
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        writeln!(self.0, "the body is closed");
    }
}

wasgi_guest::export!(app);
