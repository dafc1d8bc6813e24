//! The one engine: how code is loaded and instances are made.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection};
use tokio::sync::Semaphore;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::bindings::full::App;
use super::bindings::lean::wasgi::gateway::request;
use super::codegen;
use super::contract::Refusal;
use super::form::Form;
use super::guest::Guest;
use super::ticker::Ticker;
use crate::tenants::{Holding, OutOfMemory, Pool};
use crate::units::ByteSize;

/// Instances that may live at once. Each reserves 4 GiB of address space, so that memory accesses
/// need no bounds checks: of 128 TiB, 1,000 take 4.
pub const DEFAULT_INSTANCES: u32 = 1_000;

/// Memory of an instance that is reset in place rather than unmapped. A Rust guest touches far
/// less; resetting beyond it costs a page fault for each page that the next request touches.
const KEEP_RESIDENT: usize = 2 << 20;
/// The same for tables.
const TABLE_KEEP_RESIDENT: usize = 64 << 10;
/// What loaded code takes of memory for each byte in which it is told what is in it: two at most of CPython's, and more where
/// there are many types.
const TOLD: u64 = 4;
/// What an instance has on the host's side in all, in bytes: its globals, and where its functions and imports are. CPython's
/// has 400 KiB.
const STATE: usize = 2 << 20;
/// Core instances of one component: CPython's brings 400.
const CORE_INSTANCES_PER_COMPONENT: u32 = 500;
/// Tables of one component.
const TABLES_PER_COMPONENT: u32 = 20;
/// Elements of one table: CPython's has close to 50,000.
const TABLE_ELEMENTS: usize = 60_000;

/// Loads code and makes instances. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    engine: wasmtime::Engine,
    linker: Linker<Guest>,
    ticker: Ticker,
    loaded: AtomicU64,
    instances: u32,
    /// One permit for each instance that may live.
    slots: Arc<Semaphore>,
}

/// Machine code that this host made and kept out of everybody's reach: whoever makes one vouches
/// for it, since loading it is running it.
pub struct TrustedCode(Vec<u8>);

impl TrustedCode {
    /// Vouches for `code`: it came out of a [`Codegen`](super::Codegen) of the same fingerprint, and
    /// nobody could have changed it since, as a keyed checksum shows.
    pub(crate) fn vouch(code: Vec<u8>) -> TrustedCode {
        TrustedCode(code)
    }
}

/// One component's loaded code, ready to be instantiated. Cheap to clone; its memory is free once the last clone and the
/// last instance are gone.
#[derive(Clone)]
pub struct Code(Arc<Loaded>);

struct Loaded {
    form: Form,
    since: Instant,
    /// Has a clone with each instance.
    users: Arc<()>,
    memory: Holding,
}

/// Code that an instance is made of.
#[derive(Clone)]
pub struct InUse {
    code: Code,
    _user: Arc<()>,
}

/// Code that stays loaded only as long as somebody has it.
pub struct WeakCode(Weak<Loaded>);

/// Why code can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum NoCode {
    /// It will never do.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no memory for it at present.
    #[error("there is no room for its {bytes} of machine code: {full}")]
    Crowded {
        /// How large it is.
        bytes: ByteSize,
        /// Whose limit it is.
        full: OutOfMemory,
    },
}

impl TrustedCode {
    /// Bytes of memory that it takes once it is loaded.
    fn footprint(&self) -> u64 {
        let size = |section: &str| {
            let file = ElfFile64::<Endianness>::parse(&*self.0).ok()?;
            Some(file.section_by_name(section)?.size())
        };
        // The first instance has the engine make a copy of what memories begin with.
        let (data, told) = (size(".rodata.wasm").unwrap_or_default(), size(".wasmtime.info").unwrap_or_default());
        self.0.len() as u64 + data + TOLD * told
    }
}

impl Engine {
    /// An engine for at most `instances` instances at once.
    ///
    /// # Errors
    /// Where the machine can't have so many.
    pub fn new(instances: u32) -> anyhow::Result<Engine> {
        let engine = wasmtime::Engine::new(&config(instances)).map_err(anyhow::Error::msg)?;
        let linker = linker(&engine).map_err(anyhow::Error::msg)?;
        let ticker = Ticker::start(engine.clone())?;
        Ok(Engine(Arc::new(Inner {
            engine,
            linker,
            ticker,
            loaded: AtomicU64::new(0),
            instances,
            slots: Arc::new(Semaphore::new(instances as usize)),
        })))
    }

    /// How many instances may live at once.
    pub fn instances(&self) -> u32 {
        self.0.instances
    }

    /// What compiled code depends on: wasmtime's version, its settings, and the machine.
    pub fn fingerprint(&self) -> String {
        codegen::fingerprint(&self.0.engine)
    }

    /// Loads compiled code whose memory is in nobody's account. Blocks for less than a millisecond, or for one for each
    /// megabyte.
    ///
    /// # Errors
    /// Where the code is of another engine, or its imports aren't what the host gives.
    pub fn load(&self, code: &TrustedCode) -> Result<Code, Refusal> {
        self.load_within(code, Holding::of_code(Pool::of_host(None))).map_err(|error| match error {
            NoCode::Refused(refusal) => refusal,
            crowded => Refusal::new(crowded.to_string()),
        })
    }

    /// Loads compiled code whose memory counts in `memory`, which may have taken some of it before.
    ///
    /// # Errors
    /// As [`Engine::load`], and where there is no memory for it.
    pub fn load_within(&self, code: &TrustedCode, mut memory: Holding) -> Result<Code, NoCode> {
        let bytes = code.footprint();
        memory.grow(bytes).map_err(|full| NoCode::Crowded { bytes: ByteSize(bytes), full })?;
        self.0.loaded.fetch_add(1, Ordering::Relaxed);
        // SAFETY: deserialize trusts its input. A TrustedCode is what the compiler has just handed
        // over, or a keyed checksum over this very buffer has shown that this host wrote it.
        #[allow(unsafe_code, reason = "the host's one unsafe place")]
        let component = unsafe { Component::deserialize(&self.0.engine, &code.0) };
        let form = self.link(&component.map_err(|error| Refusal::load(&error))?)?;
        Ok(Code(Arc::new(Loaded { form, since: Instant::now(), users: Arc::default(), memory })))
    }

    /// How often code was loaded, or was tried to be.
    pub fn loaded(&self) -> u64 {
        self.0.loaded.load(Ordering::Relaxed)
    }

    fn link(&self, component: &Component) -> Result<Form, Refusal> {
        let linked = self.0.linker.instantiate_pre(component).and_then(Form::of);
        linked.map_err(|error| Refusal::link(&error))
    }

    /// What the kernel hasn't got that would make instances cheaper, in one line.
    pub fn missing(&self) -> Option<&'static str> {
        let release = rustix::system::uname();
        let mut numbers = release.release().to_str().unwrap_or_default().split(['.', '-']).map(str::parse::<u32>);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        ((major, minor) < (6, 7))
            .then_some("this kernel has no PAGEMAP_SCAN (Linux 6.7): fresh instances cost twice as much")
    }

    pub(super) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.0.engine
    }

    pub(super) fn ticker(&self) -> &Ticker {
        &self.0.ticker
    }

    pub(super) fn slots(&self) -> &Arc<Semaphore> {
        &self.0.slots
    }
}

impl Code {
    /// The same, for an instance.
    pub fn in_use(&self) -> InUse {
        InUse { code: self.clone(), _user: self.0.users.clone() }
    }

    /// Whether no instance is of it.
    pub fn is_unused(&self) -> bool {
        Arc::strong_count(&self.0.users) == 1
    }

    /// Whether nobody else has it: it is unloaded with this one.
    pub fn is_last(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Bytes of memory that it takes.
    pub fn size(&self) -> u64 {
        self.0.memory.taken()
    }

    /// How long it has been loaded.
    pub fn age(&self) -> Duration {
        self.0.since.elapsed()
    }

    /// The same, without keeping it loaded.
    pub fn downgrade(&self) -> WeakCode {
        WeakCode(Arc::downgrade(&self.0))
    }
}

impl InUse {
    pub(super) fn form(&self) -> &Form {
        &self.code.0.form
    }
}

impl WeakCode {
    /// Whether it was unloaded.
    pub fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }

    /// The code, if it is still loaded.
    pub fn upgrade(&self) -> Option<Code> {
        self.0.upgrade().map(Code)
    }
}

/// How many instances a machine with so much memory is made ready for: what they leave behind for the next ones, which is
/// no instance's any more, takes a quarter of it at most. A stack stays as deep as it once was.
pub fn instances_for(memory: Option<u64>) -> u32 {
    let kept = (KEEP_RESIDENT + TABLE_KEEP_RESIDENT + codegen::FIBER_STACK) as u64;
    let most = memory.map_or(u64::MAX, |memory| memory / 4 / kept);
    u32::try_from(most).unwrap_or(u32::MAX).clamp(16, DEFAULT_INSTANCES)
}

fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    App::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    request::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    Ok(linker)
}

fn config(instances: u32) -> Config {
    let mut config = codegen::settings();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
    config
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_memories(instances)
        .total_tables(instances.saturating_mul(TABLES_PER_COMPONENT))
        .total_stacks(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_memories_per_component(1)
        .max_unused_warm_slots(instances)
        .max_memory_size(4 << 30)
        .table_elements(TABLE_ELEMENTS)
        .max_core_instance_size(STATE)
        .max_component_instance_size(STATE)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(TABLE_KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    pool
}
