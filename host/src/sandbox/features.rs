//! The WebAssembly that is accepted: what the supported toolchains make of real applications, and no more. Each proposal
//! is more of the compiler that a stranger's component reaches; what nobody needs is left out.
//!
//! What was measured is in `host/docs/contract.md`.

use wasmparser::{Validator, WasmFeatures};

use super::contract::Refusal;

/// What components may use.
pub(super) const ACCEPTED: WasmFeatures = WasmFeatures::COMPONENT_MODEL
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::MUTABLE_GLOBAL)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::EXTENDED_CONST);

/// What the engine compiles: the same, and what it makes itself. Where the parts of a component call each other, it puts a
/// module between them that copies from the one's memory to the other's.
pub(super) const COMPILED: WasmFeatures = ACCEPTED.union(WasmFeatures::MULTI_MEMORY);

/// What the others are called, where their own names say little.
const NAMES: [(WasmFeatures, &str); 21] = [
    (WasmFeatures::SIMD, "SIMD"),
    (WasmFeatures::RELAXED_SIMD, "relaxed SIMD"),
    (WasmFeatures::THREADS, "threads (shared memories, atomics)"),
    (WasmFeatures::SHARED_EVERYTHING_THREADS, "shared-everything threads"),
    (WasmFeatures::TAIL_CALL, "tail calls"),
    (WasmFeatures::EXCEPTIONS, "exceptions"),
    (WasmFeatures::LEGACY_EXCEPTIONS, "exceptions of the old kind"),
    (WasmFeatures::MULTI_MEMORY, "more than one memory in a module"),
    (WasmFeatures::MEMORY64, "64-bit memories"),
    (WasmFeatures::FUNCTION_REFERENCES, "typed function references"),
    (WasmFeatures::GC, "garbage collection"),
    (WasmFeatures::GC_TYPES, "references to the host's values (externref)"),
    (WasmFeatures::CUSTOM_PAGE_SIZES, "custom page sizes"),
    (WasmFeatures::STACK_SWITCHING, "stack switching"),
    (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic"),
    (WasmFeatures::CM_ASYNC, "asynchronous component functions, streams or futures"),
    (WasmFeatures::CM_VALUES, "component values"),
    (WasmFeatures::CM_THREADING, "component threads"),
    (WasmFeatures::CM_ERROR_CONTEXT, "error contexts"),
    (WasmFeatures::CM_FIXED_LENGTH_LISTS, "lists of fixed length"),
    (WasmFeatures::CM_MAP, "component maps"),
];

/// Checks that `component` is valid and uses nothing but what is [`ACCEPTED`].
pub(super) fn check(component: &[u8]) -> Result<(), Refusal> {
    let valid = |features| Validator::new_with_features(features).validate_all(component);
    if valid(ACCEPTED).is_ok() {
        return Ok(());
    }
    // What is not valid at all may look like anything.
    if let Err(error) = valid(WasmFeatures::all()) {
        return Err(Refusal::new(format!("it is damaged: {} (at byte {})", error.message(), error.offset())));
    }
    // The validator names one at most. What can be left out, is; larger proposals first, as they hold smaller ones.
    let mut needed = WasmFeatures::all();
    let others: Vec<_> = WasmFeatures::all().difference(ACCEPTED).iter_names().collect();
    for (_, feature) in others.iter().rev() {
        let fewer = needed.difference(*feature);
        needed = if valid(fewer).is_ok() { fewer } else { needed };
    }
    let named = others.iter().filter(|(_, feature)| needed.contains(*feature));
    let named: Vec<_> = named.map(|(name, feature)| called(name, *feature)).collect();
    Err(Refusal::new(format!("it uses {}, which wasgi does not accept", named.join(" and "))))
}

fn called(name: &str, feature: WasmFeatures) -> String {
    let named = NAMES.iter().find(|(named, _)| *named == feature);
    named.map_or_else(|| name.to_lowercase().replace('_', " "), |(_, called)| (*called).to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::codegen::Codegen;
    use super::*;

    fn refusal(text: &str) -> String {
        check(&wat::parse_str(text).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_refused_is_named() {
        for (module, named) in [
            ("(func (drop (v128.const i64x2 0 0)))", "SIMD"),
            ("(func (param v128) (drop (i32x4.relaxed_trunc_f32x4_s (local.get 0))))", "SIMD and relaxed SIMD"),
            ("(memory 1 1 shared)", "threads (shared memories, atomics)"),
            ("(memory 1) (func (drop (i32.atomic.load (i32.const 0))))", "threads (shared memories, atomics)"),
            ("(func $f (return_call $f))", "tail calls"),
            ("(tag) (func (throw 0))", "exceptions"),
            ("(memory 1) (memory 1)", "more than one memory in a module"),
            ("(memory i64 1)", "64-bit memories"),
            ("(type $t (func)) (func (param (ref $t)))", "typed function references"),
            ("(func (param externref))", "references to the host's values (externref)"),
            ("(memory 1 (pagesize 1))", "custom page sizes"),
            ("(func (result i64 i64) (i64.mul_wide_s (i64.const 1) (i64.const 1)))", "wide arithmetic"),
        ] {
            let refused = refusal(&format!("(component (core module {module}))"));
            assert_eq!(refused, format!("it uses {named}, which wasgi does not accept"), "{module}");
        }
        for (content, named) in [
            ("(type (stream u8))", "asynchronous component functions, streams or futures"),
            ("(type (future))", "asynchronous component functions, streams or futures"),
            ("(type (list u8 4))", "lists of fixed length"),
            ("(type (map string u8))", "component maps"),
            ("(type error-context)", "error contexts"),
        ] {
            let refused = refusal(&format!("(component {content})"));
            assert!(
                refused.contains(named) && refused.ends_with(", which wasgi does not accept"),
                "{content}: {refused}"
            );
        }
        let refused = refusal("(component (core module (type (struct (field i32)))))");
        assert!(refused.contains("garbage collection"), "{refused}");
        let two = refusal("(component (core module (func $f (return_call $f)) (memory 1 1 shared)))");
        assert_eq!(two, "it uses threads (shared memories, atomics) and tail calls, which wasgi does not accept");
    }

    #[test]
    fn what_is_accepted_passes() {
        for module in [
            "(global (export \"g\") (mut i32) (i32.const 0))",
            "(func (param i32) (result i32) (i32.extend8_s (local.get 0)))",
            "(func (param f64) (result i32) (i32.trunc_sat_f64_s (local.get 0)))",
            "(memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 9)))",
            "(memory 1) (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1))) (data \"x\")",
            "(table 1 funcref) (table 1 funcref) (func (table.set 1 (i32.const 0) (ref.null func)))",
            "(func (result i32 i32) (i32.const 0) (i32.const 0))",
            "(global i32 (i32.add (i32.const 1) (i32.const 1)))",
        ] {
            check(&wat::parse_str(format!("(component (core module {module}))")).unwrap()).unwrap();
        }
    }

    #[test]
    fn what_is_damaged_is_not_mistaken_for_more() {
        let mut bytes = wat::parse_str("(component (core module (func (drop (v128.const i64x2 0 0)))))").unwrap();
        let length = bytes.len();
        bytes[length - 1] ^= 1;
        assert!(check(&bytes).unwrap_err().to_string().starts_with("it is damaged: "));
    }

    #[test]
    fn the_engine_accepts_the_same() {
        let engine = Codegen::new().unwrap();
        let simd = wat::parse_str("(component (core module (func (drop (v128.const i64x2 0 0)))))").unwrap();
        assert!(engine.accepts(&wat::parse_str("(component)").unwrap()));
        assert!(!engine.accepts(&simd));
    }

    #[test]
    fn parts_of_a_component_may_call_each_other() {
        let text = r#"(component
            (component $callee
                (core module $code
                    (memory (export "m") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
                    (func (export "f") (param i32 i32)))
                (core instance $code (instantiate $code))
                (func (export "f") (param "text" string) (canon lift (core func $code "f")
                    (memory (core memory $code "m")) (realloc (core func $code "realloc")))))
            (instance $callee (instantiate $callee))
            (core module $memory (memory (export "m") 1))
            (core instance $memory (instantiate $memory))
            (core func $f (canon lower (func $callee "f") (memory (core memory $memory "m"))))
            (core module $caller (import "" "f" (func (param i32 i32))))
            (core instance (instantiate $caller (with "" (instance (export "f" (func $f)))))))"#;
        let component = wat::parse_str(text).unwrap();
        check(&component).unwrap();
        assert!(Codegen::new().unwrap().accepts(&component));
    }
}
