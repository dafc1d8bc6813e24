//! The sandbox: the only module that names wasmtime.
//!
//! A [`Codegen`] compiles components, an [`Engine`] loads their [`Code`]; an [`Instance`] of it serves
//! requests, one at a time; [`run`] takes one request through an instance, under its limits.

mod bindings;
mod codegen;
mod contract;
mod engine;
mod env;
mod errors;
mod features;
mod form;
mod guest;
mod idle;
mod instance;
mod limits;
mod pace;
mod run;
mod stdio;
mod ticker;

pub use codegen::Codegen;
pub use contract::{Contract, EXPORTS, Refusal, check, read};
pub use engine::{Code, DEFAULT_INSTANCES, Engine, InUse, NoCode, TrustedCode, WeakCode, instances_for};
pub use env::Env;
pub use guest::{Request, Surroundings};
pub use idle::Idle;
pub(crate) use instance::ticking;
pub use instance::{Failure, Instance, NoInstance, NoSlot, probe};
pub use run::{Outcome, run};
