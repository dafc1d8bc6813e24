//! Python projects, built once for each test run, where there is what they are built with.

use std::fs::{self, File};
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

/// The component of a project whose application `app` is wrapped in the validator of the standard library, which raises
/// an error where one of both sides breaks a rule of PEP 3333. That knows no `wsgi.input_terminated`, with which Werkzeug
/// reads without a size, so the application doesn't see it.
#[track_caller]
pub fn validated(project: &Path, app: &str) -> PathBuf {
    let name = format!("{}-validated", project.file_name().unwrap().display());
    let copy = target_dir().join("guests/validated").join(&name);
    let _ = fs::remove_dir_all(&copy);
    copy_all(project, &copy);
    let (module, callable) = app.split_once(':').unwrap();
    let wrapper = format!(
        "from wsgiref.validate import validator\nfrom {module} import {callable} as inner\n\n\n\
         def plain(environ, start_response):\n    environ.pop('wsgi.input_terminated')\n    \
         return inner(environ, start_response)\n\n\napplication = validator(plain)\n"
    );
    fs::write(copy.join("validated.py"), wrapper).unwrap();
    let options = Options {
        target_dir: Some(target_dir().join("guests")),
        app: Some("validated:application".into()),
        ..Options::default()
    };
    wasgi::build::component(&copy, &options, Progress::Quiet).unwrap().path
}

/// With their times, which are part of what is built.
fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_all(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
            let time = fs::metadata(&from).unwrap().modified().unwrap();
            File::options().write(true).open(&to).unwrap().set_modified(time).unwrap();
        }
    }
}
