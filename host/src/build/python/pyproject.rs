//! `pyproject.toml`, as far as it matters here: the project's name, its dependencies, and
//! `[tool.wasgi]`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::bail;
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use super::distribution::{Distribution, Entries};
use super::requirements::Line;

/// The file, read.
#[derive(Debug, Default)]
pub(super) struct Pyproject {
    /// The project's name.
    pub(super) name: Option<String>,
    /// What the project requires.
    pub(super) dependencies: Vec<Line>,
    /// Why the dependencies that it has are not known, if so.
    pub(super) unread: Option<&'static str>,
    /// What an installation would say of it.
    pub(super) distribution: Option<Distribution>,
    /// What it says to wasgi.
    pub(super) settings: Settings,
}

/// `[tool.wasgi]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    /// The application: `MODULE:NAME`.
    pub(super) app: Option<String>,
    /// Requests made before the snapshot: `METHOD TARGET` or `TARGET`.
    pub(super) warmup: Vec<Spanned<String>>,
    /// The environment that the application is imported with.
    pub(super) env: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { app: None, warmup: vec![Spanned::new(0..0, "GET /".into())], env: BTreeMap::new() }
    }
}

#[derive(Deserialize)]
struct Document {
    project: Option<Metadata>,
    tool: Option<Tools>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    name: Option<String>,
    version: Option<String>,
    dependencies: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    dynamic: Vec<String>,
    #[serde(default)]
    scripts: Entries,
    #[serde(default)]
    gui_scripts: Entries,
    #[serde(default)]
    entry_points: BTreeMap<String, Entries>,
}

#[derive(Deserialize)]
struct Tools {
    wasgi: Option<Settings>,
    poetry: Option<Poetry>,
}

#[derive(Deserialize)]
struct Poetry {
    name: Option<String>,
    dependencies: Option<IgnoredAny>,
}

impl Pyproject {
    /// Reads the file's text; `shown` is its path in messages.
    pub(super) fn parse(text: &str, shown: &Path) -> anyhow::Result<Self> {
        let document: Document = match toml::from_str(text) {
            Ok(document) => document,
            Err(error) => {
                let line = line(text, error.span().map_or(0, |span| span.start));
                bail!("{}:{line}: {}", shown.display(), error.message());
            }
        };
        let (tools, project) = (document.tool, document.project);
        let (wasgi, poetry) = tools.map_or((None, None), |tools| (tools.wasgi, tools.poetry));
        let settings = wasgi.unwrap_or_default();
        if let Some(bad) = settings.warmup.iter().find(|request| !is_request(request.get_ref())) {
            bail!(
                "{}:{}: {:?} is no request: warmup has to say TARGET or METHOD TARGET, for instance \"GET /login\"",
                shown.display(),
                line(text, bad.span().start),
                bad.get_ref()
            );
        }
        let listed = project.as_ref().is_some_and(|project| project.dependencies.is_some());
        let dynamic = project.as_ref().is_some_and(|project| project.dynamic.iter().any(|name| name == "dependencies"));
        let poetrys = poetry.as_ref().is_some_and(|poetry| poetry.dependencies.is_some());
        let unread = match (listed, dynamic, poetrys) {
            (false, true, _) => Some("its dependencies are dynamic"),
            (false, _, true) => Some("its dependencies are listed for Poetry alone"),
            _ => None,
        };
        let name = project.as_ref().and_then(|project| project.name.clone());
        let distribution = project.as_ref().and_then(Metadata::distribution);
        let dependencies = project.and_then(|project| project.dependencies).unwrap_or_default();
        let dependencies = dependencies.into_iter().map(|each| {
            let at = line(text, each.span().start);
            Line { text: each.into_inner(), file: shown.to_owned(), line: at }
        });
        Ok(Self {
            name: name.or(poetry.and_then(|poetry| poetry.name)),
            dependencies: dependencies.collect(),
            unread,
            distribution,
            settings,
        })
    }
}

impl Metadata {
    fn distribution(&self) -> Option<Distribution> {
        let requires = self.dependencies.iter().flatten().map(|each| each.get_ref().clone());
        let mut entries = self.entry_points.clone();
        for (group, scripts) in [("console_scripts", &self.scripts), ("gui_scripts", &self.gui_scripts)] {
            if !scripts.is_empty() {
                entries.insert(group.to_owned(), scripts.clone());
            }
        }
        Distribution::new(self.name.as_deref()?, self.version.as_deref()?, requires.collect(), entries)
    }
}

/// Whether a text has the form `METHOD TARGET` or `TARGET`.
fn is_request(text: &str) -> bool {
    let (method, target) = text.split_once(' ').unwrap_or(("GET", text));
    let is_method = !method.is_empty() && method.chars().all(|c| c.is_ascii_uppercase() || c == '-');
    is_method && target.starts_with('/') && !target.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// The number of the line that the byte at `at` is in.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Pyproject, String> {
        Pyproject::parse(text, Path::new("pyproject.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_can_be_said() {
        let text = r#"
            [project]
            name = "shop"
            dependencies = [
                "flask>=3",
                "jinja2",
            ]
            [tool.wasgi]
            app = "shop:app"
            warmup = ["/", "POST /login"]
            [tool.wasgi.env]
            LABEL = "blue"
            [tool.other]
            key = 1
        "#;
        let project = parse(text).unwrap();
        assert_eq!((project.name.as_deref(), project.unread), (Some("shop"), None));
        let lines: Vec<_> = project.dependencies.iter().map(|line| (line.text.as_str(), line.line)).collect();
        assert_eq!(lines, [("flask>=3", 5), ("jinja2", 6)]);
        assert_eq!(project.settings.app.as_deref(), Some("shop:app"));
        let warmup = |project: &Pyproject| serde_json::to_string(&project.settings.warmup).unwrap();
        assert_eq!(warmup(&project), r#"["/","POST /login"]"#);
        assert_eq!(project.settings.env["LABEL"], "blue");
        assert_eq!(warmup(&parse("").unwrap()), r#"["GET /"]"#);
    }

    #[test]
    fn what_is_wrong_has_a_line() {
        for (text, said) in [
            ("[project]\nname = ", "pyproject.toml:2: "),
            ("[tool.wasgi]\nwarmpu = []", "pyproject.toml:2: unknown field `warmpu`"),
            ("[tool.wasgi.env]\nA = 1", "pyproject.toml:2: invalid type"),
            ("[tool.wasgi]\nwarmup = ['/',\n'GET']", "pyproject.toml:3: \"GET\" is no request"),
            ("[tool.wasgi]\nwarmup = ['login']", "pyproject.toml:2: \"login\" is no request"),
            ("[tool.wasgi]\nwarmup = ['GET /a b']", "pyproject.toml:2: \"GET /a b\" is no request"),
            ("[tool.wasgi]\nwarmup = [' /']", "pyproject.toml:2: \" /\" is no request"),
            ("[tool.wasgi]\nwarmup = ['get /']", "pyproject.toml:2: \"get /\" is no request"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(said) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn dependencies_that_are_elsewhere() {
        assert!(parse("[project]\ndynamic = ['dependencies']").unwrap().unread.is_some());
        assert!(parse("[tool.poetry.dependencies]\npython = '3'").unwrap().unread.is_some());
        assert!(parse("[project]\ndependencies = []\n[tool.poetry.dependencies]\na = '3'").unwrap().unread.is_none());
    }
}
