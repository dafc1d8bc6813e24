//! The `http` crate's shape instead of WSGI's: a function from `Request` to `Response`.
//! `curl -T - http://…/http-adapter/echo` gets each piece back as it arrives.

use http::{Method, Request, Response, StatusCode};
use wasgi_guest::{Body, Input, IntoBody, http::ScriptName};

fn app(request: Request<Input>) -> Result<Response<Body>, http::Error> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => index(&request),
        (&Method::POST | &Method::PUT, "/echo") => echo(request),
        _ => Response::builder().status(StatusCode::NOT_FOUND).body("Not Found\n".into_body()),
    }
}

fn index(request: &Request<Input>) -> Result<Response<Body>, http::Error> {
    let mount = request.extensions().get().map_or("", |ScriptName(mount)| mount);
    let page = format!("Send something to {mount}/echo.\n");
    Response::builder().header("content-type", "text/plain; charset=utf-8").body(page.into_body())
}

fn echo(request: Request<Input>) -> Result<Response<Body>, http::Error> {
    let kind = request.headers().get("content-type").cloned();
    let mut response = Response::new(request.into_body().into_chunks().into_body());
    response.headers_mut().extend(kind.map(|kind| (http::header::CONTENT_TYPE, kind)));
    Ok(response)
}

wasgi_guest::export!(wasgi_guest::http::adapt(app));
