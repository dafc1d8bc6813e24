//! The two forms of the contract. What an application sees is the same in both; `wasgi build` compiles
//! with `--cfg wasgi_lean`, which chooses the lean one.

#[cfg(not(wasgi_lean))]
mod full;
#[cfg(wasgi_lean)]
mod lean;
#[cfg(wasgi_lean)]
mod pieces;
#[cfg(all(wasgi_lean, target_os = "wasi"))]
mod process;
#[cfg(wasgi_lean)]
mod rules;

pub use crate::response::Response;
#[cfg(not(wasgi_lean))]
pub use full::respond;
#[cfg(not(wasgi_lean))]
pub(crate) use full::{Host, Step};
#[cfg(wasgi_lean)]
pub(crate) use lean::{Host, Step};
#[cfg(wasgi_lean)]
pub use lean::{close, next, respond, sent};
