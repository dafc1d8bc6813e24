//! Asks for more memory than it may have with `?want=1`, and gets over it; panics with `?panic=1`.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<String, Error> {
    let mut memory = Vec::<u8>::new();
    let wanted = guests::number(&environ, "want") << 30;
    let refused = std::hint::black_box(&mut memory).try_reserve_exact(wanted).is_err();
    assert_eq!(guests::number(&environ, "panic"), 0, "as asked");
    guests::ok(&start_response)?;
    Ok(if refused { "refused" } else { "granted" }.to_owned())
}

wasgi_guest::export!(app);
