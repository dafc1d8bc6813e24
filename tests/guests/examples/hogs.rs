//! Takes memory, MiB for MiB, and never gives any back.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> Result<String, Error> {
    guests::ok(&start_response)?;
    let mut taken = Vec::new();
    loop {
        taken.push(std::hint::black_box(vec![1_u8; 1 << 20]));
        if taken.len() > 8192 {
            return Ok(format!("{} MiB", taken.len()));
        }
    }
}

wasgi_guest::export!(app);
