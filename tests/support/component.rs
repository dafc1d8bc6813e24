//! Components with more in them than a compiler puts there: core modules in WebAssembly's text format, added to one
//! that serves.

use std::fmt::Write as _;

/// A component's sections, by their numbers in the binary format.
const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;
/// Magic number and version.
const PREAMBLE: usize = 8;

/// `component` with the core module `text` in it, which is instantiated `times` when the component is.
pub fn with_module(component: &[u8], text: &str, times: usize) -> Vec<u8> {
    with_module_bytes(component, &wat::parse_str(text).expect("a module"), times)
}

/// The same with a module in the binary format.
pub fn with_module_bytes(component: &[u8], module: &[u8], times: usize) -> Vec<u8> {
    let index = core_modules(component);
    let mut whole = component.to_vec();
    section(&mut whole, CORE_MODULE, module);
    let mut instances = leb128(times);
    for _ in 0..times {
        instances.push(0); // by instantiating …
        instances.extend(leb128(index));
        instances.push(0); // … with no arguments
    }
    section(&mut whole, CORE_INSTANCE, &instances);
    whole
}

/// `component` that imports something of this name as well: a resource, since that is described without the number of a
/// type, which would be another one in there.
pub fn with_import(component: &[u8], name: &str) -> Vec<u8> {
    let import = wat::parse_str(format!("(component (import {name:?} (type (sub resource))))")).expect("a component");
    [component, &import[PREAMBLE..]].concat()
}

/// `component` with so many functions in it, which nobody calls, that it takes a second or more to compile.
pub fn slow_to_compile(component: &[u8]) -> Vec<u8> {
    let mut module = String::from("(module");
    for function in 0..4_000 {
        let _ = write!(module, "(func (param i64) (result i64) local.get 0");
        for step in 0..60 {
            let _ = write!(module, " i64.const {} i64.rotl local.get 0 i64.mul", function + step);
        }
        module.push(')');
    }
    module.push(')');
    with_module(component, &module, 0)
}

fn section(out: &mut Vec<u8>, id: u8, content: &[u8]) {
    out.push(id);
    out.extend(leb128(content.len()));
    out.extend_from_slice(content);
}

/// How many core modules are defined at the component's own level: the next one's index.
fn core_modules(component: &[u8]) -> usize {
    let (mut at, mut modules) = (PREAMBLE, 0);
    while at < component.len() {
        modules += usize::from(component[at] == CORE_MODULE);
        let (length, digits) = read_leb128(&component[at + 1..]);
        at += 1 + digits + length;
    }
    modules
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        bytes.push(if number > 0 { byte | 0x80 } else { byte });
        if number == 0 {
            return bytes;
        }
    }
}

/// A number, and how many bytes it takes.
fn read_leb128(bytes: &[u8]) -> (usize, usize) {
    let last = bytes.iter().position(|byte| byte & 0x80 == 0).expect("an end of the number");
    let number = bytes[..=last].iter().rev().fold(0, |number, byte| number << 7 | usize::from(byte & 0x7f));
    (number, last + 1)
}
