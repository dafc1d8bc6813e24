//! Which request of this instance it is. `?grow=` takes that many MiB and keeps them, `?ask=` asks
//! for so many and does without, `?panic=1` panics, `?fail=1` fails, `?ms=` takes its time.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use wasgi_guest::{Environ, Error, StartResponse};

static SERVED: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

fn app(environ: Environ, start_response: StartResponse) -> Result<String, Error> {
    let served = SERVED.fetch_add(1, Relaxed) + 1;
    KEPT.with_borrow_mut(|kept| kept.push(vec![1; guests::number(&environ, "grow") << 20]));
    let _ = Vec::<u8>::new().try_reserve_exact(guests::number(&environ, "ask") << 20);
    assert_eq!(guests::number(&environ, "panic"), 0, "as asked");
    if guests::number(&environ, "fail") > 0 {
        return Err(Error::new("ValueError", "as asked"));
    }
    std::thread::sleep(std::time::Duration::from_millis(guests::number(&environ, "ms") as u64));
    guests::ok(&start_response)?;
    Ok(served.to_string())
}

wasgi_guest::export!(app);
