//! The two forms of the contract. What an application sees is the same in both; `wasgi build` compiles
//! with `--cfg wasgi_lean`, which chooses the lean one.

#[cfg(not(wasgi_lean))]
mod full;
#[cfg(wasgi_lean)]
mod lean;
#[cfg(wasgi_lean)]
mod rules;

#[cfg(not(wasgi_lean))]
pub(crate) use full::{Host, Step};
#[cfg(not(wasgi_lean))]
pub use full::{Response, respond};
#[cfg(wasgi_lean)]
pub(crate) use lean::{Host, Step};
#[cfg(wasgi_lean)]
pub use lean::{Response, respond};
