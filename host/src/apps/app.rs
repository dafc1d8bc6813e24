//! One version of one application, as requests find it: its limits, its code, its instances.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use super::{AppKey, Share, Unserved, Whose};
use crate::exchange::{Clocks, Exchange, Reading};
use crate::log::AppLog;
use crate::manifest::{Limits, Settings};
use crate::sandbox::{Code, Engine, Idle, Instance, NoCode, Surroundings};
use crate::scheduler::SHORT;
use crate::tenants::{Account, Bounds, Gate, Need, Pass, Spare, Spender};
use crate::units::nanos;

/// How long a request waits in the queue before it is told that there is no room.
pub(super) const QUEUE_WAIT: Duration = Duration::from_secs(10);

/// How many requests the average of their CPU is of.
const REMEMBERS: u64 = 32;

/// Long calls at one time, of an application or of a tenant's whose requests nothing is known of, after which the next one
/// is expected to be long as well.
const FEW: u32 = 4;

/// How long code stays at least that was loaded, even where its memory is needed: loading it takes about a millisecond for
/// each megabyte, and nobody's applications shall have theirs loaded anew for every request.
const STAYS: Duration = Duration::from_secs(5);

/// Gives an application's code: at its first request, and at the first after it was unloaded.
pub type Loader = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Code, NoCode>> + Send>> + Send + Sync>;

/// Counts that outlive an application's versions.
#[derive(Debug, Default)]
pub struct Stats {
    /// Requests that were answered.
    pub requests: AtomicU64,
    /// Of those, the ones that did not end as the application wanted.
    pub errors: AtomicU64,
    /// CPU that they used, in nanoseconds.
    pub cpu: AtomicU64,
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
    /// Its tenant's account.
    pub account: Arc<Account>,
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
    gate: Gate,
    idle: Idle,
    born: Instant,
    /// Milliseconds from `born` to the last request that had an instance, and to its end.
    used: AtomicU64,
    /// CPU of a request, in nanoseconds: a moving average. Of what nobody has asked for yet nothing is known: it is on the
    /// verge of being long.
    average: AtomicU64,
}

/// What a host and a path lead to.
#[derive(Clone)]
pub enum Entry {
    /// A version that serves.
    Serving(Arc<App>),
    /// An application whose first version is still being made ready.
    Pending,
}

/// A request's right to run, until it is dropped.
#[must_use]
pub struct Turn<'a> {
    _app: Pass<'a>,
    _share: Pass<'a>,
    _tenant: Pass<'a>,
}

impl App {
    /// A version that serves from now on.
    pub fn new(spec: AppSpec) -> Arc<App> {
        let AppSpec { key, version, settings, stats, share, log, account, loader } = spec;
        let Limits { in_flight, queue, .. } = settings.limits;
        let env = settings.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let app = Arc::new(App {
            name: key.name.as_str().into(),
            key,
            version,
            stats,
            surroundings: Arc::new(Surroundings { env, log, spender: Spender::new(account) }),
            loader,
            code: ArcSwapOption::empty(),
            loading: Mutex::new(()),
            // What is beyond the share waits in the queue.
            gate: Gate::new(Bounds { most: in_flight.min(share.most()), queue }),
            share,
            idle: Idle::default(),
            born: Instant::now(),
            used: AtomicU64::new(0),
            average: AtomicU64::new(nanos(SHORT)),
            settings,
        });
        let spare: Arc<dyn Spare> = app.clone();
        app.account().memory().add_spare(&spare);
        app
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

    /// What its tenant uses, and what it may.
    pub fn account(&self) -> &Arc<Account> {
        self.spender().account()
    }

    /// Whose CPU its requests use.
    pub fn spender(&self) -> &Arc<Spender> {
        &self.surroundings.spender
    }

    /// The clocks that its requests run under.
    pub fn clocks(&self) -> Clocks {
        let limits = &self.settings.limits;
        Clocks { cpu: limits.cpu, wall: limits.wall, life: limits.life, stall: limits.stall }
    }

    /// Counts a request that is over, and what it has used by then; the CPU of `short` was not metered before.
    pub fn count(&self, ok: bool, used: &Reading, short: Duration) {
        let nanos = nanos(used.cpu);
        self.stats.requests.fetch_add(1, Relaxed);
        self.stats.cpu.fetch_add(nanos, Relaxed);
        if !ok {
            self.stats.errors.fetch_add(1, Relaxed);
        }
        // What the host refused says nothing of the application's requests.
        if nanos > 0 {
            self.touch(used.at);
            // Two requests at one time may lose one of their parts of it.
            let average = self.average.load(Relaxed);
            self.average.store(average - average / REMEMBERS + nanos / REMEMBERS, Relaxed);
        }
        self.account().charge_cpu(short);
    }

    /// Whether a request is a long call from its beginning on: those before it were, others that came with it turn out to
    /// be, or its tenant is beyond its CPU. Of many that follow one another only the first compute where short ones do.
    pub fn is_long(&self) -> bool {
        let average = Duration::from_nanos(self.average.load(Relaxed));
        let spender = self.spender();
        average > SHORT
            || spender.long() >= FEW
            // One whose requests are known to be short has nothing to do with what its tenant's others do.
            || average > SHORT / 2 && spender.long_of_tenant() >= FEW
            || self.account().is_beyond_cpu()
    }

    /// Waits for a request's turn, as long as its client does.
    ///
    /// # Errors
    /// Where there is no room to wait, or the wait is too long.
    pub async fn enter(&self, exchange: &Exchange) -> Result<Turn<'_>, Unserved> {
        let account = self.account();
        let entered = match account.admit(exchange.began) {
            Ok(()) => self.take_turn(exchange).await,
            Err(wait) => Err(Unserved::TooMany(wait)),
        };
        if matches!(entered, Err(Unserved::TooMany(_) | Unserved::Full(Whose::Tenant))) {
            account.refuse();
        }
        entered
    }

    /// The application's turn first: one whose requests wait takes none of the places of its tenant's others.
    async fn take_turn(&self, exchange: &Exchange) -> Result<Turn<'_>, Unserved> {
        let app = turn(&self.gate, Whose::App, exchange).await?;
        let share = turn(self.share.gate(), Whose::App, exchange).await?;
        let tenant = turn(self.account().gate(), Whose::Tenant, exchange).await?;
        Ok(Turn { _app: app, _share: share, _tenant: tenant })
    }

    /// An instance for a request: a waiting one where instances are reused, else a fresh one.
    ///
    /// # Errors
    /// Where none can be had.
    pub async fn instance(&self, engine: &Engine, exchange: &Exchange) -> Result<Instance, Unserved> {
        if let Some(instance) = self.idle.take() {
            self.touch(exchange.began);
            return Ok(instance);
        }
        loop {
            let loaded = self.code.load().as_ref().map(|code| code.in_use());
            let code = match loaded {
                Some(code) => code,
                None => self.load().await?.in_use(),
            };
            let made = Instance::new(engine, code, self.settings.limits.memory, self.surroundings.clone(), exchange);
            match made.await {
                Ok(instance) => {
                    self.touch(exchange.began);
                    return Ok(instance);
                }
                Err(Ok(failure)) => return Err(Unserved::Broken(failure)),
                Err(Err(_)) if self.account().memory().free_slot() => {}
                Err(Err(_)) => return Err(Unserved::NoSlot),
            }
        }
    }

    /// Whether an instance may be kept after a request, as far as the manifest goes.
    pub fn reuses(&self) -> bool {
        self.settings.reuse
    }

    /// Keeps an instance for a later request, or retires it.
    pub fn keep(&self, instance: Instance) {
        let settings = &self.settings;
        let has_room = instance.memory() <= settings.max_memory && !instance.is_full();
        if settings.reuse && has_room && instance.served() < settings.max_requests {
            self.idle.keep(instance);
        }
    }

    /// Drops code and waiting instances if nothing asked for them for `idle`; says whether it did.
    pub fn unload_if_idle(&self, idle: Duration) -> bool {
        if self.last_used().elapsed() < idle {
            return false;
        }
        let unloaded = self.code.swap(None).is_some();
        // An instance may have come back after the code was dropped.
        let dropped = self.idle.clear();
        unloaded || dropped > 0
    }

    fn touch(&self, at: Instant) {
        let age = at.saturating_duration_since(self.born);
        self.used.fetch_max(u64::try_from(age.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Has the code of `other`, a version of the same component, if that is loaded.
    pub fn share_code_of(&self, other: &App) {
        self.code.store(other.code.load_full());
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

fn may_go(code: &Code) -> bool {
    code.is_unused() && code.age() >= STAYS
}

/// Instances that wait go first, and then the code that none is of.
impl Spare for App {
    fn last_used(&self) -> Instant {
        self.born + Duration::from_millis(self.used.load(Relaxed))
    }

    fn could_give(&self) -> u64 {
        let code = self.code.load().as_ref().filter(|code| may_go(code)).map_or(0, |code| code.size());
        self.idle.memory() + code
    }

    fn give_up(&self, need: Need) -> bool {
        // Another of the tenant's applications may have the same code: then it is that one's to give up.
        let unload = || {
            let goes = self.code.load().as_ref().is_some_and(|code| may_go(code));
            goes && self.code.swap(None).is_some_and(|code| code.is_last())
        };
        self.idle.give_up() || need == Need::Memory && unload()
    }
}

/// A place behind `gate`, at once or after a wait.
async fn turn<'a>(gate: &'a Gate, whose: Whose, exchange: &Exchange) -> Result<Pass<'a>, Unserved> {
    match gate.try_enter() {
        Some(pass) => Ok(pass),
        // It is seldom that anybody waits, so that it need not be part of every request.
        None => Box::pin(wait(gate, whose, exchange)).await,
    }
}

async fn wait<'a>(gate: &'a Gate, whose: Whose, exchange: &Exchange) -> Result<Pass<'a>, Unserved> {
    let waiting = gate.wait().map_err(|_| Unserved::Full(whose))?;
    let patience = exchange.began + QUEUE_WAIT;
    tokio::select! {
        biased;
        () = poll_fn(|cx| exchange.client.poll_left(cx)) => Err(Unserved::Left),
        turn = tokio::time::timeout_at(patience.into(), waiting) => turn.map_err(|_| Unserved::Waited),
    }
}
