//! What a project requires: the lines of its requirement files, each with its place, so that what
//! is wrong with a package can be told where it is asked for.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// How deep requirement files may name others.
const DEPTH: usize = 10;

/// A requirement, or an option for pip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// As pip reads it.
    pub(super) text: String,
    /// The file it is in, as the user would say it.
    pub(super) file: PathBuf,
    /// Its line there, from 1.
    pub(super) line: usize,
}

impl Line {
    /// Whether it asks for packages, or is an option only.
    pub(super) fn asks(&self) -> bool {
        !self.text.starts_with('-') || option(&self.text, "-r", "--requirement").is_some()
    }

    /// The name of the package that it asks for, in its normal form; none where it is no plain requirement.
    pub(super) fn package(&self) -> Option<String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let name = self.text.split(|c| !plain(c)).next().unwrap_or_default();
        (self.text.starts_with(|c: char| c.is_ascii_alphanumeric()) && !name.is_empty()).then(|| normal(name))
    }
}

/// The one spelling of a package's name (PEP 503).
pub(super) fn normal(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

/// The lines of the requirement file at `path`, and of those that it names; `shown` is its path in messages and
/// `project` the folder of what is built, which it need not name.
pub(super) fn read(path: &Path, shown: &Path, project: &Path) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    gather(path, shown, project, &mut lines, DEPTH)?;
    Ok(lines)
}

fn gather(path: &Path, shown: &Path, project: &Path, lines: &mut Vec<Line>, depth: usize) -> anyhow::Result<()> {
    let text =
        fs::read_to_string(path).with_context(|| format!("{}: cannot read these requirements", shown.display()))?;
    for (number, line) in logical(&text) {
        let beside = |name: &str| (path.with_file_name(name), shown.with_file_name(name));
        if let Some(name) = option(&line, "-r", "--requirement").filter(|name| !is_url(name)) {
            let (path, inner) = beside(name);
            if depth == 0 {
                bail!("{}:{number}: requirement files name each other without end", shown.display());
            }
            gather(&path, &inner, project, lines, depth - 1)
                .with_context(|| format!("{}:{number}", shown.display()))?;
            continue;
        }
        let text = match (option(&line, "-c", "--constraint"), option(&line, "-e", "--editable")) {
            (Some(name), _) if !is_url(name) => format!("-c {}", beside(name).0.display()),
            // What is installed in the guest is never edited.
            (_, Some(place)) => place.to_owned(),
            _ => line,
        };
        // The project itself is laid out from its sources.
        if !text.starts_with('-') && project.join(&text).canonicalize().is_ok_and(|place| place == project) {
            continue;
        }
        lines.push(Line { text, file: shown.to_owned(), line: number });
    }
    Ok(())
}

/// Whether pip fetches what an option names.
fn is_url(name: &str) -> bool {
    name.contains("://")
}

/// Lines without comments, with what is continued by a backslash joined, and the number of the first.
fn logical(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut begun: Option<(usize, String)> = None;
    for (at, line) in text.lines().enumerate() {
        let (number, before) = begun.take().unwrap_or((at + 1, String::new()));
        match line.strip_suffix('\\') {
            Some(part) => begun = Some((number, before + part)),
            None => lines.push((number, before + line)),
        }
    }
    lines.extend(begun);
    let bare = |(number, line): (usize, String)| {
        let comment = line.match_indices('#').find(|(at, _)| *at == 0 || line[..*at].ends_with([' ', '\t']));
        let line = line[..comment.map_or(line.len(), |(at, _)| at)].trim().to_owned();
        (!line.is_empty()).then_some((number, line))
    };
    lines.into_iter().filter_map(bare).collect()
}

/// The value of an option of pip's, if the line is one.
fn option<'a>(line: &'a str, short: &str, long: &str) -> Option<&'a str> {
    let rest = match line.strip_prefix(long) {
        Some(rest) if rest.starts_with(['=', ' ', '\t']) => &rest[1..],
        Some(_) => return None,
        None => line.strip_prefix(short)?,
    };
    Some(rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().canonicalize().unwrap();
        let text = "# all\nFlask >= 3 # web\n\n-r more/base.txt\nx @ https://h/x.whl#egg=x\na==1 \\\n  --hash=sha256:0\n-e .\n.\n";
        fs::write(project.join("requirements.txt"), text).unwrap();
        fs::create_dir(project.join("more")).unwrap();
        fs::write(
            project.join("more/base.txt"),
            "jinja2\n--constraint=pins.txt\n--index-url https://i\n-c https://h/c.txt\n-r https://h/r.txt\n",
        )
        .unwrap();
        let lines = read(&project.join("requirements.txt"), Path::new("requirements.txt"), &project).unwrap();
        let shown: Vec<_> = lines.iter().map(|l| (l.text.clone(), l.file.to_str().unwrap(), l.line)).collect();
        let pins = format!("-c {}", project.join("more/pins.txt").display());
        let expected = [
            ("Flask >= 3", "requirements.txt", 2),
            ("jinja2", "more/base.txt", 1),
            (&pins, "more/base.txt", 2),
            ("--index-url https://i", "more/base.txt", 3),
            ("-c https://h/c.txt", "more/base.txt", 4),
            ("-r https://h/r.txt", "more/base.txt", 5),
            ("x @ https://h/x.whl#egg=x", "requirements.txt", 5),
            ("a==1   --hash=sha256:0", "requirements.txt", 6),
        ];
        assert_eq!(shown, expected.map(|(text, file, line)| (text.to_owned(), file, line)));
    }

    #[test]
    fn a_file_that_is_not_there_or_names_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requirements.txt");
        fs::write(&path, "\n-r none.txt").unwrap();
        let error = read(&path, Path::new("requirements.txt"), folder.path()).unwrap_err();
        assert!(format!("{error:#}").starts_with("requirements.txt:2: none.txt: cannot read"), "{error:#}");
        fs::write(&path, "-r requirements.txt").unwrap();
        let error = read(&path, Path::new("requirements.txt"), folder.path()).unwrap_err();
        assert!(format!("{error:#}").contains("without end"), "{error:#}");
    }

    #[test]
    fn names() {
        let name = |text: &str| Line { text: text.into(), file: "r".into(), line: 1 }.package();
        assert_eq!(name("Zope.Interface>=1"), Some("zope-interface".into()));
        assert_eq!(name("psycopg2_binary [x] ; python_version > '3'"), Some("psycopg2-binary".into()));
        assert_eq!((name("--index-url https://i"), name("./local")), (None, None));
        let asks = |text: &str| Line { text: text.into(), file: "r".into(), line: 1 }.asks();
        assert!(asks("flask") && asks("-r https://h/r.txt") && !asks("-c https://h/c.txt"));
    }
}
