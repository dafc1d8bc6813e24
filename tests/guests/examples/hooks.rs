//! Three hooks of which the second one fails, and a body that says when it is closed; with
//! `?fail=1` the application fails after it has registered them.

use guests::Witness;
use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    let tag = guests::argument(&environ, "tag");
    for n in 1..=3 {
        let (errors, tag) = (environ.errors(), tag.clone());
        environ.posthook(move |report| {
            writeln!(errors, "hook {n} {tag} bytes={} complete={}", report.bytes, report.complete);
            if n == 2 { Err(Error::new("HookError", "the second one")) } else { Ok(()) }
        });
    }
    let witness = Witness::new(&environ);
    if !guests::argument(&environ, "fail").is_empty() {
        return Err(Error::new("ValueError", "as asked"));
    }
    guests::ok(&start_response)?;
    let chunk = move |text| {
        let _held = &witness;
        text
    };
    Ok(["one", "two"].into_iter().map(chunk).into_body())
}

wasgi_guest::export!(app);
