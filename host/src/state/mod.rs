//! The state directory: what the host keeps of one deploy directory, locked by the server that uses it.
//!
//! ```text
//! ROOT/FOLDER/directory      the deploy directory's path      ROOT/FOLDER/key        of the code's MACs
//!             lock           the server's process id                      code/      compiled code
//!             apps.json      the records                                  versions/  last good components
//!             log/TENANT/    one log for each application                 socket     status and logs ask here
//! ```
//!
//! FOLDER is named by a digest of the deploy directory's path. All of it is readable by its owner alone.

pub mod cache;
pub mod digest;
pub mod folder;
pub mod records;
pub mod versions;

pub use cache::Cache;
pub use digest::Digest;
pub(crate) use folder::make as make_folder;
pub use folder::{default_root, find, served_by};

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

/// The state of one deploy directory, held by this process until it is dropped.
#[derive(Debug)]
pub struct State {
    folder: PathBuf,
    lock: File,
}

impl Drop for State {
    /// Gives it up by name: closing the file leaves it locked for the moment in which a process that another thread has
    /// just started has inherited it, and is not another program yet.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

impl State {
    /// Takes the state of `served` (a canonical path) under `root`, and makes it where it is missing.
    ///
    /// # Errors
    /// Where another server has it (its process id is named), where `root` lies inside `served`, and where the folder
    /// can't be made or is another user's.
    pub fn open(root: &Path, served: &Path) -> Result<Self> {
        let folder = folder::make(root, served)?;
        let lock = lock(&folder, served)?;
        let named = folder.join("directory");
        std::fs::write(&named, served.as_os_str().as_encoded_bytes())
            .with_context(|| format!("can't write {}", named.display()))?;
        Ok(Self { folder, lock })
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the applications' logs are.
    pub fn logs(&self) -> PathBuf {
        self.folder.join("log")
    }
}

/// A server that was killed while it started a process that compiles leaves the lock to it, for the moment until that
/// one has become another program.
const LAST_BREATH: Duration = Duration::from_secs(5);

fn lock(folder: &Path, served: &Path) -> Result<File> {
    let path = folder.join("lock");
    let failed = || format!("can't lock the state {}", path.display());
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(&path).with_context(failed)?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
            Err(TryLockError::WouldBlock) => {}
        }
        let pid = holder(&mut file);
        let ended = pid.as_ref().is_some_and(|pid| !is_alive(pid));
        if !ended || began.elapsed() > LAST_BREATH {
            let pid = pid.as_deref().unwrap_or("unknown");
            bail!(
                "{} is already served by process {pid} (stop that one, or give this one another --state)",
                served.display()
            );
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    file.set_len(0).and_then(|()| file.rewind()).with_context(failed)?;
    writeln!(file, "{}\n{}", std::process::id(), served.display()).with_context(failed)?;
    Ok(file)
}

/// The process that a lock names, if it names any.
fn holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    text.lines().next().map(str::to_owned)
}

fn is_alive(pid: &str) -> bool {
    let pid = pid.parse().ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_second_server_on_one_state_names_the_first() {
        let root = tempfile::tempdir().unwrap();
        let served = tempfile::tempdir().unwrap();
        let first = State::open(root.path(), served.path()).unwrap();
        let mode = first.folder().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let error = State::open(root.path(), served.path()).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        assert!(error.contains(&served.path().display().to_string()), "{error}");
        let other = tempfile::tempdir().unwrap();
        State::open(root.path(), other.path()).unwrap();
        drop(first);
        State::open(root.path(), served.path()).unwrap();
    }

    #[test]
    fn a_lock_that_a_process_leaves_behind_is_waited_for() {
        let (root, served) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let left = State::open(root.path(), served.path()).unwrap();
        // As if somebody else held it, of a process that is gone.
        let mut gone = std::process::Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        fs::write(left.folder().join("lock"), format!("{}\n", gone.id())).unwrap();
        let holding = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            drop(left);
        });
        State::open(root.path(), served.path()).unwrap();
        holding.join().unwrap();
    }

    #[test]
    fn a_state_inside_of_what_is_served_is_refused() {
        let served = tempfile::tempdir().unwrap();
        for inside in ["state", "a/../state", "."] {
            let error = State::open(&served.path().join(inside), served.path()).unwrap_err().to_string();
            assert!(error.contains("inside"), "{error}");
        }
        assert_eq!(served.path().read_dir().unwrap().count(), 0, "nothing was made there");
    }
}
