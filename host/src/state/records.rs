//! What the host remembers of each application across restarts: `apps.json`, written whole and atomically.

use std::fs::{self, Metadata};
use std::io::{self, BufReader};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Digest;
use super::cache::write;
use crate::apps::{AppName, Route, TenantName};

/// The format of the file. One of another format is of another version of the host and is not read.
const FORMAT: u32 = 1;

/// Everything that is remembered.
#[derive(Debug, Serialize, Deserialize)]
pub struct Records {
    format: u32,
    /// The engine that the applications were compiled and probed with.
    pub engine: String,
    /// One for each application.
    pub apps: Vec<Record>,
}

/// One application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Whose it is.
    pub tenant: TenantName,
    /// Its name.
    pub name: AppName,
    /// Its files, as they were when they were last deployed or refused.
    pub seen: Pair,
    /// The version that was deployed last.
    pub good: Option<Good>,
    /// Why the files as `seen` were refused.
    pub refused: Option<String>,
}

/// A version that was deployed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Good {
    /// Of component and manifest together.
    pub version: Digest,
    /// Of the component, of which there is a copy.
    pub component: Digest,
    /// The manifest's text; empty where there was none.
    pub manifest: String,
    /// The routes that it holds.
    pub routes: Vec<Route>,
}

/// The two files of an application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// `NAME.wasm`.
    pub component: Option<Identity>,
    /// `NAME.toml`.
    pub manifest: Option<Identity>,
}

/// What tells whether a file is still the same, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What it is.
    pub kind: Kind,
    /// In bytes.
    pub size: u64,
    /// When the content changed, in nanoseconds since 1970.
    pub mtime: i64,
    /// When anything changed, in nanoseconds since 1970.
    pub ctime: i64,
    /// The inode.
    pub inode: u64,
}

/// What lies under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A regular file.
    File,
    /// A symbolic link, whatever it leads to.
    Link,
    /// A directory.
    Directory,
    /// A FIFO, socket or device.
    Special,
}

impl From<&Metadata> for Identity {
    fn from(of: &Metadata) -> Self {
        let nanos = |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
        let kind = match of.file_type() {
            kind if kind.is_file() => Kind::File,
            kind if kind.is_symlink() => Kind::Link,
            kind if kind.is_dir() => Kind::Directory,
            kind => {
                debug_assert!(kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device());
                Kind::Special
            }
        };
        Self {
            kind,
            size: of.len(),
            mtime: nanos(of.mtime(), of.mtime_nsec()),
            ctime: nanos(of.ctime(), of.ctime_nsec()),
            inode: of.ino(),
        }
    }
}

impl Records {
    /// Records of `apps`, compiled by `engine`.
    pub fn new(engine: &str, apps: Vec<Record>) -> Self {
        Self { format: FORMAT, engine: engine.to_owned(), apps }
    }

    /// What was written under `folder`; nothing where there is no file. A file that can't be understood is put aside.
    ///
    /// # Errors
    /// Where the file is there but can't be read.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = path(folder);
        let none = Self::new("", Vec::new());
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(none),
            Err(error) => {
                return Err(error).with_context(|| format!("can't read {}", path.display()));
            }
        };
        let text = io::read_to_string(BufReader::new(file)).unwrap_or_default();
        match serde_json::from_str::<Self>(&text) {
            Ok(records) if records.format == FORMAT => Ok(records),
            other => {
                let aside = path.with_extension("json.bad");
                let reason = other.err().map_or("it is of another version".to_owned(), |error| error.to_string());
                tracing::warn!(file = %path.display(), reason, "the records can't be used; everything is deployed anew");
                fs::rename(&path, aside).with_context(|| format!("can't put {} aside", path.display()))?;
                Ok(none)
            }
        }
    }

    /// Writes them under `folder`, on the disk when this returns.
    ///
    /// # Errors
    /// Those of writing; what was there before then is still there.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        write(folder, &path(folder), &[&serde_json::to_vec(self)?], true)
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("apps.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Records::read(dir.path()).unwrap().apps.is_empty());
        let file = dir.path().join("file");
        fs::write(&file, "x").unwrap();
        let identity = Identity::from(&file.symlink_metadata().unwrap());
        let record = Record {
            tenant: TenantName::default(),
            name: AppName::new("shop").unwrap(),
            seen: Pair { component: Some(identity), manifest: None },
            good: Some(Good {
                version: Digest::of(b"v"),
                component: Digest::of(b"c"),
                manifest: "routes = [\"/é\"]".into(),
                routes: vec!["/é".parse().unwrap()],
            }),
            refused: Some("because".into()),
        };
        Records::new("engine", vec![record.clone()]).write(dir.path()).unwrap();
        let read = Records::read(dir.path()).unwrap();
        assert_eq!((read.engine.as_str(), read.apps), ("engine", vec![record]));
    }

    #[test]
    fn a_damaged_file_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        for bad in ["{\"format\":1,", "", "{\"format\":99,\"engine\":\"\",\"apps\":[]}"] {
            fs::write(path(dir.path()), bad).unwrap();
            assert!(Records::read(dir.path()).unwrap().apps.is_empty());
            assert_eq!(fs::read_to_string(dir.path().join("apps.json.bad")).unwrap(), bad);
        }
    }
}
