//! The log files: `DIR/TENANT/NAME.log`, appended to, and moved to `.1`, `.2`, `.3` as they fill up.

use std::collections::VecDeque;
use std::fs::{DirEntry, File, OpenOptions, create_dir_all, read_dir, remove_file, rename};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::apps::AppKey;

/// A file that would grow past this is moved away first.
const ROTATE_BYTES: u64 = 10 << 20;

/// How many that were moved away are kept.
const KEPT: u32 = 3;

/// How many files a tenant may have for each application that it may have: its own, and as many of one that is gone.
/// Beyond them those that were written longest ago are removed.
const FILES_OF_ONE: usize = 2 * (1 + KEPT as usize);

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

    /// Appends `lines`, whole lines all of them, to the log of `key`, whose tenant may have so many `applications`.
    pub(super) fn append(&mut self, key: &AppKey, applications: Option<u32>, lines: &[u8]) -> io::Result<()> {
        let mut open = match self.open.iter().position(|open| open.key == *key) {
            Some(at) => self.open.remove(at).ok_or(io::ErrorKind::NotFound)?,
            None => self.open_file(key, applications)?,
        };
        if open.size > 0 && open.size + lines.len() as u64 > ROTATE_BYTES {
            rotate(&path(&self.dir, key))?;
            open = self.open_file(key, applications)?;
        }
        open.file.write_all(lines)?;
        open.size += lines.len() as u64;
        self.open.truncate(OPEN - 1);
        self.open.push_front(open);
        Ok(())
    }

    fn open_file(&mut self, key: &AppKey, applications: Option<u32>) -> io::Result<Open> {
        let path = path(&self.dir, key);
        let folder = self.dir.join(key.tenant.as_str());
        create_dir_all(&folder)?;
        if let (Some(applications), false) = (applications, path.exists()) {
            self.make_room(&folder, applications as usize * FILES_OF_ONE)?;
        }
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let size = file.metadata()?.len();
        Ok(Open { key: key.clone(), file, size })
    }

    /// Removes of the files in `folder`, before another one is made, those written longest ago that are beyond `most`.
    fn make_room(&mut self, folder: &Path, most: usize) -> io::Result<()> {
        let written = |file: DirEntry| Some((file.metadata().ok()?.modified().ok()?, file.path()));
        let mut files: Vec<_> = read_dir(folder)?.flatten().filter_map(written).collect();
        files.sort_unstable();
        let beyond = (files.len() + 1).saturating_sub(most);
        for (_, oldest) in files.into_iter().take(beyond) {
            self.open.retain(|open| path(&self.dir, &open.key) != oldest);
            remove_file(&oldest)?;
        }
        Ok(())
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
            files.append(&key, None, letter.to_string().repeat(4 << 20).as_bytes()).unwrap();
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
    fn of_more_files_than_a_tenant_may_have_those_written_longest_ago_go() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Files::new(dir.path().to_owned());
        let key = |number: usize| format!("acme/{number}").parse::<AppKey>().unwrap();
        let other: AppKey = "other/1".parse().unwrap();
        files.append(&other, Some(1), b"line\n").unwrap();
        for number in 0..FILES_OF_ONE {
            files.append(&key(number), Some(1), b"line\n").unwrap();
            // Not as the clock has it, which is too coarse to tell them apart.
            let file = OpenOptions::new().append(true).open(path(dir.path(), &key(number))).unwrap();
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(number as u64)).unwrap();
        }
        let there = |number: usize| path(dir.path(), &key(number)).exists();
        assert!((0..FILES_OF_ONE).all(there));
        files.append(&key(FILES_OF_ONE), Some(1), b"line\n").unwrap();
        assert!(!there(0) && (1..=FILES_OF_ONE).all(there) && path(dir.path(), &other).exists());
        // Whose file is gone goes on in another one.
        files.append(&key(0), Some(1), b"again\n").unwrap();
        assert_eq!(std::fs::read(path(dir.path(), &key(0))).unwrap(), b"again\n");
        assert!(!there(1));
        files.append(&key(1), None, b"line\n").unwrap();
        assert!((0..=FILES_OF_ONE).all(there));
    }

    #[test]
    fn many_applications_share_a_few_open_files() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Files::new(dir.path().to_owned());
        for round in 0..2 {
            for number in 0..200 {
                let key = AppKey::of_default(AppName::new(&number.to_string()).unwrap());
                files.append(&key, None, format!("{round}\n").as_bytes()).unwrap();
                assert_eq!(std::fs::read_to_string(path(dir.path(), &key)).unwrap().lines().count(), round + 1);
            }
        }
        assert!(files.open.len() <= OPEN);
    }
}
