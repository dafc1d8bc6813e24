//! One instance: a store, what lives in it, and the calls into it.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, UpdateDeadline};

use super::contract::Refusal;
use super::engine::{Code, Engine, InUse};
use super::form::{Application, Begun, Report, Step};
use super::guest::{Guest, MAX_HANDLES, Request, Surroundings};
use super::limits::Refused;
use super::ticker::{Hurry, Ticking};
use crate::exchange::{Ended, Exchange, Found};
use crate::tenants::OutOfMemory;

/// An instance of an application. It is owned by one request at a time, from its creation on.
pub struct Instance {
    store: Store<Guest>,
    app: Application,
    served: u32,
    _slot: OwnedSemaphorePermit,
    code: InUse,
}

/// Why a call into an instance did not return. The instance must be dropped.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It was ended by one of its clocks.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// It asked for more memory than it may have, and did not get over it.
    #[error("out of memory: {0}")]
    Memory(String),
    /// There was no memory left for it among all that its tenant, or the host, has.
    #[error("out of memory ({0}): {1}")]
    Crowded(OutOfMemory, String),
    /// It called itself too deeply.
    #[error("stack overflow: {0}")]
    Stack(String),
    /// It trapped.
    #[error("trapped: {0}")]
    Trap(String),
}

/// No slot for an instance is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host has no room for another instance")]
pub struct NoSlot;

/// Why there can't be an instance at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoInstance {
    /// For want of a slot.
    #[error(transparent)]
    Slot(#[from] NoSlot),
    /// For want of memory.
    #[error("there is no room for an instance: {0}")]
    Memory(OutOfMemory),
}

impl Instance {
    /// A fresh instance with at most `memory` bytes, under the clocks of `exchange`.
    ///
    /// # Errors
    /// None where the host has no slot, within a [`Failure`] where it can't be instantiated.
    pub async fn new(
        engine: &Engine,
        code: InUse,
        memory: u64,
        surroundings: Arc<Surroundings>,
        exchange: &Exchange,
    ) -> Result<Instance, Result<Failure, NoSlot>> {
        let slot = engine.slots().clone().try_acquire_owned().map_err(|_| Err(NoSlot))?;
        let mut store = Store::new(engine.wasmtime(), Guest::new(memory, surroundings));
        store.limiter(|guest| &mut guest.memory);
        store.set_max_component_handles(MAX_HANDLES);
        let hurry = engine.ticker().hurry().clone();
        let mut ticked = false;
        store.epoch_deadline_callback(move |store| match store.data().request() {
            Some(request) => tick(&request.exchange, &hurry),
            None => {
                // While it is instantiated.
                if std::mem::replace(&mut ticked, true) {
                    hurry.hurry();
                }
                Ok(UpdateDeadline::Yield(1))
            }
        });
        store.set_epoch_deadline(1);
        exchange.meter.begin_call();
        let instantiated = exchange.meter.limit(Some(&exchange.client), code.form().instantiate(&mut store)).await;
        match instantiated {
            Ok(Ok(app)) => Ok(Instance { store, app, served: 0, _slot: slot, code }),
            Ok(Err(error)) if error.is::<PoolConcurrencyLimitError>() => Err(Err(NoSlot)),
            Ok(Err(error)) => Err(Ok(failure(&store, exchange, &error))),
            Err(ended) => Err(Ok(ended.into())),
        }
    }

    /// Requests that it served.
    pub fn served(&self) -> u32 {
        self.served
    }

    /// Bytes of memory that it has.
    pub fn memory(&self) -> u64 {
        self.store.data().memory.used() as u64
    }

    /// Whether it asked for more memory than it may have.
    pub fn is_full(&self) -> bool {
        self.store.data().memory.is_full()
    }

    /// Whether its exports are what requests take them for.
    fn check(&mut self) -> wasmtime::Result<()> {
        self.code.form().check(&mut self.app, &mut self.store)
    }

    pub(super) fn guest(&mut self) -> &mut Guest {
        self.store.data_mut()
    }

    /// `handle`.
    pub(super) async fn handle(&mut self, exchange: &Exchange, request: Box<Request>) -> Result<Begun, Failure> {
        self.served += 1;
        self.store.data_mut().begin(request);
        exchange.meter.begin_call();
        let call = self.app.handle(self.code.form(), &mut self.store);
        let called = exchange.meter.limit(Some(&exchange.client), call).await;
        self.finish(exchange, called)
    }

    /// `body.next`. The call's clocks go on from where they are.
    pub(super) async fn next(&mut self, exchange: &Exchange) -> Result<Step, Failure> {
        let call = self.app.next(&mut self.store);
        let called = exchange.meter.limit(Some(&exchange.client), call).await;
        self.finish(exchange, called)
    }

    /// `body.close`; says whether hooks wait. A client that left doesn't end it, nor what follows.
    pub(super) async fn close(&mut self, exchange: &Exchange) -> Result<bool, Failure> {
        exchange.meter.begin_call();
        let called = exchange.meter.limit(None, self.app.close(&mut self.store)).await;
        self.finish(exchange, called)
    }

    /// `body.sent`.
    pub(super) async fn sent(&mut self, exchange: &Exchange, report: Report) -> Result<(), Failure> {
        exchange.meter.begin_call();
        let called = exchange.meter.limit(None, self.app.sent(&mut self.store, report)).await;
        self.finish(exchange, called)
    }

    /// Drops what it holds of the response, for an instance that goes on.
    pub(super) async fn end(&mut self, exchange: &Exchange) -> Result<(), Failure> {
        exchange.meter.begin_call();
        let ended = exchange.meter.limit(None, self.app.end(&mut self.store)).await;
        self.finish(exchange, ended)
    }

    fn finish<T>(&mut self, exchange: &Exchange, called: Result<wasmtime::Result<T>, Ended>) -> Result<T, Failure> {
        let returned = called?.map_err(|error| failure(&self.store, exchange, &error))?;
        // It got over a refusal: what it fails of later is something else.
        self.store.data_mut().memory.forget_refusal();
        Ok(returned)
    }
}

/// The guest is interrupted: it goes on where it has hardly run in this poll, or where that is to be measured first, and
/// gives way to others where it computes.
fn tick(exchange: &Exchange, hurry: &Hurry) -> wasmtime::Result<UpdateDeadline> {
    let found = exchange.meter.tick()?;
    if found != Found::Beginning {
        hurry.hurry();
    }
    match found {
        Found::Beginning | Found::Unmeasured => Ok(UpdateDeadline::Continue(1)),
        Found::Computing => Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))),
    }
}

fn failure(store: &Store<Guest>, exchange: &Exchange, error: &wasmtime::Error) -> Failure {
    if let Some(ended) = exchange.meter.ended() {
        return ended.into();
    }
    let said = format!("{error:#}");
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Failure::Stack(said),
        _ => match store.data().memory.refused() {
            Some(Refused::Own) => Failure::Memory(said),
            Some(Refused::Shared(why)) => Failure::Crowded(why, said),
            None => Failure::Trap(said),
        },
    }
}

/// Keeps the engine's clock ticking while a request is served.
pub(crate) fn ticking(engine: &Engine) -> Ticking<'_> {
    engine.ticker().tick()
}

/// Instantiates `code` once, to see that it can be.
///
/// # Errors
/// A [`Refusal`] where it can't; [`NoInstance`] where that can't be told now.
pub async fn probe(
    engine: &Engine,
    code: &Code,
    memory: u64,
    surroundings: Arc<Surroundings>,
) -> Result<(), Result<Refusal, NoInstance>> {
    let clocks = crate::exchange::Clocks { cpu: PROBE, wall: PROBE * 4, life: None, stall: PROBE };
    let exchange = Exchange::new(http::Method::GET, false, Arc::default(), clocks);
    let _ticking = ticking(engine);
    loop {
        let made = Instance::new(engine, code.in_use(), memory, surroundings.clone(), &exchange);
        match exchange.metered(made).await {
            Ok(mut instance) => {
                return instance.check().map_err(|error| Ok(Refusal::probe(&format_args!("{error:#}"))));
            }
            Err(Ok(Failure::Crowded(full, _))) => return Err(Err(NoInstance::Memory(full))),
            Err(Ok(failure)) => return Err(Ok(Refusal::probe(&failure))),
            Err(Err(_)) if surroundings.spender.account().memory().free_slot() => {}
            Err(Err(no_slot)) => return Err(Err(no_slot.into())),
        }
    }
}

/// CPU that instantiating may take at a probe.
const PROBE: std::time::Duration = std::time::Duration::from_secs(5);
