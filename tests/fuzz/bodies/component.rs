//! Whatever is deployed as a component: what checks it and what compiles it panic at nothing, and nothing is compiled that
//! is not an application. It is what the compiling process does with its standard input, without the process: what the
//! process adds are limits of CPU and memory, which the suite `deploys` tries.

use std::sync::LazyLock;

use wasgi::sandbox::{Codegen, EXPORTS, check};

/// More is many seconds of compiling, and those are another matter.
const MOST: usize = 64 << 10;

static CODEGEN: LazyLock<Codegen> = LazyLock::new(|| Codegen::new().expect("a compiler for this machine"));

pub(crate) fn run(data: &[u8]) {
    if data.len() > MOST {
        return;
    }
    match (check(data), CODEGEN.compile(data)) {
        (Err(checked), Err(compiled)) => {
            assert_eq!(checked, compiled, "whatever is wrong is found before it is compiled");
            is_a_sentence(&checked.to_string());
        }
        (Err(checked), Ok(_)) => panic!("it was compiled, although {checked}"),
        (Ok(contract), compiled) => {
            assert!(contract.exports.iter().any(|export| EXPORTS.contains(&export.as_str())), "{:?}", contract.exports);
            match compiled {
                Ok(code) => assert!(code.starts_with(b"\x7fELF"), "no machine code"),
                Err(refusal) => is_a_sentence(&refusal.to_string()),
            }
        }
    }
}

/// It goes into one line of a log, and to a terminal.
fn is_a_sentence(text: &str) {
    assert!(text.starts_with("it ") && !text.contains(char::is_control), "{text:?}");
}
