//! Computes for ever, and says in the log how far it has come by its own clock from `?after=` milliseconds on: of time, as
//! often as it can; with `?of=cpu` of time in which it had the processor, as far as a guest can tell.

use std::time::{Duration, Instant};

use wasgi_guest::{Environ, Error, StartResponse};

/// Between two looks at the clock there is hardly anything: whatever takes longer than this was others' turn.
const OTHERS: Duration = Duration::from_micros(200);
/// Of its own time, between two lines.
const EACH: Duration = Duration::from_micros(50);

fn app(environ: Environ, _: StartResponse) -> Result<&'static str, Error> {
    let (errors, tag) = (environ.errors(), guests::argument(&environ, "tag"));
    let after = Duration::from_millis(guests::number(&environ, "after") as u64);
    let is_cpu = guests::argument(&environ, "of") == "cpu";
    writeln!(errors, "{tag} computes");
    let began = Instant::now();
    let (mut before, mut own, mut said) = (began, Duration::ZERO, Duration::ZERO);
    loop {
        let now = Instant::now();
        let step = now - before;
        own += if step < OTHERS { step } else { Duration::ZERO };
        before = now;
        let is_due = if is_cpu { own > after && own > said + EACH } else { now - began > after };
        if is_due {
            writeln!(errors, "{tag} at_us={} own_us={}", (now - began).as_micros(), own.as_micros());
            said = own;
        }
    }
}

wasgi_guest::export!(app);
