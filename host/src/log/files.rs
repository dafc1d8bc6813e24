//! The log files: `DIR/TENANT/NAME.log`, appended to, and moved to `.1`, `.2`, `.3` as they fill up.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, create_dir_all, read_dir, remove_file, rename};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::apps::AppKey;

/// A file that would grow past this is moved away first.
const ROTATE_BYTES: u64 = 10 << 20;

/// How many that were moved away are kept.
const KEPT: u32 = 3;

/// What a tenant's files may have in all, those of applications that it no longer has included: beyond it those that were
/// written longest ago are removed. The default tenant's are the operator's own.
const TENANT_BYTES: u64 = 1 << 30;

/// How many files stay open, those written last: enough for the applications that are busy at one time.
const OPEN: usize = 64;

pub(super) struct Files {
    dir: PathBuf,
    open: VecDeque<Open>,
}

struct Open {
    key: AppKey,
    file: File,
    size: u64,
}

/// The file of an application's log under `dir`.
pub(super) fn path(dir: &Path, key: &AppKey) -> PathBuf {
    dir.join(key.tenant.as_str()).join(format!("{}.log", key.name))
}

impl Files {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, open: VecDeque::new() }
    }

    /// Appends `lines`, whole lines all of them, to the log of `key`.
    pub(super) fn append(&mut self, key: &AppKey, lines: &[u8]) -> io::Result<()> {
        let mut open = match self.open.iter().position(|open| open.key == *key) {
            Some(at) => self.open.remove(at).ok_or(io::ErrorKind::NotFound)?,
            None => self.open_file(key)?,
        };
        if open.size > 0 && open.size + lines.len() as u64 > ROTATE_BYTES {
            rotate(&path(&self.dir, key))?;
            open = self.open_file(key)?;
        }
        open.file.write_all(lines)?;
        open.size += lines.len() as u64;
        self.open.truncate(OPEN - 1);
        self.open.push_front(open);
        Ok(())
    }

    fn open_file(&mut self, key: &AppKey) -> io::Result<Open> {
        let path = path(&self.dir, key);
        let folder = self.dir.join(key.tenant.as_str());
        create_dir_all(&folder)?;
        if !key.tenant.is_default() && !path.exists() {
            self.make_room(&folder)?;
        }
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let size = file.metadata()?.len();
        Ok(Open { key: key.clone(), file, size })
    }

    /// Removes of a tenant's files, before another one is made, those written longest ago that are too many.
    fn make_room(&mut self, folder: &Path) -> io::Result<()> {
        let files = read_dir(folder)?.flatten().filter_map(|file| Some((file.path(), file.metadata().ok()?)));
        let mut files: Vec<_> =
            files.filter_map(|(path, known)| Some((known.modified().ok()?, known.len(), path))).collect();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        files.sort_unstable();
        for (_, size, oldest) in files {
            if total + ROTATE_BYTES <= TENANT_BYTES {
                break;
            }
            self.open.retain(|open| path(&self.dir, &open.key) != oldest);
            remove(&oldest)?;
            total -= size;
        }
        Ok(())
    }
}

/// A file that is not there was removed by somebody else.
fn remove(path: &Path) -> io::Result<()> {
    match remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn rotate(path: &Path) -> io::Result<()> {
    let numbered = |number: u32| match number {
        0 => path.to_owned(),
        _ => PathBuf::from(format!("{}.{number}", path.display())),
    };
    for number in (0..KEPT).rev() {
        match rename(numbered(number), numbered(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::AppName;

    #[test]
    fn a_full_file_is_moved_away_and_three_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let key = AppKey::of_default(AppName::new("a").unwrap());
        let mut files = Files::new(dir.path().to_owned());
        for letter in "abcdefghijklmnop".chars() {
            files.append(&key, letter.to_string().repeat(4 << 20).as_bytes()).unwrap();
        }
        let mut found: Vec<_> = std::fs::read_dir(dir.path().join("default"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        assert_eq!(found, ["a.log", "a.log.1", "a.log.2", "a.log.3"]);
        let first = |name: &str| std::fs::read(dir.path().join("default").join(name)).unwrap()[0] as char;
        assert_eq!(["a.log", "a.log.1", "a.log.2", "a.log.3"].map(first), ['o', 'm', 'k', 'i']);
    }

    #[test]
    fn what_is_too_much_of_a_tenant_goes_from_its_oldest_on() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Files::new(dir.path().to_owned());
        let tenant = |tenant: &str, name: &str| AppKey {
            tenant: crate::apps::TenantName::new(tenant).unwrap(),
            name: AppName::new(name).unwrap(),
        };
        let of = |key: &AppKey| path(dir.path(), key);
        for (number, name) in ["old", "middle", "new"].into_iter().enumerate() {
            for key in [tenant("a", name), AppKey::of_default(AppName::new(name).unwrap())] {
                files.append(&key, b"line\n").unwrap();
                let file = OpenOptions::new().write(true).open(of(&key)).unwrap();
                file.set_len(500 << 20).unwrap();
                file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(number as u64)).unwrap();
            }
        }
        files.append(&tenant("b", "another"), b"line\n").unwrap();
        assert!(of(&tenant("a", "old")).exists());
        files.append(&tenant("a", "newest"), b"line\n").unwrap();
        let there = ["old", "middle", "new", "newest"].map(|name| of(&tenant("a", name)).exists());
        assert_eq!(there, [false, true, true, true]);
        // Whose file is gone goes on in another one.
        files.append(&tenant("a", "old"), b"again\n").unwrap();
        assert_eq!(std::fs::read(of(&tenant("a", "old"))).unwrap(), b"again\n");
        assert!(
            ["old", "middle", "new"].iter().all(|name| of(&AppKey::of_default(AppName::new(name).unwrap())).exists())
        );
    }

    #[test]
    fn many_applications_share_a_few_open_files() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Files::new(dir.path().to_owned());
        for round in 0..2 {
            for number in 0..200 {
                let key = AppKey::of_default(AppName::new(&number.to_string()).unwrap());
                files.append(&key, format!("{round}\n").as_bytes()).unwrap();
                assert_eq!(std::fs::read_to_string(path(dir.path(), &key)).unwrap().lines().count(), round + 1);
            }
        }
        assert!(files.open.len() <= OPEN);
    }
}
