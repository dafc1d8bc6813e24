//! What a file must be to be deployed: a component of the world `wasgi:gateway/app`, or of its lean form.
//!
//! This look is for people: it names what is wrong in a sentence. What counts in the end is
//! that wasmtime links the component.

use std::fmt;

use wasmparser::{
    ComponentDefinedType, ComponentExternalKind, ComponentType, ComponentTypeDeclaration, CompositeInnerType, CoreType,
    Encoding, InstanceTypeDeclaration, Parser, Payload, RecGroup, SubType,
};

use super::features;

/// The interfaces of which every application exports one: that of the contract's full form, and that of the lean one.
pub const EXPORTS: [&str; 2] = ["wasgi:gateway/application@0.1.0", LEAN];
/// The lean form's.
pub(super) const LEAN: &str = "wasgi:gateway/lean@0.1.0";
/// Most of what a component and all that is in it may declare: each takes some of the host's memory as long as its code is
/// loaded, and more than in the file. CPython with an application declares 12,641.
const MOST_DECLARED: usize = 200_000;
/// The worlds, for messages.
const WORLDS: &str = "wasgi:gateway/app@0.1.0 (or app-lean)";

/// Why a file is not deployed: one sentence that says what was found and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(String);

impl Refusal {
    /// A refusal in these words, which become one line: what others' errors quote has line ends in it, or worse.
    pub fn new(sentence: impl AsRef<str>) -> Refusal {
        let words = sentence.as_ref().split(|c: char| breaks(c) || c == ' ').filter(|word| !word.is_empty());
        Refusal(words.collect::<Vec<_>>().join(" "))
    }

    pub(super) fn compile(error: &wasmtime::Error) -> Refusal {
        Refusal::new(format!("it can't be compiled: {}", chain(error)))
    }

    pub(super) fn load(error: &wasmtime::Error) -> Refusal {
        Refusal::new(format!("its compiled code can't be loaded: {}", chain(error)))
    }

    pub(super) fn link(error: &wasmtime::Error) -> Refusal {
        Refusal::new(format!("it doesn't fit the world {WORLDS}: {}", chain(error)))
    }

    pub(super) fn probe(error: &dyn fmt::Display) -> Refusal {
        Refusal::new(format!("it can't be instantiated: {error}"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// What a component declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contract {
    /// Interfaces that it imports.
    pub imports: Vec<String>,
    /// Interfaces and functions that it exports.
    pub exports: Vec<String>,
}

/// Checks that `bytes` is a component that uses no more of WebAssembly than is accepted, and exports one of
/// [`EXPORTS`].
///
/// # Errors
/// A [`Refusal`] where it isn't.
pub fn check(bytes: &[u8]) -> Result<Contract, Refusal> {
    recognise(bytes)?;
    features::check(bytes)?;
    let contract = read(bytes)?;
    if contract.exports.iter().any(|export| EXPORTS.contains(&export.as_str())) {
        return Ok(contract);
    }
    let found = match contract.exports.as_slice() {
        [] => "nothing".to_owned(),
        exports => exports.join(", "),
    };
    Err(Refusal::new(format!(
        "it is a component of another world: it exports {found}, and an application exports {}",
        EXPORTS.join(" or ")
    )))
}

fn recognise(bytes: &[u8]) -> Result<(), Refusal> {
    let found = match bytes {
        [] => "an empty file",
        [b'P', b'K', ..] => "a zip archive",
        [0x7f, b'E', b'L', b'F', ..] => "an ELF file: native or precompiled code",
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => "a core module",
        [0, b'a', b's', b'm', ..] => "wasm of an unknown version",
        _ => "something else",
    };
    Err(Refusal::new(format!("it is {found}, and an application is a WebAssembly component")))
}

/// Reads the outermost component's imports and exports, and counts what is declared in all. What it says of bytes that are
/// no component is worth less than what [`check`] says.
///
/// # Errors
/// A [`Refusal`] where they can't be read.
pub fn read(bytes: &[u8]) -> Result<Contract, Refusal> {
    let mut contract = Contract::default();
    let (mut depth, mut declared) = (0usize, 0usize);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| Refusal::new(format!("it is damaged: {error}")))?;
        declared += declarations(&payload);
        if declared > MOST_DECLARED {
            return Err(Refusal::new(format!(
                "it declares more than {MOST_DECLARED} types, parameters, results, imports, exports and aliases in all"
            )));
        }
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(Refusal::new("it is a core module, and an application is a WebAssembly component"));
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                contract.imports.extend(section.into_iter().flatten().map(|import| import.name.name.to_owned()));
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                let named = section.into_iter().flatten().filter(|export| {
                    matches!(export.kind, ComponentExternalKind::Instance | ComponentExternalKind::Func)
                });
                contract.exports.extend(named.map(|export| export.name.name.to_owned()));
            }
            _ => {}
        }
    }
    Ok(contract)
}

/// What a section declares that takes much more of memory than of the file.
fn declarations(section: &Payload<'_>) -> usize {
    match section {
        Payload::TypeSection(section) => section.clone().into_iter().flatten().map(|group| rec_group(&group)).sum(),
        Payload::CoreTypeSection(section) => section.clone().into_iter().flatten().map(|of| core_type(&of)).sum(),
        Payload::ComponentTypeSection(section) => {
            section.clone().into_iter().flatten().map(|of| component_type(&of)).sum()
        }
        Payload::ImportSection(section) => section.count() as usize,
        Payload::ExportSection(section) => section.count() as usize,
        Payload::InstanceSection(section) => section.count() as usize,
        Payload::ComponentImportSection(section) => section.count() as usize,
        Payload::ComponentExportSection(section) => section.count() as usize,
        Payload::ComponentInstanceSection(section) => section.count() as usize,
        Payload::ComponentAliasSection(section) => section.count() as usize,
        _ => 0,
    }
}

fn rec_group(group: &RecGroup) -> usize {
    let size = |of: &SubType| match &of.composite_type.inner {
        CompositeInnerType::Func(of) => 1 + of.params().len() + of.results().len(),
        _ => 1,
    };
    group.types().map(size).sum()
}

fn core_type(of: &CoreType<'_>) -> usize {
    match of {
        CoreType::Rec(group) => rec_group(group),
        CoreType::Module(declarations) => 1 + declarations.len(),
    }
}

fn component_type(of: &ComponentType<'_>) -> usize {
    1 + match of {
        ComponentType::Defined(of) => match of {
            ComponentDefinedType::Record(fields) => fields.len(),
            ComponentDefinedType::Variant(cases) => cases.len(),
            ComponentDefinedType::Tuple(types) => types.len(),
            ComponentDefinedType::Flags(names) | ComponentDefinedType::Enum(names) => names.len(),
            _ => 0,
        },
        ComponentType::Func(of) => of.params.len(),
        ComponentType::Component(declared) => {
            let size = |one: &ComponentTypeDeclaration<'_>| match one {
                ComponentTypeDeclaration::CoreType(of) => core_type(of),
                ComponentTypeDeclaration::Type(of) => component_type(of),
                _ => 1,
            };
            declared.iter().map(size).sum()
        }
        ComponentType::Instance(declared) => {
            let size = |one: &InstanceTypeDeclaration<'_>| match one {
                InstanceTypeDeclaration::CoreType(of) => core_type(of),
                InstanceTypeDeclaration::Type(of) => component_type(of),
                _ => 1,
            };
            declared.iter().map(size).sum()
        }
        ComponentType::Resource { .. } => 0,
    }
}

fn chain(error: &wasmtime::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Whether a character begins a line, or moves what stands around it (Unicode's Cc, Zl, Zp and Bidi_Control).
fn breaks(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_named() {
        for (bytes, named) in [
            (&b""[..], "an empty file"),
            (b"PK\x03\x04", "a zip archive"),
            (b"\x7fELF....", "an ELF file"),
            (b"\0asm\x01\0\0\0", "a core module"),
            (b"hello", "something else"),
        ] {
            let refusal = check(bytes).unwrap_err().to_string();
            assert!(refusal.contains(named), "{refusal}");
        }
    }

    #[test]
    fn a_refusal_is_one_line() {
        // The validator quotes four bytes on four lines.
        let refusal = check(b"\0asm\x0d\0\x01\0\x01\x08asm\0\x01\0\0\0").unwrap_err().to_string();
        assert!(refusal.contains("expected=[ 0x0, 0x61") && !refusal.contains(char::is_control), "{refusal}");
        assert_eq!(Refusal::new("one\r\n  \x1b[31mline\u{2028}\u{202e}").to_string(), "one [31mline");
    }

    #[test]
    fn who_declares_too_much_is_told() {
        let types = |count| {
            let params = "i64 ".repeat(999);
            let of = |number: u32| {
                let results = ["i32", "i64"].map(|result| format!("{result} ").repeat(number as usize + 1));
                format!("(type (func (param {params}) (result {})))", results[number as usize % 2])
            };
            let types: String = (0..count).map(of).collect();
            check(&wat::parse_str(format!("(component (core module {types}))")).unwrap()).unwrap_err().to_string()
        };
        assert!(types(100).contains("it exports nothing"));
        assert!(types(199).contains("it declares more than 200000 types, parameters"), "{}", types(199));
    }

    #[test]
    fn another_world_is_named() {
        let empty = wat::parse_str("(component)").unwrap();
        assert!(check(&empty).unwrap_err().to_string().contains("it exports nothing"));
        assert!(check(&empty[..5]).is_err());
    }
}
