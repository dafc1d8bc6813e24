//! The guests in `tests/guests`, compiled once by each test binary in the way that `wasgi build`
//! compiles; cargo's own lock keeps test binaries apart that run at the same time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use wasgi::build::{Form, Options, Progress, Toolchain};

use super::python;

/// The project's root.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Where cargo puts what it builds: the folder above that of the binary's profile.
pub fn target_dir() -> &'static Path {
    let binary = Path::new(env!("CARGO_BIN_EXE_wasgi"));
    binary.ancestors().nth(2).unwrap()
}

/// The component of the guest `name`.
#[track_caller]
pub fn component(name: &str) -> &'static Path {
    if is_python(name) {
        return python();
    }
    let built = all().get(name);
    built.unwrap_or_else(|| panic!("there is no guest {name} in tests/guests/examples"))
}

/// Whether this test binary tries Python's guests, and there is one called `name`. What an application in Python can't
/// do (be out of stack, hold a handle) is done by the Rust guest in that binary too.
pub fn is_python(name: &str) -> bool {
    env!("CARGO_CRATE_NAME") == "python_conformance"
        && python::available()
        && root().join(format!("tests/python-guests/guests/{name}.py")).exists()
}

/// The one component that is every guest in Python: the variable GUEST says which.
fn python() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| python::built(&root().join("tests/python-guests")))
}

/// Every guest: its name and its component.
pub fn all() -> &'static BTreeMap<String, PathBuf> {
    static BUILT: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| {
        let project = root().join("tests/guests");
        // The suite of the full form; all others try what `wasgi build` makes.
        let (folder, form) = match env!("CARGO_CRATE_NAME") {
            "full_conformance" => ("guests-full", Form::Full),
            _ => ("guests", Form::default()),
        };
        let options = Options { target_dir: Some(target_dir().join(folder)), form, ..Options::default() };
        let toolchain = Toolchain::find(&project, Progress::Quiet).unwrap();
        toolchain.build_examples(&project, &options).unwrap()
    })
}
