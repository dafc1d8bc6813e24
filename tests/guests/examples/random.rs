//! A random number, and what time it is.

use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use wasgi_guest::{Environ, Error, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> Result<String, Error> {
    guests::ok(&start_response)?;
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    Ok(format!("{:016x} {seconds}", RandomState::new().hash_one(0)))
}

wasgi_guest::export!(app);
