//! What is said of an installed project, where `importlib.metadata` looks for it: `NAME-VERSION.dist-info`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::requirements::normal;

/// A group of entry points: what each name refers to.
pub(super) type Entries = BTreeMap<String, String>;

/// A project's name and version, and what belongs to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Distribution {
    name: String,
    version: String,
    requires: Vec<String>,
    entries: BTreeMap<String, Entries>,
}

impl Distribution {
    /// None where the name or the version is no such, so that nothing could be installed either.
    pub(super) fn new(
        name: &str,
        version: &str,
        requires: Vec<String>,
        entries: BTreeMap<String, Entries>,
    ) -> Option<Self> {
        let plain = |text: &str, also: &str| {
            text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
        };
        let valid = plain(name, "-_.") && plain(version, "-_.+!");
        valid.then(|| Self { name: name.to_owned(), version: version.to_owned(), requires, entries })
    }

    /// Writes it beside the packages in `folder`.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let folder = folder.join(format!("{}-{}.dist-info", normal(&self.name).replace('-', "_"), self.version));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("METADATA"), self.metadata())?;
        if !self.entries.is_empty() {
            fs::write(folder.join("entry_points.txt"), self.entry_points())?;
        }
        Ok(())
    }

    fn metadata(&self) -> String {
        let requires: String = self.requires.iter().map(|each| format!("Requires-Dist: {each}\n")).collect();
        format!("Metadata-Version: 2.1\nName: {}\nVersion: {}\n{requires}", self.name, self.version)
    }

    fn entry_points(&self) -> String {
        let entries = |entries: &Entries| -> String {
            entries.iter().map(|(name, object)| format!("{name} = {object}\n")).collect()
        };
        self.entries.iter().map(|(group, each)| format!("[{group}]\n{}\n", entries(each))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::interpreter;
    use super::super::pyproject::Pyproject;
    use super::*;

    fn of(text: &str) -> Option<Distribution> {
        Pyproject::parse(text, Path::new("pyproject.toml")).unwrap().distribution
    }

    #[test]
    fn importlib_finds_it() {
        let Some(python) = interpreter::tests::here() else { return };
        let text = "[project]\nname = 'My.Shop'\nversion = '1.2'\ndependencies = ['flask>=3']\n\
            [project.scripts]\nshop = 'shop:main'\n[project.entry-points.'shop.skins']\ndark = 'shop.skins:dark'\n";
        let folder = tempfile::tempdir().unwrap();
        of(text).unwrap().write(folder.path()).unwrap();
        let question = "import sys\nfrom importlib import metadata\nsys.path[:0] = sys.argv[1:]\n\
            print(metadata.version('my-shop'), metadata.requires('My.Shop'))\n\
            print(sorted((e.group, e.name, e.value) for e in metadata.distribution('my-shop').entry_points))";
        let mut command: Command = python.command();
        let output = command.args(["-c", question]).arg(folder.path()).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "1.2 ['flask>=3']\n[('console_scripts', 'shop', 'shop:main'), ('shop.skins', 'dark', 'shop.skins:dark')]\n",
            "{output:?}"
        );
    }

    #[test]
    fn only_with_a_name_and_a_version() {
        assert!(of("[project]\nname = 'shop'\nversion = '1!2.0+local'").is_some());
        for text in [
            "",
            "[project]\nname = 'shop'\ndynamic = ['version']",
            "[project]\nversion = '1'",
            "[project]\nname = 'shop'\nversion = '../1'",
            "[project]\nname = 'shop'\nversion = \"1\\nName: other\"",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
