//! `wasgi new --python`, and `wasgi build` of Python projects.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::support::python;
use crate::support::site::{Ended, Server, Site, run, wasgi};

fn build(project: &Path, output: &Path) -> Command {
    let mut command = wasgi();
    command.arg("build").arg(project).arg("-o").arg(output);
    command
}

/// A project of these files.
fn project(site: &Site, files: &[(&str, &str)]) -> std::path::PathBuf {
    let folder = site.folder().join("project");
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Builds a project in which something is wrong: gives what is said last, with paths from the project's folder.
#[track_caller]
fn refused(files: &[(&str, &str)], arguments: &[&str]) -> (String, Ended) {
    refused_with(1, files, arguments)
}

/// The same where what the project says of itself can't be read, so that nothing was begun.
#[track_caller]
fn unread(files: &[(&str, &str)]) -> String {
    refused_with(2, files, &[]).0
}

#[track_caller]
fn refused_with(code: i32, files: &[(&str, &str)], arguments: &[&str]) -> (String, Ended) {
    let site = Site::new();
    let folder = project(&site, files);
    let output = site.file("project.wasm");
    let ended = run(build(&folder, &output).args(arguments));
    assert_eq!((ended.code, ended.out.as_str()), (Some(code), ""), "{ended:?}");
    assert!(fs::read_dir(site.apps()).unwrap().next().is_none(), "something was written");
    let last = ended.err.lines().last().unwrap().to_owned();
    let said = last.strip_prefix("wasgi: ").unwrap_or_else(|| panic!("{ended:?}"));
    (said.replace(&format!("{}/", folder.display()), ""), ended)
}

const APP: &str = "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'x']\n";

#[test]
fn a_new_python_application_builds_outside_a_clone_and_answers() {
    if !python::available() {
        return;
    }
    let site = Site::new();
    let made = run(wasgi().args(["new", "--python", "newcomer"]).current_dir(site.folder()));
    assert_eq!((made.code, made.err.as_str()), (Some(0), ""), "{made:?}");
    let (project, file) = (site.folder().join("newcomer"), site.file("newcomer.wasm"));
    let begun = Instant::now();
    let built = run(&mut build(&project, &file));
    assert_eq!(built.code, Some(0), "{built:?}");
    assert!(built.out.starts_with(&format!("built {} (", file.display())), "{built:?}");
    let (first, content) = (begun.elapsed(), fs::read(&file).unwrap());

    let mut command = wasgi();
    command.arg("serve").arg(&file).args(["--listen", "127.0.0.1:0", "--state"]).arg(site.state());
    let server = Server::start(command);
    server.answers("/", "Hello, World! This is newcomer.");
    assert_eq!(server.text("/?name=Ada"), "Hello, Ada! This is newcomer.");

    let begun = Instant::now();
    let again = run(&mut build(&project, &file));
    assert_eq!((again.code, again.err.as_str()), (Some(0), ""), "nothing is made anew: {again:?}");
    println!("built in {first:.1?}, and again in {:.1?}", begun.elapsed());
    assert_eq!(fs::read(&file).unwrap(), content);

    // The next version, deployed by building it.
    let source = project.join("app.py");
    let text = fs::read_to_string(&source).unwrap().replace("Hello, ", "Goodbye, ");
    fs::write(&source, &text).unwrap();
    let begun = Instant::now();
    assert_eq!(run(&mut build(&project, &file)).code, Some(0));
    println!("with a changed source in {:.1?}", begun.elapsed());
    server.answers("/", "Goodbye, World! This is newcomer.");

    // What can't be imported leaves what was built.
    let content = fs::read(&file).unwrap();
    fs::write(&source, text.replace("def app(", "def app(:")).unwrap();
    let failed = run(&mut build(&project, &file));
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let place = format!("{}:", source.display());
    let last = failed.err.lines().last().unwrap();
    assert!(last.starts_with(&format!("wasgi: {place}")) && last.contains("SyntaxError"), "{failed:?}");
    assert_eq!(fs::read(&file).unwrap(), content);
}

#[test]
fn a_project_finds_itself_in_the_component_and_its_manifest_does_not_go_in() {
    if !python::available() {
        return;
    }
    let site = Site::new();
    let app = "import email, importlib.metadata, pathlib, sys\nfrom src.models import Item\n\n\n\
        def app(environ, start_response):\n    start_response('200 OK', [])\n    \
        root = pathlib.Path(__file__).parents[1]\n    \
        told = [__name__, email.__file__, Item.__module__, (root / 'label.txt').read_text(), sys.path[:2],\n            \
        importlib.metadata.version('shop')]\n    return [repr(told).encode()]\n";
    let secret = "kept-out-of-the-component";
    let files = [
        ("pyproject.toml", "[project]\nname = 'shop'\nversion = '1.2'\ndependencies = []\n"),
        ("src/app.py", app),
        ("src/models.py", "class Item:\n    pass\n"),
        ("src/email.py", ""),
        ("label.txt", "blue"),
        ("apps/store.toml", &format!("[env]\nKEY = '{secret}'\n")),
        ("store.toml", &format!("[env]\nKEY = '{secret}'\n")),
    ];
    let folder = project(&site, &files);
    let file = folder.join("apps/store.wasm");
    let built = run(&mut build(&folder, &file));
    assert_eq!(built.code, Some(0), "{built:?}");
    let called = run(wasgi().arg("call").arg(&file).arg("/"));
    assert!(
        called
            .out
            .contains("['src.app', '/python/email/__init__.py', 'src.models', 'blue', ['/app', '/packages'], '1.2']"),
        "{called:?}"
    );
    let content = fs::read(&file).unwrap();
    assert!(!content.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
}

#[test]
fn variables_that_are_read_during_the_import_are_told() {
    if !python::available() {
        return;
    }
    let site = Site::new();
    let text = format!("import os\nLABEL = os.environ['LABEL']\nKEY = os.getenv('KEY')\n{APP}");
    let manifest = "[tool.wasgi]\nwarmup = ['/', 'POST /none']\n[tool.wasgi.env]\nLABEL = 'blue'\n";
    let folder = project(&site, &[("app.py", &text), ("pyproject.toml", manifest)]);
    for _ in 0..2 {
        let built = run(&mut build(&folder, &site.file("project.wasm")));
        assert_eq!(built.code, Some(0), "{built:?}");
        let place = |line: u32| format!("warning: {}:{line}: ", folder.join("app.py").display());
        for (line, said) in [(2, "LABEL is read during the import"), (3, "KEY is read during the import")] {
            let told = built.err.lines().find(|told| told.starts_with(&place(line)));
            assert!(told.is_some_and(|told| told.contains(said)), "{built:?}");
        }
    }
}

#[test]
fn an_application_that_can_not_be_imported() {
    if !python::available() {
        return;
    }
    let (said, ended) = refused(&[("requirements.txt", ""), ("app.py", &format!("import redis\n{APP}"))], &[]);
    assert!(said.starts_with("app.py:1: ModuleNotFoundError: No module named 'redis'"), "{said}");
    assert!(ended.err.contains("    import redis\n"), "a traceback with source lines: {}", ended.err);
    let files = [("requirements.txt", ""), ("app.py", &format!("import other\n{APP}")), ("other.py", "x = 1\ny = (\n")];
    let (said, _) = refused(&files, &[]);
    assert_eq!(said, "other.py:2: SyntaxError: '(' was never closed");
    let (said, _) = refused(&[("requirements.txt", ""), ("app.py", APP)], &["--app", "app:nothing"]);
    assert!(said.starts_with("importing app:nothing: ") && said.contains("'nothing'"), "{said}");
}

#[test]
fn two_callables_that_could_be_meant_or_none() {
    if !python::available() {
        return;
    }
    let two = [("requirements.txt", ""), ("app.py", APP), ("main.py", APP)];
    let (said, ended) = refused(&two, &[]);
    assert!(said.contains("app:app (app.py:1) and main:app (main.py:1)") && said.contains("--app"), "{said}");
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    let (said, _) = refused(&[("requirements.txt", ""), ("app.py", "x = (\n")], &[]);
    assert!(said.starts_with("app.py:1: no application: SyntaxError"), "{said}");
    let (said, _) = refused(&[("requirements.txt", ""), ("app.py", APP)], &["--app", "app.py"]);
    assert!(said.starts_with("--app: \"app.py\" names no application"), "{said}");
}

#[test]
fn requirements_that_can_not_be_met() {
    if !python::available() {
        return;
    }
    let (said, ended) = refused(&[("requirements.txt", "# web\nflask==99\n"), ("app.py", APP)], &[]);
    assert!(ended.err.contains("ERROR: No matching distribution found for flask==99"), "pip's words: {ended:?}");
    assert!(said.starts_with("requirements.txt:2: nothing satisfies flask==99: the newest there is is "), "{said}");
    let pyproject = "[project]\nname = \"x\"\ndependencies = [\n  \"markupsafe\",\n  \"ujson\",\n]\n";
    let (said, _) = refused(&[("pyproject.toml", pyproject), ("app.py", APP)], &[]);
    assert!(said.starts_with("pyproject.toml:5: ujson needs native code"), "{said}");
    let (said, _) = refused(&[("requirements.txt", "flask=="), ("app.py", APP)], &[]);
    assert!(said.starts_with("requirements.txt:1: not a requirement: flask=="), "{said}");
    let said = unread(&[("requirements.txt", "\n-r more.txt"), ("app.py", APP)]);
    assert!(said.starts_with("requirements.txt:2: more.txt: cannot read"), "{said}");
    let said = unread(&[("pyproject.toml", "[tool.wasgi]\nwarmpu = []"), ("app.py", APP)]);
    assert!(said.starts_with("pyproject.toml:2: unknown field `warmpu`"), "{said}");
}

/// With a `python3` of the test's own, or none, instead of the machine's.
#[test]
fn what_is_missing_of_python_is_named() {
    for (script, said) in [
        (None, "there is none"),
        (Some("echo out of order >&2; exit 1"), "python3: out of order"),
        (Some(r#"echo '{"path": "/p", "version": [3, 8], "venv": true, "pip": true}'"#), "python3 is 3.8"),
        (Some(r#"echo '{"path": "/p", "version": [3, 9], "venv": false, "pip": false}'"#), "python3-venv"),
    ] {
        let site = Site::new();
        let folder = project(&site, &[("requirements.txt", ""), ("app.py", APP)]);
        let path = site.folder().join("bin");
        fs::create_dir(&path).unwrap();
        if let Some(script) = script {
            fs::write(path.join("python3"), format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(path.join("python3"), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let ended = run(build(&folder, &site.file("project.wasm")).env("PATH", &path));
        assert_eq!((ended.code, ended.out.as_str(), ended.err.lines().count()), (Some(1), "", 1), "{ended:?}");
        assert!(ended.err.contains(said), "{ended:?}");
    }
}
