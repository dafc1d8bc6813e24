//! How much of 24 MiB that it was given as zeros is not zero; leaves them full of something else.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> Result<String, Error> {
    guests::ok(&start_response)?;
    // Memory that the instance grows by is zero, so nobody clears it: not even the allocator.
    let mut memory = std::hint::black_box(vec![0_u8; 24 << 20]);
    let residue = memory.iter().filter(|byte| **byte != 0).count();
    memory.fill(0xaa);
    std::hint::black_box(&memory);
    Ok(residue.to_string())
}

wasgi_guest::export!(app);
