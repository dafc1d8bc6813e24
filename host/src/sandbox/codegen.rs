//! From a component to machine code, and no more: no pool, no instances, no threads.

use std::hash::{DefaultHasher, Hash, Hasher};

use wasmparser::WasmFeatures;
use wasmtime::{Config, Engine, OptLevel};

use super::contract::{self, Refusal};
use super::features;

/// A guest's stack. Interpreters recurse: CPython raises its RecursionError for what recurses in Python's own functions,
/// special methods and callbacks from C, if it has nearly this much.
const WASM_STACK: usize = 2 << 20;
/// A call's whole stack, that of host functions on top of the guest's included.
pub(super) const FIBER_STACK: usize = 3 << 20;

/// Compiles components for every [`Engine`](super::Engine) of the same fingerprint.
pub struct Codegen(Engine);

impl Codegen {
    /// The compiler for this machine.
    ///
    /// # Errors
    /// Where wasmtime doesn't know the machine.
    pub fn new() -> anyhow::Result<Codegen> {
        Ok(Codegen(Engine::new(&settings()).map_err(anyhow::Error::msg)?))
    }

    /// What compiled code depends on: wasmtime's version, its settings, and the machine.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.0)
    }

    /// Compiles a component. Blocks: 0.1 s for a small one, seconds for an interpreter.
    ///
    /// # Errors
    /// Where it isn't a component of this host's world, or can't be compiled.
    pub fn compile(&self, component: &[u8]) -> Result<Vec<u8>, Refusal> {
        contract::check(component)?;
        self.0.precompile_component(component).map_err(|error| Refusal::compile(&error))
    }

    /// Whether the engine itself would compile it, whatever it exports.
    #[cfg(test)]
    pub(super) fn accepts(&self, component: &[u8]) -> bool {
        self.0.precompile_component(component).is_ok()
    }
}

/// The settings that code depends on: the same wherever it is made and wherever it runs.
pub(super) fn settings() -> Config {
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBER_STACK)
        .memory_init_cow(true)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(20))
        .wasm_features(WasmFeatures::all().difference(features::COMPILED), false)
        .wasm_features(features::COMPILED, true);
    config
}

pub(super) fn fingerprint(engine: &Engine) -> String {
    // DefaultHasher is the same in every process of one build; another build compiles anew.
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
