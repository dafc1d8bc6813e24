//! Gives the host more than it has: a `?what=` (log, status, header, chunk) of a gigabyte, in a memory of a few pages.

use wasgi_guest::bindings::exports::wasgi::gateway::application::{
    self, Environ, ExcInfo, Guest, GuestBody, Report, StartResponse, Step,
};

struct Component;

struct Body(String);

/// Begins in memory and ends far behind it.
fn lie() -> &'static [u8] {
    static BYTES: [u8; 4] = *b"text";
    // SAFETY: none. Nobody in here reads it, and the host has to look.
    unsafe { std::slice::from_raw_parts(std::hint::black_box(BYTES.as_ptr()), 1 << 30) }
}

fn text() -> &'static str {
    // SAFETY: as above.
    unsafe { std::str::from_utf8_unchecked(lie()) }
}

impl Guest for Component {
    type Body = Body;

    fn handle(environ: Environ, start_response: StartResponse) -> application::Body {
        let what = environ.get("QUERY_STRING").unwrap_or_default();
        match what.as_str() {
            "what=log" => environ.log(text()),
            "what=status" => drop(start_response.call(text(), &[], None)),
            "what=header" => drop(start_response.call("200 OK", &[("X", text())], None)),
            _ => drop(start_response.call("200 OK", &[], None)),
        }
        if what == "what=write" {
            let _ = start_response.write(lie());
        }
        application::Body::new(Body(what))
    }
}

impl GuestBody for Body {
    fn next(&self) -> Result<Step, ExcInfo> {
        if self.0 == "what=chunk" {
            // SAFETY: none; it is never dropped, as the host traps before.
            return Ok(Step::More(unsafe { Vec::from_raw_parts(lie().as_ptr().cast_mut(), 1 << 30, 1 << 30) }));
        }
        Ok(Step::Last(b"text".to_vec()))
    }

    fn close(&self) -> bool {
        false
    }

    fn sent(&self, _: Report) {}
}

wasgi_guest::bindings::export!(Component with_types_in wasgi_guest::bindings);
