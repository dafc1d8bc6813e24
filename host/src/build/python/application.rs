//! Which callable is the application: said, or found by convention in the sources. Nothing of the
//! project is run for that.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::super::child;
use super::interpreter::Interpreter;
use super::project::Project;

/// Reads the sources with Python's own parser.
const SCAN: &str = include_str!("scripts/scan.py");

/// Some dozen files are read.
const LIMIT: Duration = Duration::from_secs(60);

/// What every error here ends with.
const SAY: &str =
    "say which it is with --app MODULE:NAME, or with app = \"MODULE:NAME\" below [tool.wasgi] in pyproject.toml";

/// The application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Application {
    /// `MODULE:NAME`, or `MODULE:NAME()` for what makes it when called without arguments.
    pub(super) name: String,
    /// Django's settings module, where only the environment names it.
    pub(super) settings: Option<String>,
}

#[derive(Deserialize)]
struct Scan {
    candidates: Vec<Candidate>,
    settings: Option<String>,
    rejected: Vec<Rejected>,
}

#[derive(Deserialize)]
struct Candidate {
    app: String,
    file: PathBuf,
    line: usize,
}

#[derive(Deserialize)]
struct Rejected {
    file: PathBuf,
    line: usize,
    reason: String,
}

/// The application of `project`: the one that was typed, that the project says, or that there is.
pub(super) fn find(python: &Interpreter, project: &Project, typed: Option<&str>) -> anyhow::Result<Application> {
    if let Some(name) = typed.or(project.settings.app.as_deref()) {
        let by = if typed.is_some() { "--app" } else { "[tool.wasgi] app" };
        if !is_name(name) {
            bail!("{by}: {name:?} names no application: it has to be MODULE:NAME, for instance shop.wsgi:application");
        }
        return Ok(Application { name: name.to_owned(), settings: None });
    }
    let mut scan = python.command();
    scan.args(["-c", SCAN]).args(project.roots());
    let found = child::run(&mut scan, LIMIT, || ()).context("cannot look for the application")?;
    choose(serde_json::from_str(&found).context("the search for the application gives no sense")?, project)
}

fn choose(scan: Scan, project: &Project) -> anyhow::Result<Application> {
    let shown = project.shown().display();
    let place = |file: &PathBuf, line: usize| format!("{}:{line}", project.show(file).display());
    match &scan.candidates[..] {
        [one] => {
            let named_nowhere_else = one.app.starts_with("django.core.");
            Ok(Application { name: one.app.clone(), settings: scan.settings.filter(|_| named_nowhere_else) })
        }
        [] => match scan.rejected.first() {
            Some(no) => bail!("{}: no application: {}; {SAY}", place(&no.file, no.line), no.reason),
            None => bail!(
                "{shown}: no application: no module at the top or one below has an app, an application or a create_app(); {SAY}"
            ),
        },
        several => {
            let each = several.iter().map(|one| format!("{} ({})", one.app, place(&one.file, one.line)));
            let each: Vec<_> = each.collect();
            bail!("{shown}: several callables could be the application: {}; {SAY}", each.join(" and "))
        }
    }
}

/// Whether a text has the form `module.module:name.name` or `…:name()`.
fn is_name(text: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && word.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    let dotted = |text: &str| text.split('.').all(word);
    text.split_once(':').is_some_and(|(module, name)| dotted(module) && dotted(name.strip_suffix("()").unwrap_or(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a project of these files: the application, or why there is none. Nothing where there is no
    /// Python to look with.
    fn found(files: &[(&str, &str)]) -> Option<Result<String, String>> {
        let python = super::super::interpreter::tests::here()?;
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found = find(&python, &Project::read(folder.path()).unwrap(), None);
        let shown = format!("{}/", folder.path().display());
        Some(found.map(|found| found.name).map_err(|error| error.to_string().replace(&shown, "")))
    }

    #[track_caller]
    fn finds(files: &[(&str, &str)], application: &str) {
        if let Some(found) = found(files) {
            assert_eq!(found.as_deref(), Ok(application));
        }
    }

    #[track_caller]
    fn refuses(files: &[(&str, &str)], reason: &str) {
        if let Some(found) = found(files) {
            let error = found.unwrap_err();
            assert!(error.contains(reason) && error.ends_with(SAY), "{error}");
        }
    }

    const FLASK: &str = "from flask import Flask\napp = Flask(__name__)\n";

    #[test]
    fn names() {
        for good in ["app:app", "shop.wsgi:application", "shop:create_app()", "a:b.c"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["app", "app:", ":app", "a b:c", "app/x.py:app", "a:b(1)", "1a:b", "a:b:c"] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn what_a_module_calls_so() {
        finds(&[("app.py", FLASK)], "app:app");
        finds(&[("hello.py", "def application(environ, start_response):\n    return []\n")], "hello:application");
        finds(&[("shop/__init__.py", FLASK)], "shop:app");
        finds(&[("src/shop/__init__.py", ""), ("src/shop/wsgi.py", FLASK)], "shop.wsgi:app");
        finds(&[("src/app.py", FLASK), ("src/models.py", "import app\n")], "app:app");
        finds(&[("app.py", "app: object = make()\nif __name__ == '__main__':\n    application = 1\n")], "app:app");
        finds(&[("main.py", "try:\n    app = make()\nexcept ImportError:\n    raise\n")], "main:app");
        finds(&[("app.py", "app = 5\napplication = make()\n")], "app:application");
    }

    #[test]
    fn one_that_is_made_from_another_stands_for_it() {
        finds(&[("app.py", FLASK), ("wsgi.py", "from app import app as application\n")], "wsgi:application");
        finds(&[("app.py", &format!("{FLASK}app = Fix(app)\n")), ("models.py", "from app import app\n")], "app:app");
        finds(&[("app.py", &format!("{FLASK}application = Fix(app)\n"))], "app:application");
        finds(&[("app.py", FLASK), ("main.py", "import app\napplication = Fix(app.app)\n")], "main:application");
        let far = [("shop/web/server.py", FLASK), ("run.py", "from shop.web.server import app\n")];
        finds(&far, "shop.web.server:app");
    }

    #[test]
    fn a_source_folder_that_is_imported_by_its_name() {
        let whole = format!("from src.models import Item\n{FLASK}");
        finds(&[("src/app.py", &whole), ("src/models.py", "")], "src.app:app");
        let relative = format!("from .models import Item\n{FLASK}");
        finds(&[("src/app.py", &relative), ("src/models.py", "")], "src.app:app");
        finds(&[("src/app.py", FLASK), ("main.py", "from src.app import app\n")], "src.app:app");
        finds(&[("src/app.py", FLASK), ("wsgi.py", "from src.app import app\n")], "wsgi:app");
        let late = "def create_app():\n    from src.pages import pages\n";
        finds(&[("src/shop/__init__.py", late)], "src.shop:create_app()");
        finds(&[("src/shop/__init__.py", "from .app import app\n"), ("src/shop/app.py", FLASK)], "shop.app:app");
    }

    #[test]
    fn one_that_is_imported_by_its_bare_name_too_is_called_so() {
        let app = ("src/shop/app.py", "from flask import Flask\napp = Flask(__name__)\nimport shop.views\n");
        let views = ("src/shop/views.py", "from shop.app import app\n");
        let seed = ("seed.py", "from src.shop.app import app\n");
        finds(&[app, views, seed], "shop.app:app");
        // Also where only modules do so that no application is looked for in.
        let relative = ("src/shop/app.py", "from flask import Flask\napp = Flask(__name__)\nfrom . import views\n");
        finds(&[relative, views, seed], "shop.app:app");
        // One that is to be imported so would load the application twice.
        refuses(&[app, views, ("wsgi.py", seed.1)], "several callables could be the application");
        let test = ("src/tests/test_shop.py", "import shop\n");
        finds(&[relative, ("src/shop/views.py", "from .app import app\n"), test, seed], "src.shop.app:app");
        // What is the standard library's, or the project's own, is not what lies in `src`.
        let others = format!("import email, config\nfrom src.models import Item\n{FLASK}");
        let files = [("src/app.py", &*others), ("src/models.py", ""), ("src/email.py", ""), ("src/config.py", "")];
        finds(&[&files[..], &[("config.py", "")]].concat(), "src.app:app");
    }

    #[test]
    fn relative_imports_that_need_the_source_folder_as_their_package() {
        let climbs = format!("from ..models import Item\n{FLASK}");
        let files = [("src/shop/app.py", &*climbs), ("src/models.py", "")];
        finds(&files, "src.shop.app:app");
        finds(&[&files[..], &[("src/seed.py", "from models import Item\n")]].concat(), "src.shop.app:app");
        let inside = format!("from .models import Item\n{FLASK}");
        finds(&[("src/shop/app.py", &inside), ("src/shop/models.py", "")], "shop.app:app");
        finds(&[("src/shop/__init__.py", &inside), ("src/shop/models.py", "")], "shop:app");
    }

    #[test]
    fn a_factory_where_there_is_nothing_else() {
        let factory = "def create_app(config=None):\n    pass\n";
        finds(&[("shop/__init__.py", factory)], "shop:create_app()");
        let used = [("shop/__init__.py", factory), ("wsgi.py", "from shop import create_app\napp = create_app()\n")];
        finds(&used, "wsgi:app");
        refuses(&[("shop.py", "def create_app(config):\n    pass\n")], "no application");
    }

    #[test]
    fn djangos_settings_name_it() {
        let manage = "import os\ndef main():\n    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')\n";
        let settings = ("mysite/settings.py", "WSGI_APPLICATION = 'mysite.wsgi.application'\n");
        let wsgi = ("mysite/wsgi.py", "application = get_wsgi_application()\n");
        let package = ("mysite/__init__.py", "");
        finds(&[("manage.py", manage), settings, wsgi, package], "mysite.wsgi:application");
        let bare = [("manage.py", manage), ("mysite/settings.py", ""), package];
        finds(&bare, "django.core.wsgi:get_wsgi_application()");
    }

    #[test]
    fn two_that_could_be_meant_are_both_named() {
        let both = [("app.py", FLASK), ("main.py", "def application(environ, start_response):\n    return []\n")];
        refuses(
            &both,
            "several callables could be the application: app:app (app.py:2) and main:application (main.py:1)",
        );
    }

    #[test]
    fn what_is_none_is_told_with_its_line() {
        refuses(
            &[("main.py", "from fastapi import FastAPI\n\napp = FastAPI()\n")],
            "main.py:3: no application: app is made by FastAPI, which is ASGI",
        );
        refuses(
            &[("app.py", "async def app(scope, receive, send):\n    pass\n")],
            "app.py:1: no application: app is a coroutine",
        );
        refuses(&[("app.py", "x = 1\napp = (\n")], "app.py:2: no application: SyntaxError");
        refuses(&[("README", "")], "no application: no module at the top");
    }
}
