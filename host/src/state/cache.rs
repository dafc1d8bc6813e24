//! Compiled code, kept so that a component is compiled once.
//!
//! Compiled code is machine code that runs unchecked, so none is loaded that this host did not write: each file ends
//! with a MAC under a key that never leaves the state. A file is read once and the bytes that were checked are the bytes
//! that are loaded. Nothing is forced to the disk: what a crash cuts short fails its check and is compiled again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use rustix::rand::{GetRandomFlags, getrandom};
use tempfile::NamedTempFile;

use super::Digest;
use crate::sandbox::TrustedCode;

/// The bytes of the MAC after the code.
const MAC: usize = 32;

/// Compiled code by the digest of its component, for one engine.
pub struct Cache {
    dir: PathBuf,
    key: [u8; 32],
    engine: Digest,
    bad: AtomicU64,
}

impl Cache {
    /// The code under `folder`, as it was compiled by the engine whose settings and version `fingerprint` tells.
    ///
    /// # Errors
    /// Where the folder or the key can't be made or read.
    pub fn open(folder: &Path, fingerprint: &str) -> Result<Self> {
        let dir = folder.join("code");
        fs::create_dir_all(&dir).with_context(|| format!("can't make {}", dir.display()))?;
        let key = key(&folder.join("key"))?;
        Ok(Self { dir, key, engine: Digest::of(fingerprint.as_bytes()), bad: AtomicU64::new(0) })
    }

    /// How large the code of `component` is, in bytes, if it is there.
    pub fn len(&self, component: &Digest) -> Option<u64> {
        Some(fs::metadata(self.path(component)).ok()?.len().saturating_sub(MAC as u64))
    }

    /// The code of `component`, if it is there and unchanged. A file that was changed is deleted and counted.
    pub fn get(&self, component: &Digest) -> Option<TrustedCode> {
        self.verified(component).map(TrustedCode::vouch)
    }

    fn verified(&self, component: &Digest) -> Option<Vec<u8>> {
        let path = self.path(component);
        let mut file = fs::read(&path).ok()?;
        let genuine = file.split_last_chunk::<MAC>().is_some_and(|(code, mac)| {
            // Hashes are compared in the same time wherever they differ.
            self.mac(component, code) == blake3::Hash::from_bytes(*mac)
        });
        if genuine {
            file.truncate(file.len() - MAC);
            return Some(file);
        }
        self.bad.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(file = %path.display(), "compiled code was damaged and is made again");
        let _ = fs::remove_file(path);
        None
    }

    /// Keeps `code`, which the engine has just made of `component`. It can be loaded even where it can't be kept.
    pub fn put(&self, component: &Digest, code: Vec<u8>) -> (TrustedCode, io::Result<()>) {
        let mac = self.mac(component, &code);
        let kept = write(&self.dir, &self.path(component), &[&code, mac.as_bytes()], false);
        (TrustedCode::vouch(code), kept)
    }

    /// How many damaged files were found.
    pub fn bad(&self) -> u64 {
        self.bad.load(Ordering::Relaxed)
    }

    /// Deletes the code of every component but those that `needed` tells, and all code of other engines.
    ///
    /// # Errors
    /// Where the directory can't be read.
    pub fn retain(&self, needed: impl Fn(&Digest) -> bool) -> io::Result<()> {
        delete_unless(&self.dir, |name| {
            let (component, engine) = name.split_once('-').unwrap_or((name, ""));
            engine == self.engine.short() && component.parse().is_ok_and(|digest| needed(&digest))
        })
    }

    /// Notes that the code of `component` was used, for [`Cache::bound`].
    pub fn touch(&self, component: &Digest) {
        let file = File::open(self.path(component));
        // What can't be noted looks unused, and is compiled again one day.
        let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
    }

    /// Deletes the code that was not used for the longest time, of whichever engine, until the rest has at most `most`
    /// bytes: for a cache of which nobody knows what is still needed.
    ///
    /// # Errors
    /// Where the directory can't be read.
    pub fn bound(&self, most: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            // Another process may have deleted it by now.
            if let Ok(metadata) = entry.metadata() {
                files.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        files.sort_by(|a, b| b.cmp(a));
        let mut total = 0_u64;
        for (_, bytes, path) in files {
            total = total.saturating_add(bytes);
            if total > most {
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }

    fn path(&self, component: &Digest) -> PathBuf {
        self.dir.join(format!("{component}-{}", self.engine.short()))
    }

    /// Over what the code is of as well, so that no file can stand in for another.
    fn mac(&self, component: &Digest, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(component.as_bytes()).update(self.engine.as_bytes()).update(code).finalize()
    }
}

/// The key: 32 random bytes, made once.
fn key(path: &Path) -> Result<[u8; 32]> {
    let failed = || format!("can't use the key {}", path.display());
    match fs::read(path) {
        Ok(bytes) => match bytes.try_into() {
            Ok(key) => Ok(key),
            Err(_) => bail!("the key {} is damaged (delete it: all code is then compiled again)", path.display()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            getrandom(&mut key, GetRandomFlags::empty()).with_context(failed)?;
            let mut options = OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600).open(path);
            file.and_then(|mut file| file.write_all(&key).and_then(|()| file.sync_all())).with_context(failed)?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(failed),
    }
}

/// Makes `path` of `parts`, whole or not at all. Where it must outlast a power failure, `durable`.
pub(super) fn write(dir: &Path, path: &Path, parts: &[&[u8]], durable: bool) -> io::Result<()> {
    let mut file = NamedTempFile::with_prefix_in(".", dir)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    if durable {
        file.as_file().sync_data()?;
    }
    file.persist(path)?;
    if durable { File::open(dir)?.sync_all() } else { Ok(()) }
}

/// Deletes every file of `dir` but those whose names are `needed`.
pub(super) fn delete_unless(dir: &Path, needed: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(&needed) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(fingerprint: &str) -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), fingerprint).unwrap();
        (dir, cache)
    }

    #[test]
    fn code_is_given_back_to_the_same_engine_alone() {
        let (dir, cache) = cache("engine 1");
        let digest = Digest::of(b"component");
        assert!(cache.verified(&digest).is_none());
        cache.put(&digest, b"machine code".to_vec()).1.unwrap();
        let again = Cache::open(dir.path(), "engine 1").unwrap();
        assert_eq!(again.verified(&digest).unwrap(), b"machine code");
        assert!(Cache::open(dir.path(), "engine 2").unwrap().verified(&digest).is_none());
        assert_eq!((cache.bad(), again.bad()), (0, 0));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let (_dir, cache) = cache("engine");
        let digest = Digest::of(b"component");
        cache.put(&digest, b"code".to_vec()).1.unwrap();
        let path = cache.path(&digest);
        let good = fs::read(&path).unwrap();
        let flipped = (0..good.len() * 8).map(|bit| {
            let mut file = good.clone();
            file[bit / 8] ^= 1 << (bit % 8);
            file
        });
        let damaged: Vec<_> = flipped.chain((0..good.len()).map(|len| good[..len].to_vec())).collect();
        for (count, file) in damaged.iter().enumerate() {
            fs::write(&path, file).unwrap();
            assert!(cache.verified(&digest).is_none());
            assert!(!path.exists());
            assert_eq!(cache.bad(), count as u64 + 1);
        }
    }

    #[test]
    fn one_components_code_never_stands_in_for_anothers() {
        let (_dir, cache) = cache("engine");
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        cache.put(&one, b"code".to_vec()).1.unwrap();
        fs::rename(cache.path(&one), cache.path(&two)).unwrap();
        assert!(cache.verified(&two).is_none());
    }

    #[test]
    fn what_was_unused_for_the_longest_time_is_deleted_first() {
        let (_dir, cache) = cache("engine");
        let digests = [1, 2, 3, 4].map(|n: u8| Digest::of(&[n]));
        for (age, digest) in digests.iter().rev().enumerate() {
            cache.put(digest, vec![0; 1000]).1.unwrap();
            let file = File::open(cache.path(digest)).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(100 + age as u64)).unwrap();
        }
        // The oldest of all is in use again.
        cache.touch(&digests[0]);
        cache.bound(2 * (1000 + MAC as u64)).unwrap();
        let left = digests.map(|digest| cache.verified(&digest).is_some());
        assert_eq!(left, [true, false, false, true]);
        cache.bound(u64::MAX).unwrap();
        assert!(cache.verified(&digests[0]).is_some());
    }

    #[test]
    fn what_is_not_needed_is_deleted() {
        let (dir, old) = cache("old engine");
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        old.put(&one, b"code".to_vec()).1.unwrap();
        let cache = Cache::open(dir.path(), "engine").unwrap();
        cache.put(&one, b"code".to_vec()).1.unwrap();
        cache.put(&two, b"code".to_vec()).1.unwrap();
        cache.retain(|digest| *digest == one).unwrap();
        assert!(cache.verified(&one).is_some() && cache.verified(&two).is_none() && old.verified(&one).is_none());
    }
}
