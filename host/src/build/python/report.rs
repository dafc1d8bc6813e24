//! What the guest's side tells of a snapshot, in `report.json`, and how its user is told.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::project::Project;
use super::sources::Source;

/// The report.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Report {
    /// Variables of the environment that were read, whose values are frozen.
    #[serde(default)]
    environment: Vec<Read>,
    /// A sentence each.
    #[serde(default)]
    warnings: Vec<String>,
    /// Why there is no component.
    #[serde(default)]
    pub(super) error: Option<Failure>,
}

/// A variable that was read.
#[derive(Debug, Serialize, Deserialize)]
struct Read {
    name: String,
    file: Option<String>,
    line: Option<usize>,
}

/// An exception.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failure {
    kind: String,
    message: String,
    file: Option<String>,
    line: Option<usize>,
    /// The traceback.
    pub(super) trace: String,
}

impl Report {
    /// Tells of what is no error, on stderr.
    pub(super) fn warn(&self, project: &Project) {
        for read in self.variables() {
            let place = place(project, read.file.as_deref(), read.line).unwrap_or_default();
            let value = match project.settings.env.get(&read.name) {
                Some(value) => format!("it stays {value:?}"),
                None => "[tool.wasgi.env] has no such variable".to_owned(),
            };
            eprintln!("warning: {place}{} is read during the import, where it is frozen: {value}", read.name);
        }
        for warning in &self.warnings {
            eprintln!("warning: {}", local(project, warning));
        }
    }

    /// Each variable once: where the project reads it, or else where a package does.
    fn variables(&self) -> Vec<&Read> {
        let own = |read: &&Read| read.file.as_deref().is_some_and(|file| staged(file).is_some());
        let (own, others): (Vec<&Read>, Vec<&Read>) = self.environment.iter().partition(own);
        let mut each: Vec<&Read> = Vec::new();
        for read in own.into_iter().chain(others) {
            if !each.iter().any(|told| told.name == read.name) {
                each.push(read);
            }
        }
        each
    }
}

impl Failure {
    /// One line, with the place; or, where that is in none of the project's nor a package's files, with `application`.
    pub(super) fn said(&self, project: &Project, application: &str) -> String {
        let file = self.file.as_deref().filter(|file| !is_ours(file));
        let place = place(project, file, self.line).unwrap_or_else(|| format!("importing {application}: "));
        let missing = self.kind == "ModuleNotFoundError" && self.message.starts_with("No module named");
        let advice = if missing { " (is it among the project's requirements?)" } else { "" };
        format!("{place}{}: {}{advice}", self.kind, self.message)
    }

    /// The traceback, with the project's own paths, and without the calls that lead to the application.
    pub(super) fn traced(&self, project: &Project) -> String {
        let mut leading = true;
        let mut text = String::new();
        for line in self.trace.lines() {
            match line.strip_prefix("  File \"") {
                Some(file) => leading = leading && is_ours(file),
                None if !line.starts_with(' ') => leading = text.is_empty(),
                None => (),
            }
            if !leading || text.is_empty() {
                text += &format!("{line}\n");
            }
        }
        local(project, &text)
    }
}

/// Whether a file of the guest's belongs to the way to the application.
fn is_ours(file: &str) -> bool {
    ["/0/", "/python/importlib/", "<frozen importlib."].iter().any(|start| file.starts_with(start))
}

/// The beginning of a message about a place.
fn place(project: &Project, file: Option<&str>, line: Option<usize>) -> Option<String> {
    let file = file?;
    let shown = staged(file).and_then(|staged| found(project, staged)).unwrap_or_else(|| PathBuf::from(file));
    Some(match line {
        Some(line) => format!("{}:{line}: ", shown.display()),
        None => format!("{}: ", shown.display()),
    })
}

/// A path of the guest's, among what was staged of the project.
fn staged(file: &str) -> Option<&Path> {
    file.strip_prefix("/app/").map(Path::new)
}

fn found(project: &Project, staged: &Path) -> Option<PathBuf> {
    let source: &Source = project.sources.iter().find(|source| source.staged == staged)?;
    Some(project.show(&source.file))
}

/// A text in which paths of the guest's that are the project's are said as its user does.
fn local(project: &Project, text: &str) -> String {
    let mut local = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("/app/") {
        let (before, path) = rest.split_at(at);
        local.push_str(before);
        let end = path.find(['"', ':', ',', '\n', ' ', '\'']).unwrap_or(path.len());
        match staged(&path[..end]).and_then(|staged| found(project, staged)) {
            Some(shown) => local.push_str(&shown.to_string_lossy()),
            None => local.push_str(&path[..end]),
        }
        rest = &path[end..];
    }
    local + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("src/shop")).unwrap();
        for file in ["requirements.txt", "app.py", "src/shop/__init__.py"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let project = Project::read(folder.path()).unwrap();
        (folder, project)
    }

    #[test]
    fn places_are_the_projects_own() {
        let (folder, project) = project();
        let trace = "Traceback (most recent call last):\n  File \"/0/wasgi/snapshot.py\", line 69, in find\n    x\n  \
            File \"<frozen importlib._bootstrap>\", line 1, in f\n  File \"/app/app.py\", line 1, in <module>\n    import shop\n  \
            File \"/python/importlib/x.py\", line 1, in f\n  File \"/app/src/shop/__init__.py\", line 2, in g\n    y\nValueError: no\n";
        let failure = Failure {
            kind: "ValueError".into(),
            message: "no".into(),
            file: Some("/app/src/shop/__init__.py".into()),
            line: Some(2),
            trace: trace.into(),
        };
        let shown = folder.path().display();
        assert_eq!(failure.said(&project, "app:app"), format!("{shown}/src/shop/__init__.py:2: ValueError: no"));
        assert_eq!(
            failure.traced(&project),
            format!(
                "Traceback (most recent call last):\n  File \"{shown}/app.py\", line 1, in <module>\n    import shop\n  \
                File \"/python/importlib/x.py\", line 1, in f\n  File \"{shown}/src/shop/__init__.py\", line 2, in g\n    y\nValueError: no\n"
            )
        );
        let lost = Failure { file: Some("/0/wasgi/snapshot.py".into()), ..failure };
        assert_eq!(lost.said(&project, "app:app"), "importing app:app: ValueError: no");
    }
}
