//! Reads the body to its end and says how long it was, and its checksum (FNV-1a).

use std::io::BufRead;

use wasgi_guest::{Environ, Error, StartResponse};

fn app(mut environ: Environ, start_response: StartResponse) -> Result<String, Error> {
    let (mut count, mut sum) = (0_u64, 0xcbf2_9ce4_8422_2325_u64);
    loop {
        let bytes = environ.input().fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        sum = bytes.iter().fold(sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        count += bytes.len() as u64;
        let read = bytes.len();
        environ.input().consume(read);
    }
    guests::ok(&start_response)?;
    Ok(format!("{count} {sum:016x}"))
}

wasgi_guest::export!(app);
