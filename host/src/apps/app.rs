//! One version of one application, as requests find it: its limits, its code, its instances.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

use super::{AppKey, Share};
use crate::exchange::{Client, Clocks, Exchange};
use crate::log::AppLog;
use crate::manifest::Settings;
use crate::sandbox::{Code, Engine, Idle, Instance, Outcome, Refusal, Surroundings};

/// How long a request waits in the queue before it is told that there is no room.
const QUEUE_WAIT: Duration = Duration::from_secs(10);

/// Gives an application's code: at its first request, and at the first after it was unloaded.
pub type Loader = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Code, Refusal>> + Send>> + Send + Sync>;

/// Counts that outlive an application's versions.
#[derive(Debug, Default)]
pub struct Stats {
    /// Requests that were answered.
    pub requests: AtomicU64,
    /// Of those, the ones that did not end as the application wanted.
    pub errors: AtomicU64,
}

/// What an [`App`] is made of.
pub struct AppSpec {
    /// Whose it is, and its name.
    pub key: AppKey,
    /// The version's digest, shortened.
    pub version: Arc<str>,
    /// What its manifest says.
    pub settings: Settings,
    /// Its counts.
    pub stats: Arc<Stats>,
    /// The application's part of the host's instances.
    pub share: Share,
    /// Its log.
    pub log: AppLog,
    /// Where its code comes from.
    pub loader: Loader,
}

/// A version that serves. Requests in flight hold it, so that they finish on it.
pub struct App {
    key: AppKey,
    name: Arc<str>,
    version: Arc<str>,
    settings: Settings,
    stats: Arc<Stats>,
    share: Share,
    surroundings: Arc<Surroundings>,
    loader: Loader,
    code: ArcSwapOption<Code>,
    loading: Mutex<()>,
    in_flight: Semaphore,
    queued: AtomicU32,
    idle: OnceLock<Idle>,
    born: Instant,
    /// Milliseconds from `born` to the last request.
    used: AtomicU64,
}

/// What a host and a path lead to.
#[derive(Clone)]
pub enum Entry {
    /// A version that serves.
    Serving(Arc<App>),
    /// An application whose first version is still being made ready.
    Pending,
}

/// A request's right to run: one of its version's, and one of its application's.
pub struct Turn<'a> {
    _in_flight: SemaphorePermit<'a>,
    _share: SemaphorePermit<'a>,
}

/// Why a request can't be served.
#[derive(Debug, thiserror::Error)]
pub enum Unserved {
    /// As many requests as may are in flight, and as many as may are waiting.
    #[error("{in_flight} requests are in flight and {queue} are waiting: there is no room for more")]
    Full {
        /// The limit of requests in flight.
        in_flight: u32,
        /// The limit of requests that wait.
        queue: u32,
    },
    /// The request waited for its turn, and it did not come.
    #[error("the request waited for {} s for its turn", QUEUE_WAIT.as_secs())]
    Waited,
    /// The client left before the request's turn came.
    #[error("the client left while the request was waiting")]
    Left,
    /// The host has no slot for another instance.
    #[error("the host has no room for another instance")]
    NoSlot,
    /// The code can't be had.
    #[error("the application's code can't be had: {0}")]
    NoCode(Refusal),
    /// The instance failed before it could serve.
    #[error("the application can't be instantiated: {0}")]
    Broken(crate::sandbox::Failure),
}

impl From<&Unserved> for Outcome {
    fn from(unserved: &Unserved) -> Outcome {
        match unserved {
            Unserved::Full { .. } | Unserved::Waited | Unserved::NoSlot => Outcome::Unavailable,
            Unserved::Left => Outcome::ClientGone,
            Unserved::NoCode(_) => Outcome::Host,
            Unserved::Broken(failure) => Outcome::from(failure),
        }
    }
}

impl App {
    /// A version that serves from now on.
    pub fn new(spec: AppSpec) -> Arc<App> {
        let AppSpec { key, version, settings, stats, share, log, loader } = spec;
        let env = settings.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Arc::new(App {
            name: key.name.as_str().into(),
            key,
            version,
            stats,
            share,
            surroundings: Arc::new(Surroundings { env, log }),
            loader,
            code: ArcSwapOption::empty(),
            loading: Mutex::new(()),
            in_flight: Semaphore::new(settings.limits.in_flight as usize),
            queued: AtomicU32::new(0),
            idle: OnceLock::new(),
            born: Instant::now(),
            used: AtomicU64::new(0),
            settings,
        })
    }

    /// Whose it is, and its name.
    pub fn key(&self) -> &AppKey {
        &self.key
    }

    /// Its name, as applications see it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its version's digest, shortened.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// What its manifest says.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its log.
    pub fn log(&self) -> &AppLog {
        &self.surroundings.log
    }

    /// The clocks that its requests run under.
    pub fn clocks(&self) -> Clocks {
        let limits = &self.settings.limits;
        Clocks { cpu: limits.cpu, wall: limits.wall, life: limits.life, stall: limits.stall }
    }

    /// Counts a request that is over.
    pub fn count(&self, ok: bool) {
        self.stats.requests.fetch_add(1, Relaxed);
        if !ok {
            self.stats.errors.fetch_add(1, Relaxed);
        }
    }

    /// Waits for a request's turn, as long as its client does.
    ///
    /// # Errors
    /// Where there is no room to wait, or the wait is too long.
    pub async fn enter(&self, client: &Client) -> Result<Turn<'_>, Unserved> {
        if let Some(turn) = self.turn_now() {
            return Ok(turn);
        }
        let limits = &self.settings.limits;
        let _waiting = Waiting::new(&self.queued, limits.queue)
            .ok_or(Unserved::Full { in_flight: limits.in_flight, queue: limits.queue })?;
        tokio::select! {
            biased;
            () = poll_fn(|cx| client.poll_left(cx)) => Err(Unserved::Left),
            turn = tokio::time::timeout(QUEUE_WAIT, self.turn()) => turn.ok().flatten().ok_or(Unserved::Waited),
        }
    }

    fn turn_now(&self) -> Option<Turn<'_>> {
        Some(Turn { _in_flight: self.in_flight.try_acquire().ok()?, _share: self.share.try_take()? })
    }

    async fn turn(&self) -> Option<Turn<'_>> {
        Some(Turn { _in_flight: self.in_flight.acquire().await.ok()?, _share: self.share.take().await? })
    }

    /// An instance for a request: a waiting one where instances are reused, else a fresh one.
    ///
    /// # Errors
    /// Where none can be had.
    pub async fn instance(&self, engine: &Engine, exchange: &Exchange) -> Result<Instance, Unserved> {
        self.touch();
        if let Some(instance) = self.idle.get().and_then(Idle::take) {
            return Ok(instance);
        }
        let code = match &*self.code.load() {
            Some(code) => Code::clone(code),
            None => self.load().await?,
        };
        loop {
            let made = Instance::new(engine, &code, self.settings.limits.memory, self.surroundings.clone(), exchange);
            match made.await {
                Ok(instance) => return Ok(instance),
                Err(Ok(failure)) => return Err(Unserved::Broken(failure)),
                Err(Err(_)) if engine.evict() => {}
                Err(Err(_)) => return Err(Unserved::NoSlot),
            }
        }
    }

    /// Whether an instance may be kept after a request, as far as the manifest goes.
    pub fn reuses(&self) -> bool {
        self.settings.reuse
    }

    /// Keeps an instance for a later request, or retires it.
    pub fn keep(&self, engine: &Engine, instance: Instance) {
        // A long stream's instance has served until now.
        self.touch();
        let settings = &self.settings;
        if settings.reuse && instance.served() < settings.max_requests && instance.memory() <= settings.max_memory {
            self.idle.get_or_init(|| engine.idle()).keep(instance);
        }
    }

    /// Drops code and waiting instances if nothing asked for them for `idle`; says whether it did.
    pub fn unload_if_idle(&self, idle: Duration) -> bool {
        let since = self.born + Duration::from_millis(self.used.load(Relaxed));
        if since.elapsed() < idle {
            return false;
        }
        let unloaded = self.code.swap(None).is_some();
        // An instance may have come back after the code was dropped.
        let dropped = self.idle.get().map_or(0, Idle::clear);
        unloaded || dropped > 0
    }

    fn touch(&self) {
        self.used.store(u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Loads the code, once for all that wait for it.
    async fn load(&self) -> Result<Code, Unserved> {
        let _turn = self.loading.lock().await;
        if let Some(code) = &*self.code.load() {
            return Ok(Code::clone(code));
        }
        let code = (self.loader)().await.map_err(Unserved::NoCode)?;
        self.code.store(Some(Arc::new(code.clone())));
        Ok(code)
    }
}

/// One place in the queue.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(queued: &'a AtomicU32, most: u32) -> Option<Waiting<'a>> {
        let entered = queued.fetch_update(Relaxed, Relaxed, |waiting| (waiting < most).then_some(waiting + 1));
        entered.ok().map(|_| Waiting(queued))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
