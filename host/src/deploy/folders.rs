//! The folders that are served: the directory itself, which is the default tenant's, and the other tenants' in it.
//!
//! Owns their watch, and knows what each looked like when it was scanned, so that one in which nothing has happened is
//! not scanned again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;

use super::scan::Found;
use super::source::{Source, is_gone};
use super::watch::{News, Presence, Watch};
use crate::apps::TenantName;
use crate::state::records::Identity;

/// Every folder of a served directory.
pub(super) struct Folders {
    source: Source,
    watch: Watch,
    tenants: BTreeSet<TenantName>,
    /// Each folder as it was when it was scanned last.
    scanned: BTreeMap<TenantName, Identity>,
}

/// What the scan of a folder gave.
pub(super) type Scanned = (TenantName, io::Result<Found>);

impl Folders {
    /// Those of `source`. `wake` is called when the kernel tells of a change.
    pub(super) fn new(source: Source, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let watch = Watch::new(source.dir(), wake);
        Self { source, watch, tenants: BTreeSet::new(), scanned: BTreeMap::new() }
    }

    /// Takes what the kernel told since.
    pub(super) fn news(&self) -> News {
        self.watch.take()
    }

    /// Whether the kernel tells of changes.
    pub(super) fn are_watched(&self) -> bool {
        self.watch.works()
    }

    /// Whether another directory, or none, has come to the place of the one that is watched.
    pub(super) fn have_moved(&mut self) -> bool {
        self.watch.renew() != Presence::Same
    }

    /// Scans `all` folders, or those that have changed; each holds at most `most` names. A folder that is gone is empty.
    ///
    /// # Errors
    /// Where the directory itself can't be scanned.
    pub(super) fn scan(&mut self, mut all: bool, most: impl Fn(&TenantName) -> usize) -> io::Result<Vec<Scanned>> {
        // Watched before it is scanned, so that nothing can happen in between without being told of.
        all |= self.have_moved();
        let mut scanned = Vec::new();
        let root = TenantName::default();
        if self.is_due(&root, &fs::metadata(self.source.dir())?, all) {
            let found = self.source.scan(&root, usize::MAX)?;
            let before = std::mem::replace(&mut self.tenants, found.tenants.clone());
            let gone = before.difference(&self.tenants).cloned().map(|gone| (gone, Ok(Found::default())));
            scanned.extend(gone);
            scanned.push((root, Ok(found)));
        }
        let mut there = Vec::new();
        for tenant in self.tenants.clone() {
            match fs::symlink_metadata(self.source.folder(&tenant)) {
                Ok(meta) if meta.is_dir() => there.push((tenant, meta)),
                _ => {
                    self.tenants.remove(&tenant);
                    scanned.push((tenant, Ok(Found::default())));
                }
            }
        }
        let inode = |meta: &Metadata| (meta.dev(), meta.ino());
        self.watch.set_folders(there.iter().map(|(tenant, meta)| (self.source.folder(tenant), inode(meta))).collect());
        for (tenant, meta) in there {
            if self.is_due(&tenant, &meta, all) {
                let found = match self.source.scan(&tenant, most(&tenant)) {
                    Err(error) if is_gone(&error) => Ok(Found::default()),
                    found => found,
                };
                scanned.push((tenant, found));
            }
        }
        self.scanned.retain(|tenant, _| tenant.is_default() || self.tenants.contains(tenant));
        Ok(scanned)
    }

    fn is_due(&mut self, tenant: &TenantName, meta: &Metadata, all: bool) -> bool {
        let now = Identity::from(meta);
        self.scanned.insert(tenant.clone(), now) != Some(now) || all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn names(scanned: &[Scanned]) -> Vec<String> {
        let name = |(tenant, found): &Scanned| match found {
            Ok(found) => format!("{tenant}:{}", found.apps.len()),
            Err(_) => format!("{tenant}!"),
        };
        scanned.iter().map(name).collect()
    }

    #[test]
    fn only_what_has_changed_is_scanned() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for folder in ["acme", "umbra"] {
            fs::create_dir(path(folder)).unwrap();
        }
        fs::write(path("acme/a.wasm"), "a").unwrap();
        let mut folders = Folders::new(Source::of(dir.path()).unwrap(), || {});
        let mut scan = |all| names(&folders.scan(all, |_| 3).unwrap());
        assert_eq!(scan(false), ["default:0", "acme:1", "umbra:0"]);
        assert!(scan(false).is_empty());
        assert_eq!(scan(true), ["default:0", "acme:1", "umbra:0"]);
        // Another identity than before, however coarse the file system's clock is.
        let put = |file: &Path| {
            fs::write(file, "x").unwrap();
            let later = std::time::SystemTime::now() + std::time::Duration::from_secs(9);
            fs::File::open(file.parent().unwrap()).unwrap().set_modified(later).unwrap();
        };
        put(&path("umbra/b.wasm"));
        assert_eq!(scan(false), ["umbra:1"]);
        (0..3).for_each(|number| put(&path(&format!("umbra/{number}.wasm"))));
        assert_eq!(scan(true), ["default:0", "acme:1", "umbra!"]);
        fs::rename(path("acme"), path("zeta")).unwrap();
        put(&path("c.wasm"));
        assert_eq!(scan(false), ["acme:0", "default:1", "zeta:1"]);
        fs::remove_dir_all(path("zeta")).unwrap();
        assert!(scan(false).contains(&"zeta:0".to_owned()));
        fs::remove_dir_all(dir.path()).unwrap();
        assert!(folders.scan(false, |_| 3).is_err());
    }
}
