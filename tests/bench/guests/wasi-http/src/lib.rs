//! The smallest application of wasi:http: the status, header and chunk of the example `hello`.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Hello;

impl Guest for Hello {
    fn handle(_: IncomingRequest, out: ResponseOutparam) {
        let headers = [("content-type", "text/plain"), ("content-length", "14")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let response = OutgoingResponse::new(Fields::from_list(&headers).expect("good headers"));
        let body = response.body().expect("the only body");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("the only stream");
        stream.blocking_write_and_flush(b"Hello, World!\n").expect("a client");
        drop(stream);
        OutgoingBody::finish(body, None).expect("the whole length");
    }
}

wasip2::http::proxy::export!(Hello);
