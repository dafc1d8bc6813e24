//! Middleware: a function that takes an application and returns one. What it does to the
//! response's head, it does before it passes `start_response` on; what it does to the body, it
//! does to the iterator that comes back.

use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<String, Error> {
    start_response.call("200 OK", &[("Content-Type", "text/plain"), ("X-Powered-By", "an application")])?;
    Ok(format!("hello from {}\n", environ.path()))
}

/// Takes a header away and adds the ones that keep a browser careful.
fn hardened<B>(app: impl Fn(Environ, StartResponse) -> B) -> impl Fn(Environ, StartResponse) -> B {
    move |environ, start_response| {
        let start_response = start_response.map_head(|head| {
            head.remove("X-Powered-By");
            head.set("X-Content-Type-Options", "nosniff");
            head.set("Content-Security-Policy", "default-src 'self'");
        });
        app(environ, start_response)
    }
}

/// Gives the response the name that the host's log has for its request.
fn identified<B>(app: impl Fn(Environ, StartResponse) -> B) -> impl Fn(Environ, StartResponse) -> B {
    move |environ, start_response| {
        let id = environ.request_id();
        app(environ, start_response.map_head(move |head| head.set("X-Request-Id", &id)))
    }
}

/// Shouts: changes each chunk on its way, and leaves errors as they are.
fn loud<B: IntoBody<S>, S>(app: impl Fn(Environ, StartResponse) -> B) -> impl Fn(Environ, StartResponse) -> Body {
    move |environ, start_response| {
        let body = app(environ, start_response).into_body();
        body.map(|chunk| chunk.map(|bytes| bytes.to_ascii_uppercase())).into_body()
    }
}

wasgi_guest::export!(identified(hardened(loud(app))));
