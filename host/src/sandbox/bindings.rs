//! The WIT worlds, as Rust: the contract's full form and its lean one.

#![allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated")]

pub(super) mod full {
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
            "wasgi:gateway/gateway.environ": super::super::guest::EnvironHandle,
            "wasgi:gateway/gateway.start-response": super::super::guest::StartResponseHandle,
        },
    });
}

pub(super) mod lean {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "app-lean",
        imports: {
            "wasgi:gateway/request.input": async | trappable,
            "wasgi:gateway/request.write": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "wasgi:gateway/gateway": super::full::wasgi::gateway::gateway,
        },
    });
}
