//! Where it was reached and with what: method, SCRIPT_NAME, and the body's length and checksum (FNV-1a), read to its end.

use std::io::Read;

use wasgi_guest::{Environ, Error, StartResponse};

fn app(mut environ: Environ, start_response: StartResponse) -> Result<String, Error> {
    let mut body = Vec::new();
    environ.input().read_to_end(&mut body)?;
    let sum = body
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    guests::ok(&start_response)?;
    let mount = environ.get("SCRIPT_NAME").unwrap_or_default();
    Ok(format!("{} {mount:?} {} {sum:016x}", environ.method(), body.len()))
}

wasgi_guest::export!(app);
