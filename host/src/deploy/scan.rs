//! What lies in the deploy directory, by name: the two files of each application, and what is none.
//!
//! Never follows a link: tenants who don't trust each other may share a host, and a link is a way to have the host read
//! what its owner can't.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::apps::AppName;
use crate::state::records::{Identity, Kind, Pair};

/// What is served: every application of a directory, or one component alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The canonical path that the state belongs to.
    path: PathBuf,
    dir: PathBuf,
    only: Option<AppName>,
}

/// How long after a manifest its component may come without the manifest being reported.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// Which of an application's files a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Component,
    Manifest,
}

/// What a scan found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) apps: BTreeMap<AppName, Pair>,
    /// Names that are no application's, with the reason.
    pub(super) odd: BTreeMap<OsString, String>,
}

/// What a file's name says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    Of(AppName, Part),
    Hidden,
    Odd(String),
}

impl Source {
    /// Serves `path`: a directory, or a file `NAME.wasm`.
    ///
    /// # Errors
    /// Where it does not exist, is neither, or where the file's name is no application's.
    pub fn of(path: &Path) -> Result<Self> {
        let shown = path.display();
        let canonical = path.canonicalize().with_context(|| format!("can't serve {shown}"))?;
        if canonical.is_dir() {
            return Ok(Self { dir: canonical.clone(), path: canonical, only: None });
        }
        let (Some(dir), Some(file)) = (canonical.parent(), canonical.file_name()) else {
            bail!("can't serve {shown}: it is neither a directory nor a component");
        };
        match named(file) {
            Named::Of(name, Part::Component) if canonical.is_file() => {
                Ok(Self { dir: dir.to_owned(), path: canonical.clone(), only: Some(name) })
            }
            Named::Odd(reason) => bail!("can't serve {shown}: {reason}"),
            _ => bail!("can't serve {shown}: it is neither a directory nor a file NAME.wasm"),
        }
    }

    /// The directory or file, as a canonical path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory to watch.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether one component is all there is; it answers at `/`.
    pub(super) fn is_one(&self) -> bool {
        self.only.is_some()
    }

    /// What the name of a file in the directory says.
    pub(super) fn named(&self, file: &OsStr) -> Named {
        match (named(file), &self.only) {
            (Named::Of(name, part), Some(only)) if name == *only => Named::Of(name, part),
            (_, Some(_)) => Named::Hidden,
            (named, None) => named,
        }
    }

    /// The path of one file of an application.
    pub(super) fn file(&self, name: &AppName, part: Part) -> PathBuf {
        self.dir.join(file_name(name, part))
    }

    /// Looks at everything.
    pub(super) fn scan(&self) -> io::Result<Found> {
        let mut found = Found::default();
        if let Some(only) = &self.only {
            fs::symlink_metadata(&self.dir)?;
            found.apps.insert(only.clone(), self.look(only)?);
        } else {
            for entry in fs::read_dir(&self.dir)? {
                let entry = entry?;
                match (named(&entry.file_name()), entry.metadata()) {
                    (Named::Of(name, part), Ok(meta)) => {
                        let pair = found.apps.entry(name).or_default();
                        *part.of(pair) = Some(Identity::from(&meta));
                    }
                    (Named::Odd(reason), Ok(meta)) => {
                        let reason = if meta.is_dir() { "sub-directories are not served".to_owned() } else { reason };
                        found.odd.insert(entry.file_name(), reason);
                    }
                    // What left between the two system calls is not there.
                    (Named::Hidden, _) | (_, Err(_)) => {}
                }
            }
        }
        found.set_lone_manifests_apart();
        Ok(found)
    }

    /// Looks at the two files of one application. A file that can't be looked at is not one that is gone.
    pub(super) fn look(&self, name: &AppName) -> io::Result<Pair> {
        let identity = |part| match fs::symlink_metadata(self.file(name, part)) {
            Ok(meta) => Ok(Some(Identity::from(&meta))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        Ok(Pair { component: identity(Part::Component)?, manifest: identity(Part::Manifest)? })
    }

    /// Reads a file that was seen as `expected`; nothing where it is not that file any more.
    ///
    /// # Errors
    /// One sentence for people, where it is no regular file, longer than `most` or unreadable.
    pub(super) fn read(&self, name: &AppName, part: Part, expected: &Identity, most: u64) -> Result<Option<Vec<u8>>> {
        let shown = file_name(name, part);
        regular(name, part, expected)?;
        if expected.size > most {
            bail!("{shown} has {} bytes, which is more than {most}", expected.size);
        }
        // Whatever took the file's place in the meantime is neither followed nor waited for.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let read = || -> io::Result<Option<Vec<u8>>> {
            let mut file = OpenOptions::new().read(true).custom_flags(flags).open(self.file(name, part))?;
            if Identity::from(&file.metadata()?) != *expected {
                return Ok(None);
            }
            let bytes = read_at_most(&mut file, expected.size)?;
            let same = Identity::from(&file.metadata()?) == *expected && bytes.len() as u64 == expected.size;
            Ok(same.then_some(bytes))
        };
        match read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // A link took its place: the next look tells.
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Ok(None),
            other => other.with_context(|| format!("can't read {shown}")),
        }
    }
}

/// Refuses what is no regular file.
pub(super) fn regular(name: &AppName, part: Part, seen: &Identity) -> Result<()> {
    let shown = file_name(name, part);
    match seen.kind {
        Kind::File => Ok(()),
        Kind::Link => {
            bail!("{shown} is a symbolic link, which is never followed (put the file itself there)")
        }
        Kind::Directory => bail!("{shown} is a directory"),
        Kind::Special => bail!("{shown} is a FIFO, socket or device"),
    }
}

fn read_at_most(file: &mut File, bytes: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
    file.take(bytes + 1).read_to_end(&mut content)?;
    Ok(content)
}

impl Found {
    /// A manifest without a component is no application; that is told unless the component may be on its way.
    fn set_lone_manifests_apart(&mut self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (apps, odd) = (&mut self.apps, &mut self.odd);
        apps.retain(|name, pair| {
            let old = |manifest: &Identity| {
                u128::try_from(manifest.ctime).unwrap_or(0) + ON_ITS_WAY.as_nanos() < now.as_nanos()
            };
            if pair.component.is_none() && pair.manifest.as_ref().is_some_and(old) {
                odd.insert(
                    file_name(name, Part::Manifest).into(),
                    format!("there is no {} beside it", file_name(name, Part::Component)),
                );
            }
            pair.component.is_some()
        });
    }
}

impl Part {
    fn of(self, pair: &mut Pair) -> &mut Option<Identity> {
        match self {
            Self::Component => &mut pair.component,
            Self::Manifest => &mut pair.manifest,
        }
    }
}

fn file_name(name: &AppName, part: Part) -> String {
    match part {
        Part::Component => format!("{name}.wasm"),
        Part::Manifest => format!("{name}.toml"),
    }
}

fn named(file: &OsStr) -> Named {
    let text = file.to_string_lossy();
    if text.starts_with('.') {
        return Named::Hidden;
    }
    let (stem, part) = match text.rsplit_once('.') {
        Some((stem, "wasm")) => (stem, Part::Component),
        Some((stem, "toml")) => (stem, Part::Manifest),
        _ => return Named::Odd("only NAME.wasm and NAME.toml are served".to_owned()),
    };
    match AppName::new(stem) {
        Ok(name) if file.to_str().is_some() => Named::Of(name, part),
        Ok(_) => Named::Odd("its name is not UTF-8".to_owned()),
        Err(error) => Named::Odd(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn applications_are_told_from_everything_else() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["a.wasm", "b.wasm", "b.toml", "alone.toml", ".c.wasm", "README", "a b.wasm", "a.wasm.tmp", ".wasm"]
        {
            fs::write(dir.path().join(file), file).unwrap();
        }
        fs::create_dir(dir.path().join("tenant")).unwrap();
        fs::create_dir(dir.path().join("d.wasm")).unwrap();
        symlink("/etc/passwd", dir.path().join("l.wasm")).unwrap();
        let found = Source::of(dir.path()).unwrap().scan().unwrap();
        let apps: Vec<_> = found.apps.keys().map(AppName::as_str).collect();
        assert_eq!(apps, ["a", "b", "d", "l"]);
        let odd: Vec<_> = found.odd.keys().map(|name| name.to_str().unwrap()).collect();
        assert_eq!(odd, ["README", "a b.wasm", "a.wasm.tmp", "tenant"]);
        assert!(found.odd[OsStr::new("tenant")].contains("sub-directories"));
        let kinds: Vec<_> = found.apps.values().map(|pair| pair.component.unwrap().kind).collect();
        assert_eq!(kinds, [Kind::File, Kind::File, Kind::Directory, Kind::Link]);
        assert!(found.apps.values().map(|pair| pair.manifest.is_some()).eq([false, true, false, false]));
    }

    #[test]
    fn only_the_very_file_that_was_seen_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let source = Source::of(dir.path()).unwrap();
        let name = AppName::new("a").unwrap();
        let path = dir.path().join("a.wasm");
        fs::write(&path, "one").unwrap();
        let seen = source.look(&name).unwrap().component.unwrap();
        let read = |seen: &Identity, most| source.read(&name, Part::Component, seen, most);
        assert_eq!(read(&seen, 3).unwrap().unwrap(), b"one");
        assert!(read(&seen, 2).unwrap_err().to_string().contains("3 bytes"));
        fs::write(dir.path().join("new"), "two").unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        assert_eq!(read(&seen, 3).unwrap(), None);
        fs::remove_file(&path).unwrap();
        assert_eq!(read(&seen, 3).unwrap(), None);
        symlink("/etc/passwd", &path).unwrap();
        assert_eq!(read(&seen, 3).unwrap(), None);
        let link = source.look(&name).unwrap().component.unwrap();
        assert!(read(&link, 3).unwrap_err().to_string().contains("symbolic link"));
    }

    #[test]
    fn one_component_is_all_that_its_source_sees() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["a.wasm", "a.toml", "b.wasm", "c"] {
            fs::write(dir.path().join(file), file).unwrap();
        }
        let source = Source::of(&dir.path().join("a.wasm")).unwrap();
        let found = source.scan().unwrap();
        assert_eq!(found.apps.len(), 1);
        assert!(found.apps.values().all(|pair| pair.manifest.is_some()) && found.odd.is_empty());
        assert!(Source::of(&dir.path().join("c")).is_err());
        assert!(Source::of(&dir.path().join("missing.wasm")).is_err());
    }
}
