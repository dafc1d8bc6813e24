//! The deployer's thread: what wakes it, and how often it looks, publishes, writes and tidies up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::compile::Outcome;
use super::deployer::Deployer;
use super::folders::Folders;
use super::notice::Notice;
use super::scan::Named;
use super::status::{AppStatus, IgnoredFile, Status};
use crate::apps::Published;
use crate::log::AppLogs;
use crate::manifest::Limits;
use crate::state::State;
use crate::tenants::{Quota, Quotas};

/// How often the directory itself is looked at: whether it is still the one that is watched, and whether a name came
/// or left. One system call.
const GLANCE: Duration = Duration::from_secs(2);

/// A scan of every file, which finds what no event told of, may take this part of a processor: 1/1000, as events tell
/// of nearly everything, and 1/20 where there are none.
const SCAN_SHARE: u32 = 1000;
const SCAN_SHARE_BLIND: u32 = 20;

/// Publishing and writing may take this part of the deployer's time while thousands of deploys follow each other.
const BUSY_SHARE: u32 = 10;

/// Records are written at once, but then not again for this time. Nothing is told before it is written.
const SAVE_PAUSE: Duration = Duration::from_millis(100);

/// After a failure to write them, on a full disk for instance, they wait for this time.
const SAVE_AGAIN: Duration = Duration::from_secs(10);

/// Code is dropped after this time without a request: long enough for whoever reads a page to come back to warm code,
/// and loading it again takes less than a millisecond, or some sixty where an interpreter is in it.
const IDLE: Duration = Duration::from_secs(600);

/// How often that is checked, and what nothing needs is deleted.
const SWEEP: Duration = Duration::from_secs(60);

/// A tenant's folder with more names than this is not looked at: what is done in it must not take the others' time.
const MOST_NAMES: usize = 1_000;

/// The same for tenants that may have so many applications that they need more, in names for each.
const NAMES_OF_ONE: usize = 4;

/// What reaches the deployer.
pub(super) enum Message {
    /// The kernel told of changes.
    Wake,
    Outcome(Box<Outcome>),
    Status(Sender<Status>),
    Limits(Box<(Limits, Quotas)>),
    Stop,
}

pub(super) struct Run {
    deployer: Deployer,
    state: State,
    table: Arc<Published>,
    folders: Folders,
    report: Box<dyn Fn(&Notice) + Send>,
    inbox: Receiver<Message>,
    glance: Instant,
    scan: Instant,
    sweep: Instant,
    publishing: Pace,
    saving: Pace,
    /// The records could not be written when that was tried last.
    unsavable: bool,
    /// The directory can't be read, so nothing that seems gone is.
    blind: bool,
}

/// Keeps an activity from taking too much time: after one turn of it the next waits.
struct Pace {
    next: Instant,
    pause: Duration,
}

impl Pace {
    fn new(pause: Duration) -> Self {
        Self { next: Instant::now(), pause }
    }

    fn turn(&mut self, work: impl FnOnce()) {
        let start = Instant::now();
        work();
        let took = start.elapsed();
        self.next = start + took + (took * BUSY_SHARE).max(self.pause);
    }
}

impl Run {
    /// Publishes what is there already.
    pub(super) fn new(
        deployer: Deployer,
        state: State,
        table: Arc<Published>,
        folders: Folders,
        report: Box<dyn Fn(&Notice) + Send>,
        inbox: Receiver<Message>,
    ) -> Self {
        let now = Instant::now();
        let (publishing, saving) = (Pace::new(Duration::ZERO), Pace::new(SAVE_PAUSE));
        let mut run = Self {
            deployer,
            state,
            table,
            folders,
            report,
            inbox,
            glance: now,
            scan: now,
            sweep: now + SWEEP,
            publishing,
            saving,
            unsavable: false,
            blind: false,
        };
        run.publish();
        run
    }

    pub(super) fn state_folder(&self) -> &Path {
        self.state.folder()
    }

    pub(super) fn logs(&self) -> &AppLogs {
        &self.deployer.logs
    }

    /// Until it is told to stop.
    pub(super) fn run(mut self) {
        loop {
            let turn = catch_unwind(AssertUnwindSafe(|| self.turn(Instant::now())));
            if turn.is_err() {
                tracing::error!("a turn of the deployer failed, which is a defect of wasgi; it goes on");
                std::thread::sleep(GLANCE);
            }
            let wait = self.next().saturating_duration_since(Instant::now());
            let mut message = match self.inbox.recv_timeout(wait) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            while let Some(one) = message {
                if matches!(one, Message::Stop) {
                    return self.end();
                }
                self.handle(one);
                message = self.inbox.try_recv().ok();
            }
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Wake | Message::Stop => {}
            Message::Outcome(outcome) => self.deployer.outcome(*outcome, Instant::now()),
            Message::Status(reply) => drop(reply.send(self.status())),
            Message::Limits(limits) => {
                let (limits, quotas) = *limits;
                self.deployer.set_limits(limits, quotas, Instant::now());
            }
        }
    }

    /// When there is something to do without a message.
    fn next(&self) -> Instant {
        let deployer = &self.deployer;
        let settling = deployer.settling.next().filter(|_| !self.blind);
        let publish = deployer.unpublished.then_some(self.publishing.next);
        let save = deployer.unsaved.then_some(self.saving.next);
        let again = deployer.again.values().min().copied();
        let soon = [settling, publish, save, again].into_iter().flatten().min();
        soon.map_or(self.glance, |soon| soon.min(self.glance))
    }

    fn turn(&mut self, now: Instant) {
        self.read_news(now);
        if self.glance <= now {
            self.glance(now);
            self.glance = now + GLANCE;
        }
        if !self.blind {
            self.settle(now);
        }
        self.deployer.retry(now);
        if self.publishing.next <= now {
            self.publish();
        }
        if self.deployer.unsaved && self.saving.next <= now {
            self.save();
        }
        self.tell();
        if self.sweep <= now {
            self.sweep();
            self.sweep = now + SWEEP;
        }
    }

    fn read_news(&mut self, now: Instant) {
        let news = self.folders.news();
        if news.lost {
            self.deployer.settling.forget_events();
            self.scan = now;
            self.glance = now;
        }
        for (path, signal) in news.files {
            match self.deployer.source.named(&path) {
                Named::Of(key, part) => self.deployer.settling.event(&key, part, signal, now),
                // A tenant's folder has come or left.
                Named::Odd(_) if is_folder(&self.deployer.source.dir().join(path)) => self.glance = now,
                // The next glance finds that a name has come.
                Named::Odd(_) | Named::Hidden => {}
            }
        }
    }

    /// Looks at the folders themselves, and at every file of those that have changed, or of all if it is time for that.
    fn glance(&mut self, now: Instant) {
        let all = now >= self.scan || self.blind;
        let deployer = &mut self.deployer;
        let seeing = match self.folders.scan(all, |tenant| most_names(deployer.tenants.quota(tenant))) {
            Ok(scanned) => {
                deployer.compare_all(scanned, now);
                true
            }
            Err(error) => {
                if !self.blind {
                    let dir = deployer.source.dir().display();
                    tracing::warn!(%dir, %error, "the served directory can't be read; everything goes on as it is");
                }
                false
            }
        };
        self.blind = !seeing;
        if all {
            let share = if self.folders.are_watched() { SCAN_SHARE } else { SCAN_SHARE_BLIND };
            self.scan = now + (now.elapsed() * share).max(GLANCE);
        }
    }

    /// Looks at what has changed, and decides about what is settled.
    fn settle(&mut self, now: Instant) {
        let due = self.deployer.settling.due(now);
        if due.is_empty() {
            return;
        }
        let looks: Vec<_> = due.into_iter().map(|key| (self.deployer.source.look(&key), key)).collect();
        // Where a file is not there, it may be that the whole directory is not: then nothing was removed.
        let gone = looks.iter().any(|(look, _)| !matches!(look, Ok(pair) if pair.component.is_some()));
        if gone && self.folders.have_moved() {
            (self.blind, self.glance) = (true, now + GLANCE);
            return;
        }
        let mut settled = Vec::new();
        for (look, key) in looks {
            match look {
                Ok(pair) => settled.extend(self.deployer.settling.looked(&key, pair, now)),
                Err(_) if key.tenant.is_default() => (self.blind, self.glance) = (true, now + GLANCE),
                // A tenant's folder is compared anew once it can be looked at again.
                Err(_) => self.deployer.settling.forget(&key),
            }
        }
        self.deployer.decide_all(settled, now);
    }

    fn publish(&mut self) {
        let deployer = &mut self.deployer;
        if std::mem::take(&mut deployer.unpublished) {
            self.publishing.turn(|| self.table.store(Arc::new(deployer.routes.clone())));
        }
    }

    /// Tells what is published and can't be lost by a crash any more. Where it can't be kept, that was logged.
    fn tell(&mut self) {
        if !self.deployer.unpublished && (!self.deployer.unsaved || self.unsavable) {
            std::mem::take(&mut self.deployer.said).iter().for_each(&self.report);
        }
    }

    fn save(&mut self) {
        let (deployer, state) = (&mut self.deployer, &self.state);
        self.saving.turn(|| match deployer.records().write(state.folder()) {
            Ok(()) => deployer.unsaved = false,
            Err(error) => {
                let folder = state.folder().display();
                tracing::warn!(%folder, %error, "the records can't be written; a restart would deploy anew");
            }
        });
        self.unsavable = self.deployer.unsaved;
        if self.unsavable {
            self.saving.next += SAVE_AGAIN;
        }
    }

    fn sweep(&mut self) {
        let apps = self.deployer.known.values().filter_map(|known| known.app.as_ref());
        let dropped = apps.filter(|app| app.unload_if_idle(IDLE)).count();
        if dropped > 0 {
            tracing::debug!(dropped, "code that was long unused is dropped");
        }
        self.deployer.tidy();
    }

    fn status(&self) -> Status {
        let deployer = &self.deployer;
        Status {
            pid: std::process::id(),
            serving: deployer.source.path().display().to_string(),
            applications: deployer.known.iter().map(|(key, known)| AppStatus::of(key, known)).collect(),
            tenants: deployer.tenant_statuses(),
            code: deployer.shop.counts(),
            ignored: deployer.ignored().map(|(name, reason)| IgnoredFile { name, reason: reason.clone() }).collect(),
        }
    }

    fn end(mut self) {
        self.publish();
        if self.deployer.unsaved {
            self.save();
        }
        self.tell();
        self.deployer.tidy();
    }
}

/// How many names a tenant's folder may hold.
pub(super) fn most_names(quota: &Quota) -> usize {
    quota.applications.map_or(usize::MAX, |applications| MOST_NAMES.max(applications as usize * NAMES_OF_ONE))
}

fn is_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
}
