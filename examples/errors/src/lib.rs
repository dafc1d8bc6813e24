//! What becomes of errors, before the headers are sent and after. Every error reaches the
//! application's log; none reaches the client.

use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

const TEXT: &[(&str, &str)] = &[("Content-Type", "text/plain")];

fn app(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    match environ.path().as_str() {
        "/before" => before(start_response),
        "/after" => after(start_response),
        "/raised" => Err(Error::new("LookupError", "no such price")),
        "/in-the-body" => in_the_body(start_response),
        "/twice" => twice(start_response),
        _ => index(start_response),
    }
}

/// The page fails before anything is sent: another status and another page replace it.
fn before(start_response: StartResponse) -> Result<Body, Error> {
    start_response.call("200 OK", TEXT)?;
    Ok(price_or_sorry("12,50", &start_response)?.into_body())
}

/// The page fails after its first line was sent: the client sees a response that is cut.
fn after(start_response: StartResponse) -> Result<Body, Error> {
    start_response.call("200 OK", TEXT)?;
    Ok(["11.00", "12,50"].into_iter().map(move |text| price_or_sorry(text, &start_response)).into_body())
}

/// Answers an error with a page of its own while that can be done. Once the headers are sent,
/// `replace` gives the error back, and `?` raises it.
fn price_or_sorry(text: &str, start_response: &StartResponse) -> Result<String, Error> {
    match price(text) {
        Ok(line) => Ok(line),
        Err(error) => {
            start_response.replace("503 Service Unavailable", TEXT, error)?;
            Ok("Sorry, the price is not known right now.\n".to_owned())
        }
    }
}

/// Nobody replaces the status, but nothing was sent yet: the client gets a plain 500.
fn in_the_body(start_response: StartResponse) -> Result<Body, Error> {
    start_response.call("200 OK", TEXT)?;
    Ok(["12,50", "11.00"].map(price).into_body())
}

/// A second call without an error is refused.
fn twice(start_response: StartResponse) -> Result<Body, Error> {
    start_response.call("200 OK", TEXT)?;
    start_response.call("201 Created", TEXT)?;
    Ok("Never reached.\n".into_body())
}

fn index(start_response: StartResponse) -> Result<Body, Error> {
    start_response.call("200 OK", TEXT)?;
    Ok("Try /before, /after, /raised, /in-the-body or /twice.\n".into_body())
}

fn price(text: &str) -> Result<String, Error> {
    let price: f64 = text.parse()?;
    Ok(format!("It costs {price:.2}.\n"))
}

wasgi_guest::export!(app);
