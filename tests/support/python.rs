//! Python projects, built once for each test run, where there is what they are built with.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use wasgi::build::{Options, Progress};

use super::guests::target_dir;

/// Whether Python projects can be built here. Where not it is said in one line, unless the environment says that
/// nothing may be left out.
pub fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| match wasgi::build::python::available() {
        Ok(()) => true,
        Err(reason) => {
            assert!(std::env::var_os("WASGI_REQUIRE_PYTHON").is_none(), "{reason}");
            // Not by a macro: what tests print so is shown of those that fail alone.
            let _ = writeln!(std::io::stderr(), "Python's part of the tests is left out: {reason}");
            false
        }
    })
}

/// The component of a project, which is kept in the target directory.
#[track_caller]
pub fn built(project: &Path) -> PathBuf {
    let options = Options { target_dir: Some(target_dir().join("guests")), ..Options::default() };
    wasgi::build::component(project, &options, Progress::Quiet).unwrap().path
}
