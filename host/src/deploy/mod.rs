//! Deploys: whatever lies in the directory is what is served, and nobody has to be told.
//!
//! ```text
//! watch ─▶ scan ─▶ settle ─▶ plan ─▶ compile ─▶ probe ─▶ publish
//!          (the truth)       (manifest, routes)          (apps::Published)
//! ```
//!
//! One thread, the deployer, owns all of it and decides; compiling threads work for it. The directory is the truth and
//! events only wake the deployer early. Requests never come here: they read the snapshot of routes that is swapped in,
//! and finish on the version they began with, as they hold it. A failed deploy never disturbs the version that answers.

mod compile;
mod deployer;
mod folders;
mod known;
mod notice;
mod plan;
mod queue;
mod run;
mod scan;
mod settle;
mod source;
mod status;
#[cfg(test)]
mod tests;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::runtime::Handle;

use self::scan::{Named, Part};
use crate::apps::{AppKey, Published, Routes, TenantName};
use crate::compiler::Compiler;
use crate::log::AppLogs;
use crate::manifest::Limits;
use crate::sandbox::Engine;
use crate::state::records::{Pair, Records};
use crate::state::versions::Versions;
use crate::state::{Cache, State};
use crate::tenants::{Pool, Quotas, Tenants};

pub(crate) use compile::is_passing;
pub(crate) use notice::{Listed, OneLine};

pub use notice::Notice;
pub use source::Source;
pub use status::{AppState, AppStatus, CodeCounts, IgnoredFile, Status, TenantStatus};

/// How long a status may take: the deployer may be in the middle of a large scan.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to serve, and how.
pub struct Options {
    /// What is served.
    pub source: Source,
    /// The directory that states lie in.
    pub state: PathBuf,
    /// The limits of an application whose manifest gives none.
    pub limits: Limits,
    /// What each tenant may have.
    pub quotas: Quotas,
    /// The memory that all instances together may have.
    pub memory: Arc<Pool>,
    /// How components are compiled.
    pub compiler: Compiler,
    /// Called with every deploy, refusal and removal, one after the other.
    pub report: Box<dyn Fn(&Notice) + Send>,
}

/// Deploys that were prepared: the state is locked, and every application whose file is unchanged is published.
pub struct Prepared {
    run: run::Run,
    messages: Sender<run::Message>,
}

/// Deploys that are going on, until this is dropped or [`stopped`](Deploys::stop).
pub struct Deploys {
    messages: Sender<run::Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
    state: PathBuf,
    logs: AppLogs,
}

/// Takes the state, looks at what is there, and publishes what needs no work: nothing is read, compiled or probed whose
/// file is unchanged. Blocks; 10,000 applications take some tenths of a second.
///
/// # Errors
/// Where the directory can't be read, or the state can't be had (see [`State::open`]).
pub fn prepare(engine: Engine, table: Arc<Published>, options: Options, runtime: &Handle) -> Result<Prepared> {
    let Options { source, state, limits, quotas, memory, compiler, report } = options;
    let state = State::open(&state, source.path())?;
    let (messages, inbox) = channel();
    let wake = messages.clone();
    let mut folders = folders::Folders::new(source.clone(), move || drop(wake.send(run::Message::Wake)));
    let scanned = folders.scan(true, |tenant| run::most_names(quotas.of(tenant)));
    let scanned = scanned.with_context(|| format!("can't read {}", source.path().display()))?;
    let records = Records::read(state.folder())?;
    let cache = Cache::open(state.folder(), &engine.fingerprint())?;
    let versions = Versions::open(state.folder()).context("can't make the folder of versions")?;
    let logs = AppLogs::in_dir(&state.logs()).context("can't start a thread")?;
    let shop = Arc::new(compile::Workshop::new(engine, compiler, cache, versions));
    let tell = messages.clone();
    let jobs = compile::start(&shop, &source, runtime, move |outcome| {
        drop(tell.send(run::Message::Outcome(Box::new(outcome))));
    })?;
    let mut deployer = deployer::Deployer {
        source,
        shop,
        logs,
        jobs,
        limits,
        tenants: Tenants::new(quotas, memory),
        known: Default::default(),
        odd: Default::default(),
        unseen: Default::default(),
        settling: Default::default(),
        holders: Default::default(),
        routes: Routes::default(),
        freed: Default::default(),
        supernumerary: Default::default(),
        again: Default::default(),
        said: Vec::new(),
        unpublished: true,
        unsaved: false,
        untidy: true,
    };
    let now = Instant::now();
    deployer.restore(records, &scanned, now);
    deployer.compare_all(scanned, now);
    Ok(Prepared { run: run::Run::new(deployer, state, table, folders, report, inbox), messages })
}

/// The component `file` and the text of its manifest, read as a deploy of the directory around it would read them.
///
/// # Errors
/// Why that would refuse them; with an [`std::io::Error`] among the causes where they can't be read.
pub(crate) fn read(file: &Path) -> Result<(AppKey, Vec<u8>, String)> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let source = Source::of(folder)?;
    let key = match scan::named(&TenantName::default(), file.file_name().unwrap_or_default()) {
        Named::Of(key, Part::Component) => key,
        Named::Of(..) => bail!("it is a manifest, and not a component"),
        Named::Hidden => bail!("its name begins with a dot, and such files are never served"),
        Named::Odd(reason) => bail!(reason),
    };
    let changed = || format!("{} changed while it was read", file.display());
    let Pair { component, manifest } =
        source.look(&key).with_context(|| format!("can't look at {}", file.display()))?;
    let component = component.with_context(changed)?;
    let component = source.read(&key, Part::Component, &component, compile::LARGEST)?.with_context(changed)?;
    let manifest = compile::manifest(&source, &key, manifest.as_ref())?.with_context(changed)?;
    Ok((key, component, manifest))
}

impl Prepared {
    /// The folder of this directory's state.
    pub fn state(&self) -> &Path {
        self.run.state_folder()
    }

    /// Goes on deploying, on a thread of its own, which calls `started` before anything is reported.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn start(self, started: impl FnOnce() + Send + 'static) -> Result<Deploys> {
        let Self { run, messages } = self;
        let (state, logs) = (run.state_folder().to_owned(), run.logs().clone());
        let thread = std::thread::Builder::new().name("deploy".into()).spawn(move || {
            started();
            run.run();
        });
        let thread = Mutex::new(Some(thread.context("can't start a thread")?));
        Ok(Deploys { messages, thread, state, logs })
    }
}

impl Deploys {
    /// How everything is. Blocks.
    ///
    /// # Errors
    /// Where deploys have ended or don't answer.
    pub fn status(&self) -> Result<Status> {
        let (reply, answer) = channel();
        let asked = self.messages.send(run::Message::Status(reply));
        asked.ok().and_then(|()| answer.recv_timeout(PATIENCE).ok()).context("the deployer does not answer")
    }

    /// Puts other default limits and quotas in force, for every application.
    pub fn set_limits(&self, limits: Limits, quotas: Quotas) {
        let _ = self.messages.send(run::Message::Limits(Box::new((limits, quotas))));
    }

    /// The folder of this directory's state.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The applications' logs.
    pub fn logs(&self) -> &AppLogs {
        &self.logs
    }

    /// Ends deploying and writes down what is to be remembered. What is published stays. Blocks.
    pub fn stop(&self) {
        let _ = self.messages.send(run::Message::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        self.logs.flush(Duration::from_secs(1));
    }
}

impl Drop for Deploys {
    fn drop(&mut self) {
        self.stop();
    }
}
