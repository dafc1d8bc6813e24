//! The kernel's events about the deploy directory: they only wake the deployer early; its scans are what is true.
//!
//! The one place that knows how events are had. What they say is merged by name, so that a flood of them takes no memory.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Config, Event, EventHandler, EventKind, INotifyWatcher, RecursiveMode, Watcher};

use super::settle::Signal;

/// With more names than this waiting a scan is cheaper.
const MOST_NAMES: usize = 20_000;

/// A watched directory.
pub(super) struct Watch {
    dir: PathBuf,
    inbox: Arc<Inbox>,
    watcher: Option<INotifyWatcher>,
    /// Device and inode of what is watched.
    watched: Option<(u64, u64)>,
}

/// What was told since it was last taken.
#[derive(Debug, Default)]
pub(super) struct News {
    /// By file name.
    pub(super) files: HashMap<OsString, Signal>,
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
        Self { dir: dir.to_owned(), inbox, watcher: None, watched: None }
    }

    /// Takes what was told.
    pub(super) fn take(&self) -> News {
        std::mem::take(&mut *self.inbox.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the kernel tells of changes; otherwise only scans find them.
    pub(super) fn works(&self) -> bool {
        self.watcher.is_some()
    }

    /// Makes sure that what is watched is what lies under the path now: a directory can be moved away and another put in
    /// its place, of which no event tells.
    pub(super) fn renew(&mut self) -> Presence {
        let Ok(meta) = std::fs::metadata(&self.dir) else {
            (self.watcher, self.watched) = (None, None);
            return Presence::Missing;
        };
        let there = Some((meta.dev(), meta.ino()));
        if self.watched == there {
            return Presence::Same;
        }
        self.watcher = match self.watch() {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                let dir = self.dir.display();
                tracing::warn!(%dir, %error, "changes are found by looking every 2 s only, as the kernel can't tell of them");
                None
            }
        };
        self.watched = there;
        Presence::Renewed
    }

    fn watch(&self) -> notify::Result<INotifyWatcher> {
        let handler = Handler { dir: self.dir.clone(), inbox: self.inbox.clone() };
        let mut watcher = INotifyWatcher::new(handler, Config::default().with_follow_symlinks(false))?;
        watcher.watch(&self.dir, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    }
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
        for path in event.paths.iter().filter(|path| path.parent() == Some(&self.dir)) {
            if let Some(name) = path.file_name() {
                self.inbox.add(name.to_owned(), signal);
            }
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
    fn add(&self, name: OsString, signal: Signal) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        if news.lost {
            return;
        }
        let idle = news.files.is_empty();
        if news.files.len() >= MOST_NAMES {
            *news = News { lost: true, ..News::default() };
        } else {
            let last = news.files.entry(name).or_insert(signal);
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
            told.recv_timeout(Duration::from_secs(10)).unwrap();
            if watch.take().files.get(std::ffi::OsStr::new(name)) == Some(&signal) {
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
