//! From a settled component to code that was probed, on threads of its own; and back to code for an application that was
//! unloaded or restored.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use super::queue::{Queue, Wanted};
use super::scan::Part;
use super::source::Source;
use super::status::CodeCounts;
use crate::apps::{AppKey, TenantName};
use crate::compiler::{Compiler, NotCompiled};
use crate::log::AppLog;
use crate::manifest::Settings;
use crate::sandbox::{self, Code, Engine, NoCode, Refusal, Surroundings, TrustedCode, WeakCode};
use crate::state::records::Identity;
use crate::state::versions::Versions;
use crate::state::{Cache, Digest};
use crate::tenants::{Account, Holding, Pool, Spender};
use crate::units::ByteSize;

/// The largest component that is read, in bytes. The largest interpreters compiled to wasm are a tenth of this.
pub(super) const LARGEST: u64 = 256 << 20;

/// The stack of a compiling thread, in bytes: a compiler in this process recurses with the nesting of what it compiles.
const STACK: usize = 16 << 20;

/// Compiling gives way to serving where both want the processor.
const NICE: i32 = 10;

/// Engine and stores, shared by the compiling threads and by every application's loader.
pub(super) struct Workshop {
    engine: Engine,
    compiler: Compiler,
    cache: Cache,
    versions: Versions,
    queue: Queue<Work>,
    compiled: AtomicU64,
    /// What is loaded: a tenant's versions and applications share the code of a component.
    loaded: Mutex<HashMap<(TenantName, Digest), WeakCode>>,
    /// As many load code at one time as there are processors: each holds it twice while it does.
    loading: Arc<Semaphore>,
}

/// A component of a tenant's, whose code is the tenant's memory.
#[derive(Clone)]
pub(super) struct Owned {
    pub(super) tenant: TenantName,
    pub(super) component: Digest,
    pub(super) memory: Arc<Pool>,
}

/// What compiling threads do.
enum Work {
    /// A version is made ready.
    Deploy(Box<Job>),
    /// The code of a deployed component is made again, as it is gone, for requests that wait.
    Again { owned: Owned, tell: oneshot::Sender<Result<Code, NoCode>> },
}

/// A component to be made ready.
pub(super) struct Job {
    pub(super) key: AppKey,
    pub(super) component: Identity,
    pub(super) manifest: String,
    pub(super) settings: Settings,
    pub(super) log: AppLog,
    pub(super) account: Arc<Account>,
    /// The version that is deployed: if this one is the same, nothing is done.
    pub(super) current: Option<Digest>,
    /// Set once nobody waits for it any more.
    pub(super) outdated: Arc<AtomicBool>,
    /// Set once a compiling thread works on it.
    pub(super) begun: Arc<AtomicBool>,
}

/// What became of a job.
pub(super) struct Outcome {
    pub(super) job: Job,
    pub(super) result: Result<Built, Failure>,
}

/// A version that is ready.
pub(super) struct Built {
    pub(super) component: Digest,
    pub(super) version: Digest,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum Failure {
    /// The file is not the one any more that was settled.
    Changed,
    /// One sentence for people: this file will never do.
    Refused(String),
    /// One sentence for people: it may do later, as with a full disk.
    Unlucky(String),
}

impl Workshop {
    pub(super) fn new(engine: Engine, compiler: Compiler, cache: Cache, versions: Versions) -> Self {
        Self {
            engine,
            compiler,
            cache,
            versions,
            queue: Queue::new(),
            compiled: AtomicU64::new(0),
            loaded: Mutex::default(),
            loading: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from))),
        }
    }

    /// How many instances there may be.
    pub(super) fn instances(&self) -> u32 {
        self.engine.instances()
    }

    /// The engine's fingerprint.
    pub(super) fn fingerprint(&self) -> String {
        self.engine.fingerprint()
    }

    /// The code of a component that is deployed: loaded already, from the cache, or compiled again from its copy.
    pub(super) async fn load(self: Arc<Self>, owned: Owned) -> Result<Code, NoCode> {
        if let Some(code) = self.loaded(&owned) {
            return Ok(code);
        }
        let ending = || Refusal::new("the host is ending");
        let turn = self.loading.clone().acquire_owned().await.map_err(|_| ending())?;
        let (shop, of) = (self.clone(), owned.clone());
        let cached = tokio::task::spawn_blocking(move || {
            // Also where nobody waits for it any more.
            let _turn = turn;
            shop.cached(&of)
        });
        if let Some(code) = cached.await.map_err(|_| ending())?? {
            return Ok(code);
        }
        let (tell, told) = oneshot::channel();
        self.queue.push(&owned.tenant.clone(), Work::Again { owned, tell });
        told.await.map_err(|_| ending())?
    }

    fn recompiled(&self, owned: &Owned, wanted: impl Fn() -> bool) -> Result<Code, NoCode> {
        // Another request may have had it compiled while this one waited for its turn.
        if let Some(code) = self.cached(owned)? {
            return Ok(code);
        }
        let gone = || Refusal::new("the copy of the component is gone (deploy it again)");
        let bytes = self.versions.get(&owned.component).ok_or_else(gone)?;
        let code = self.compiled(&owned.component, &bytes, wanted).map_err(|error| match error {
            NotCompiled::Refused(refusal) => refusal,
            error => Refusal::new(error.to_string()),
        })?;
        self.lend(owned, &code, Holding::of_code(owned.memory.clone()))
    }

    /// What became of code so far.
    pub(super) fn counts(&self) -> CodeCounts {
        let compiled = self.compiled.load(Ordering::Relaxed);
        CodeCounts { compiled, loaded: self.engine.loaded(), damaged: self.cache.bad() }
    }

    /// Deletes the code and the copies that nothing needs.
    pub(super) fn retain(&self, needed: impl Fn(&Digest) -> bool) -> std::io::Result<()> {
        self.cache.retain(&needed)?;
        self.versions.retain(&needed)
    }

    fn loaded(&self, owned: &Owned) -> Option<Code> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.get(&(owned.tenant.clone(), owned.component))?.upgrade()
    }

    /// Loads `code`, for all that ask for it while somebody has it.
    fn lend(&self, owned: &Owned, code: &TrustedCode, memory: Holding) -> Result<Code, NoCode> {
        let code = self.engine.load_within(code, memory)?;
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.len() == loaded.capacity() {
            loaded.retain(|_, code| !code.is_gone());
            let living = loaded.len();
            loaded.reserve(living + 1);
        }
        let entry = loaded.entry((owned.tenant.clone(), owned.component));
        // Somebody else may have loaded it meanwhile.
        let kept = entry.or_insert_with(|| code.downgrade());
        if let Some(first) = kept.upgrade() {
            return Ok(first);
        }
        *kept = code.downgrade();
        Ok(code)
    }

    /// What is loaded or in the cache. Its memory is taken before it is read.
    fn cached(&self, owned: &Owned) -> Result<Option<Code>, NoCode> {
        let component = &owned.component;
        if let Some(code) = self.loaded(owned) {
            return Ok(Some(code));
        }
        let Some(bytes) = self.cache.len(component) else { return Ok(None) };
        let mut memory = Holding::of_code(owned.memory.clone());
        if let Err(full) = memory.grow(bytes) {
            let loaded = self.loaded(owned);
            return loaded.map(Some).ok_or(NoCode::Crowded { bytes: ByteSize(bytes), full });
        }
        let Some(code) = self.cache.get(component) else { return Ok(None) };
        match self.lend(owned, &code, memory) {
            // It is what this host wrote, so only a defect of the engine's fingerprint can make it unusable.
            Err(NoCode::Refused(error)) => {
                tracing::warn!(%component, %error, "cached code can't be loaded");
                Ok(None)
            }
            loaded => loaded.map(Some),
        }
    }

    fn compiled(
        &self,
        component: &Digest,
        bytes: &[u8],
        wanted: impl Fn() -> bool,
    ) -> Result<TrustedCode, NotCompiled> {
        let code = self.compiler.compile(&self.fingerprint(), bytes, wanted)?;
        self.compiled.fetch_add(1, Ordering::Relaxed);
        let (code, kept) = self.cache.put(component, code);
        if let Err(error) = kept {
            tracing::warn!(%component, %error, "compiled code can't be kept and will be compiled again");
        }
        Ok(code)
    }

    fn deploy(&self, source: &Source, job: Job, runtime: &Handle) -> Outcome {
        let made = catch_unwind(AssertUnwindSafe(|| self.build(source, &job, runtime)));
        let result = made
            .unwrap_or_else(|_| Err(Failure::Refused("deploying it failed, which is a defect of wasgi".to_owned())));
        Outcome { job, result }
    }

    fn build(&self, source: &Source, job: &Job, runtime: &Handle) -> Result<Built, Failure> {
        job.begun.store(true, Ordering::Relaxed);
        let read = source.read(&job.key, Part::Component, &job.component, LARGEST);
        let failed = |error| match format!("{error:#}") {
            reason if is_passing(&error) => Failure::Unlucky(reason),
            reason => Failure::Refused(reason),
        };
        let bytes = read.map_err(failed)?.ok_or(Failure::Changed)?;
        let component = Digest::of(&bytes);
        let built = Built { version: Digest::of_version(&component, &job.manifest), component };
        if job.current == Some(built.version) {
            return Ok(built);
        }
        let owned = Owned { tenant: job.key.tenant.clone(), component, memory: job.account.memory().clone() };
        let loaded = match self.cached(&owned) {
            Ok(Some(code)) => Ok(code),
            Ok(None) => {
                let code = self.compiled(&component, &bytes, || job.is_wanted())?;
                self.lend(&owned, &code, Holding::of_code(owned.memory.clone()))
            }
            Err(error) => Err(error),
        };
        let code = loaded.map_err(|error| match error {
            NoCode::Crowded { bytes, .. } if owned.memory.ever_has(bytes.0) => Failure::Unlucky(error.to_string()),
            error => Failure::Refused(error.to_string()),
        })?;
        self.probe(&code, job, runtime)?;
        let copied = self.versions.put(&component, &bytes);
        copied.map_err(|error| Failure::Unlucky(format!("no copy of it can be kept: {error}")))?;
        Ok(built)
    }

    /// On the threads that serve, as a request would run; this one has given up its priority.
    fn probe(&self, code: &Code, job: &Job, runtime: &Handle) -> Result<(), Failure> {
        let (tell, told) = channel();
        let (engine, code, memory) = (self.engine.clone(), code.clone(), job.settings.limits.memory);
        let env = job.settings.env.clone().into_iter().collect();
        let spender = Spender::new(job.account.clone());
        let surroundings = Surroundings { env, log: job.log.clone(), spender };
        runtime.spawn(async move {
            let probed = sandbox::probe(&engine, &code, memory, Arc::new(surroundings)).await;
            tell.send(probed)
        });
        let probed = told.recv().map_err(|_| Failure::Unlucky("the host is ending".to_owned()))?;
        probed.map_err(|why| why.map_or_else(|none| Failure::Unlucky(none.to_string()), refused))
    }
}

/// Whether an error may pass without the file changing: a disk that fails, or no file descriptor left.
pub(crate) fn is_passing(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<std::io::Error>())
}

fn refused(refusal: Refusal) -> Failure {
    Failure::Refused(refusal.to_string())
}

/// One less than the processors, so that one is left for serving.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}

impl From<NotCompiled> for Failure {
    fn from(error: NotCompiled) -> Failure {
        match error {
            NotCompiled::Refused(refusal) => refused(refusal),
            NotCompiled::Unlucky(reason) => Failure::Unlucky(reason),
            NotCompiled::Unwanted => Failure::Changed,
        }
    }
}

impl Job {
    fn is_wanted(&self) -> bool {
        !self.outdated.load(Ordering::Relaxed)
    }
}

impl Wanted for Work {
    fn is_wanted(&self) -> bool {
        match self {
            Work::Deploy(job) => job.is_wanted(),
            Work::Again { tell, .. } => !tell.is_closed(),
        }
    }
}

/// Where jobs go. The compiling threads end when it is dropped.
pub(super) struct Jobs(Queue<Work>);

impl Jobs {
    pub(super) fn send(&self, job: Job) {
        let tenant = job.key.tenant.clone();
        self.0.push(&tenant, Work::Deploy(Box::new(job)));
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Starts the compiling threads.
pub(super) fn start(
    shop: &Arc<Workshop>,
    source: &Source,
    runtime: &Handle,
    report: impl Fn(Outcome) + Clone + Send + 'static,
) -> Result<Jobs> {
    let jobs = Jobs(shop.queue.clone());
    for number in 0..workers() {
        let (shop, source, runtime, report) = (shop.clone(), source.clone(), runtime.clone(), report.clone());
        let thread = std::thread::Builder::new().name(format!("compile-{number}")).stack_size(STACK);
        let work = move || {
            // Without the privilege to, it competes as an equal. A child process takes it over.
            let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
            while let Some((_turn, work)) = shop.queue.take() {
                match work {
                    work if !work.is_wanted() => {}
                    Work::Deploy(job) => report(shop.deploy(&source, *job, &runtime)),
                    Work::Again { owned, tell } => {
                        let again = AssertUnwindSafe(|| shop.recompiled(&owned, || !tell.is_closed()));
                        let made = catch_unwind(again);
                        let failed = |_| Err(Refusal::new("loading it failed, which is a defect of wasgi").into());
                        let _ = tell.send(made.unwrap_or_else(failed));
                    }
                }
            }
        };
        thread.spawn(work).context("can't start a thread")?;
    }
    Ok(jobs)
}

/// The manifest of an application as it was settled; empty where there is none.
pub(super) fn manifest(source: &Source, key: &AppKey, expected: Option<&Identity>) -> Result<Option<String>> {
    /// A manifest is written by hand; the records hold every one of them.
    const LARGEST_MANIFEST: u64 = 64 << 10;
    let Some(expected) = expected else {
        return Ok(Some(String::new()));
    };
    let Some(bytes) = source.read(key, Part::Manifest, expected, LARGEST_MANIFEST)? else {
        return Ok(None);
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => bail!("{} is not UTF-8", Part::Manifest.file_name(&key.name)),
    }
}
