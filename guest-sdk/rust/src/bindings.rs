//! What `wit-bindgen` makes of `wit/gateway.wit`, and nothing else. Applications never name it.

#![allow(missing_docs, unreachable_pub, unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "app",
    // A status, a header or a chunk that an application lends is lowered where it lies.
    ownership: Borrowing { duplicate_if_necessary: false },
    pub_export_macro: true,
});
