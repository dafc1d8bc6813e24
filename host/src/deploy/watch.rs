//! The kernel's events about the deploy directory and the folders in it: they only wake the deployer early; its scans are what is true.
//!
//! The one place that knows how events are had. What they say is merged by path, so that a flood of them takes no memory.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Config, Event, EventHandler, EventKind, INotifyWatcher, RecursiveMode, Watcher};

use super::settle::Signal;

/// With more names than this waiting a scan is cheaper.
const MOST_NAMES: usize = 20_000;

/// The deploy directory and the folders in it, watched.
pub(super) struct Watch {
    dir: PathBuf,
    inbox: Arc<Inbox>,
    root: Option<INotifyWatcher>,
    /// Device and inode of what the root watches.
    watched: Option<Inode>,
    /// A watcher of its own: one that sees a folder leave its parent drops the folder's watch, and with it the one of a
    /// folder that has come to its place meanwhile.
    below: Option<INotifyWatcher>,
    folders: HashMap<PathBuf, Inode>,
}

/// Device and inode: which directory lies under a path.
pub(super) type Inode = (u64, u64);

/// What was told since it was last taken.
#[derive(Debug, Default)]
pub(super) struct News {
    /// By path, relative to the deploy directory.
    pub(super) files: HashMap<PathBuf, Signal>,
    /// Events were lost.
    pub(super) lost: bool,
}

struct Inbox {
    news: Mutex<News>,
    wake: Box<dyn Fn() + Send + Sync>,
}

/// What the last look at the directory itself showed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Same,
    /// It was not watched, or another directory has come to its place: everything has to be looked at.
    Renewed,
    Missing,
}

impl Watch {
    /// Watches nothing yet; [`Watch::renew`] begins. `wake` is called when there is something to take.
    pub(super) fn new(dir: &Path, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let inbox = Arc::new(Inbox { news: Mutex::default(), wake: Box::new(wake) });
        let dir = dir.to_owned();
        Self { dir, inbox, root: None, watched: None, below: None, folders: HashMap::new() }
    }

    /// Takes what was told.
    pub(super) fn take(&self) -> News {
        std::mem::take(&mut *self.inbox.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the kernel tells of changes; otherwise only scans find them.
    pub(super) fn works(&self) -> bool {
        self.root.is_some() && (self.below.is_some() || self.folders.is_empty())
    }

    /// Makes sure that what is watched is what lies under the path now: a directory can be moved away and another put in
    /// its place, of which no event tells.
    pub(super) fn renew(&mut self) -> Presence {
        let Ok(meta) = std::fs::metadata(&self.dir) else {
            (self.root, self.watched) = (None, None);
            return Presence::Missing;
        };
        let there = Some((meta.dev(), meta.ino()));
        if self.watched == there {
            return Presence::Same;
        }
        self.root = self.watcher().and_then(|mut watcher| watch(&mut watcher, &self.dir).then_some(watcher));
        self.watched = there;
        Presence::Renewed
    }

    /// Watches these folders of the directory, and no others.
    pub(super) fn set_folders(&mut self, folders: HashMap<PathBuf, Inode>) {
        if folders == self.folders {
            return;
        }
        let Some(watcher) = self.below.take().or_else(|| self.watcher()) else {
            self.folders = folders;
            return;
        };
        let watcher = self.below.insert(watcher);
        // All that left, first: a watch is of an inode, which may have got another name.
        for (path, _) in self.folders.iter().filter(|(path, inode)| folders.get(*path) != Some(inode)) {
            let _ = watcher.unwatch(path);
        }
        for (path, _) in folders.iter().filter(|(path, inode)| self.folders.get(*path) != Some(inode)) {
            watch(watcher, path);
        }
        self.folders = folders;
    }

    fn watcher(&self) -> Option<INotifyWatcher> {
        let handler = Handler { dir: self.dir.clone(), inbox: self.inbox.clone() };
        let watcher = INotifyWatcher::new(handler, Config::default().with_follow_symlinks(false));
        watcher.inspect_err(|error| cannot(&self.dir, error)).ok()
    }
}

fn watch(watcher: &mut INotifyWatcher, dir: &Path) -> bool {
    watcher.watch(dir, RecursiveMode::NonRecursive).inspect_err(|error| cannot(dir, error)).is_ok()
}

fn cannot(dir: &Path, error: &notify::Error) {
    tracing::warn!(dir = %dir.display(), %error, "changes are found by looking only, as the kernel can't tell of them");
}

struct Handler {
    dir: PathBuf,
    inbox: Arc<Inbox>,
}

impl EventHandler for Handler {
    fn handle_event(&mut self, event: notify::Result<Event>) {
        let Ok(event) = event else {
            return self.inbox.lost();
        };
        if event.need_rescan() {
            return self.inbox.lost();
        }
        let Some(signal) = signal(&event.kind) else {
            return;
        };
        for path in event.paths.iter().filter_map(|path| path.strip_prefix(&self.dir).ok()) {
            self.inbox.add(path.to_owned(), signal);
        }
    }
}

fn signal(kind: &EventKind) -> Option<Signal> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Remove(_) => Some(Signal::Complete),
        EventKind::Modify(ModifyKind::Name(RenameMode::From | RenameMode::To)) => Some(Signal::Complete),
        EventKind::Modify(ModifyKind::Data(_)) => Some(Signal::Written),
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Metadata(_)) => Some(Signal::Changed),
        _ => None,
    }
}

impl Inbox {
    /// A later signal about a file replaces an earlier one, but what only says that something is different.
    fn add(&self, path: PathBuf, signal: Signal) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        if news.lost {
            return;
        }
        let idle = news.files.is_empty();
        if news.files.len() >= MOST_NAMES {
            *news = News { lost: true, ..News::default() };
        } else {
            let last = news.files.entry(path).or_insert(signal);
            *last = if signal == Signal::Changed { *last } else { signal };
        }
        drop(news);
        if idle {
            (self.wake)();
        }
    }

    fn lost(&self) {
        *self.news.lock().unwrap_or_else(PoisonError::into_inner) = News { lost: true, ..News::default() };
        (self.wake)();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    fn watch(dir: &Path) -> (Watch, Receiver<()>) {
        let (tell, told) = channel();
        let watch = Watch::new(dir, move || {
            let _ = tell.send(());
        });
        (watch, told)
    }

    #[track_caller]
    fn until(watch: &Watch, told: &Receiver<()>, name: &str, signal: Signal) {
        loop {
            told.recv_timeout(Duration::from_secs(60)).unwrap();
            if watch.take().files.get(Path::new(name)) == Some(&signal) {
                return;
            }
        }
    }

    #[test]
    fn events_tell_a_writer_from_a_whole_file() {
        let dir = tempfile::tempdir().unwrap();
        let (mut watch, told) = watch(dir.path());
        assert_eq!(watch.renew(), Presence::Renewed);
        assert_eq!(watch.renew(), Presence::Same);
        let mut file = fs::File::create(dir.path().join("a.wasm")).unwrap();
        file.write_all(b"x").unwrap();
        until(&watch, &told, "a.wasm", Signal::Written);
        drop(file);
        until(&watch, &told, "a.wasm", Signal::Complete);
        fs::rename(dir.path().join("a.wasm"), dir.path().join("b.wasm")).unwrap();
        until(&watch, &told, "b.wasm", Signal::Complete);
        fs::remove_file(dir.path().join("b.wasm")).unwrap();
        until(&watch, &told, "b.wasm", Signal::Complete);
    }

    #[test]
    fn another_directory_in_its_place_is_watched_anew() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("apps");
        fs::create_dir(&dir).unwrap();
        let (mut watch, told) = watch(&dir);
        assert_eq!(watch.renew(), Presence::Renewed);
        fs::rename(&dir, parent.path().join("away")).unwrap();
        assert_eq!(watch.renew(), Presence::Missing);
        fs::rename(parent.path().join("away"), &dir).unwrap();
        assert_eq!(watch.renew(), Presence::Renewed);
        fs::write(dir.join("a.wasm"), "x").unwrap();
        until(&watch, &told, "a.wasm", Signal::Complete);
    }

    fn inode(path: &Path) -> Inode {
        let meta = fs::metadata(path).unwrap();
        (meta.dev(), meta.ino())
    }

    #[test]
    fn a_folder_is_watched_under_the_name_that_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let (mut watch, told) = watch(dir.path());
        watch.renew();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir(path("acme")).unwrap();
        watch.set_folders([(path("acme"), inode(&path("acme")))].into());
        fs::write(path("acme/a.wasm"), "x").unwrap();
        until(&watch, &told, "acme/a.wasm", Signal::Complete);
        // Another one in its place, and itself under another name.
        fs::rename(path("acme"), path("umbra")).unwrap();
        fs::create_dir(path("acme")).unwrap();
        watch.set_folders(["acme", "umbra"].map(|name| (path(name), inode(&path(name)))).into());
        for name in ["acme/b.wasm", "umbra/b.wasm"] {
            fs::write(path(name), "x").unwrap();
            until(&watch, &told, name, Signal::Complete);
        }
        // One that left and came back.
        watch.set_folders(HashMap::new());
        watch.set_folders([(path("umbra"), inode(&path("umbra")))].into());
        fs::write(path("umbra/c.wasm"), "x").unwrap();
        until(&watch, &told, "umbra/c.wasm", Signal::Complete);
    }

    #[test]
    fn a_flood_of_names_becomes_one_scan() {
        let (watch, _told) = watch(Path::new("/"));
        for number in 0..=MOST_NAMES {
            watch.inbox.add(number.to_string().into(), Signal::Complete);
        }
        let news = watch.take();
        assert!(news.lost && news.files.is_empty());
    }
}
