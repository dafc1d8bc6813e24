//! The WIT world, as Rust.

#![allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "app",
    imports: {
        "wasgi:gateway/gateway.[method]environ.input": async | trappable,
        "wasgi:gateway/gateway.[method]start-response.write": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "wasgi:gateway/gateway.environ": super::guest::EnvironHandle,
        "wasgi:gateway/gateway.start-response": super::guest::StartResponseHandle,
    },
});
