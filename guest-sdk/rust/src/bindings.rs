//! What `wit-bindgen` makes of the contract in `wit`, and nothing else: its full form here, and its lean one in [`lean`].
//! Applications never name it.

#![allow(missing_docs, unreachable_pub, unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "app",
    // A status, a header or a chunk that an application lends is lowered where it lies.
    ownership: Borrowing { duplicate_if_necessary: false },
    pub_export_macro: true,
});

/// The lean form. The two share what they have in common.
pub mod lean {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "app-lean",
        ownership: Borrowing { duplicate_if_necessary: false },
        pub_export_macro: true,
        export_macro_name: "export_lean",
        with: { "wasgi:gateway/gateway@0.1.0": crate::bindings::wasgi::gateway::gateway },
    });
}
