//! The host as one instance sees it: the interface `gateway`, and WASI that grants nothing.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{Result, bail};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::bindings::full::wasgi::gateway::gateway::{
    ExcInfo, Host, HostEnviron, HostStartResponse, InputError, StartError, WriteError,
};
use super::bindings::lean::wasgi::gateway::request::{self, Output, Piece};
use super::env::Env;
use super::errors::{PIECE, Text, bytes, log_exc_info, say};
use super::limits::Memory;
use super::pace::pace;
use super::stdio::Stdio;
use crate::exchange::{self, Exchange, Input};
use crate::log::AppLog;
use crate::tenants::{Account, Spender};
use crate::wsgi::environ::Environ;
use crate::wsgi::head::Head;

/// What `wasgi:gateway/gateway.environ` is on this side: its handle says which request it is of.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "the generated bindings name it publicly")]
pub struct EnvironHandle;

/// What `wasgi:gateway/gateway.start-response` is on this side.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "the generated bindings name it publicly")]
pub struct StartResponseHandle;

/// Most handles that an instance may hold at once, and most WASI resources (streams, pollables) that the host may for it.
pub(super) const MAX_HANDLES: usize = 10_000;
/// Most random bytes that one call gives.
const MAX_RANDOM: u64 = 1024 * 1024;

/// What surrounds every instance of one version of an application.
pub struct Surroundings {
    /// The guest's process environment; nothing else reaches it.
    pub env: Env,
    /// Where stdout, stderr and `wsgi.errors` go.
    pub log: AppLog,
    /// Whose CPU its calls use.
    pub spender: Arc<Spender>,
}

impl Surroundings {
    /// No environment, a log that keeps nothing, and a tenant without limits.
    pub fn none() -> Arc<Surroundings> {
        let spender = Spender::new(Account::unlimited());
        Arc::new(Surroundings { env: Env::default(), log: AppLog::none(), spender })
    }
}

/// One instance's side of the host.
pub(super) struct Guest {
    pub(super) memory: Memory,
    surroundings: Arc<Surroundings>,
    request: Option<Box<Request>>,
    /// Handles carry this number: those of an earlier request are of no use.
    serial: u32,
    stdio: Option<Stdio>,
    text: Text,
    wasi: Option<WasiCtx>,
    table: ResourceTable,
}

/// A request as its guest sees it.
#[derive(Debug)]
pub struct Request {
    /// What was asked, by whom and where.
    pub environ: Environ,
    /// Its body.
    pub input: Input,
    /// Where the response goes.
    pub exchange: Arc<Exchange>,
}

impl Guest {
    /// For an instance with at most `memory` bytes.
    pub(super) fn new(memory: u64, surroundings: Arc<Surroundings>) -> Guest {
        let memory = Memory::new(memory, surroundings.spender.account().memory().clone());
        Guest {
            memory,
            surroundings,
            request: None,
            serial: 0,
            stdio: None,
            text: Text::default(),
            wasi: None,
            table: ResourceTable::new(),
        }
    }

    /// Begins a request.
    pub(super) fn begin(&mut self, request: Box<Request>) {
        self.request = Some(request);
        self.serial += 1;
    }

    /// The handles for the request that has begun.
    pub(super) fn handles(&self) -> (Resource<EnvironHandle>, Resource<StartResponseHandle>) {
        (Resource::new_own(self.serial), Resource::new_own(self.serial))
    }

    pub(super) fn request(&self) -> Option<&Request> {
        self.request.as_deref()
    }

    /// Ends the request: its meter is told what it used, and what it held is dropped.
    pub(super) fn end(&mut self) {
        self.text.end(&self.surroundings.log);
        if let Some(request) = self.request.take() {
            request.exchange.meter.note(request.input.bytes_read(), self.memory.used() as u64);
        }
    }

    pub(super) fn log(&self) -> &AppLog {
        &self.surroundings.log
    }

    pub(super) fn account(&self) -> &Arc<Account> {
        self.spender().account()
    }

    pub(super) fn spender(&self) -> &Arc<Spender> {
        &self.surroundings.spender
    }

    /// The request, by a handle.
    fn by_handle(&mut self, rep: u32) -> Result<&mut Request> {
        if rep != self.serial {
            bail!("a handle of an earlier request was used");
        }
        self.serving()
    }

    fn serving(&mut self) -> Result<&mut Request> {
        match &mut self.request {
            Some(request) => Ok(request),
            None => bail!("a request was used that is over"),
        }
    }

    /// `environ.input`.
    async fn read(&mut self, max: u32) -> Result<Result<Vec<u8>, InputError>> {
        let request = self.serving()?;
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let read = request.exchange.meter.waiting(request.input.read(max)).await;
        Ok(read.map(Into::into).map_err(|error| match error {
            exchange::InputError::Truncated => InputError::Truncated,
            exchange::InputError::Malformed(reason) => InputError::Malformed(reason.to_owned()),
            exchange::InputError::TooLarge => InputError::TooLarge,
            exchange::InputError::TimedOut(_) | exchange::InputError::TooSlow(_) => InputError::TimedOut,
        }))
    }

    /// `start-response.call`; with `replace` also in place of what was set before. What is refused is logged.
    pub(super) fn start(
        &mut self,
        status: &str,
        headers: &[(String, String)],
        replace: bool,
    ) -> Result<Result<(), exchange::StartError>> {
        let head = || Head::new(status, headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let started = self.serving()?.exchange.start(replace, head);
        if let Err(exchange::StartError::Invalid(invalid)) = &started {
            self.surroundings.log.line("host", &format!("start_response was refused: {invalid}"));
        }
        Ok(started)
    }

    /// A head of the lean form. What is wrong with it, the bytes that follow find: none is set then, or the response is cut.
    pub(super) fn set(&mut self, head: &request::Head) -> Result<()> {
        if let Err(exchange::StartError::HeadersSent) = self.start(&head.status, &head.headers, true)? {
            self.surroundings.log.line("host", "the response was cut: start_response was called after the first bytes");
        }
        Ok(())
    }

    /// `start-response.write`.
    async fn send(&mut self, bytes: Vec<u8>) -> Result<Result<(), WriteError>> {
        let request = self.serving()?;
        if request.input.error().is_some() {
            return Ok(Err(WriteError::Closed));
        }
        let exchange = request.exchange.clone();
        if exchange.meter.waiting(pace(&exchange, self.account(), bytes.len())).await.is_err() {
            return Ok(Err(WriteError::Closed));
        }
        let written = exchange.write(Bytes::from(bytes)).await;
        Ok(written.map_err(|error| match error {
            exchange::WriteError::NotStarted => WriteError::NotStarted,
            exchange::WriteError::Closed => WriteError::Closed,
            exchange::WriteError::Finished => WriteError::Finished,
        }))
    }
}

/// However a request ends, dropped in the middle too.
impl Drop for Guest {
    fn drop(&mut self) {
        self.end();
    }
}

impl Host for Guest {}

impl HostEnviron for Guest {
    fn get(&mut self, handle: Resource<EnvironHandle>, name: String) -> Result<Option<String>> {
        Ok(self.by_handle(handle.rep())?.environ.get(&name).map(Into::into))
    }

    fn entries(&mut self, handle: Resource<EnvironHandle>) -> Result<Vec<(String, String)>> {
        Ok(self.by_handle(handle.rep())?.environ.entries())
    }

    fn joined(&mut self, handle: Resource<EnvironHandle>) -> Result<String> {
        Ok(self.by_handle(handle.rep())?.environ.joined())
    }

    async fn input(&mut self, handle: Resource<EnvironHandle>, max: u32) -> Result<Result<Vec<u8>, InputError>> {
        self.by_handle(handle.rep())?;
        self.read(max).await
    }

    fn log(&mut self, handle: Resource<EnvironHandle>, text: String) -> Result<()> {
        self.by_handle(handle.rep())?;
        say(&self.surroundings.log, &text);
        Ok(())
    }

    fn drop(&mut self, _: Resource<EnvironHandle>) -> Result<()> {
        Ok(())
    }
}

impl HostStartResponse for Guest {
    fn call(
        &mut self,
        handle: Resource<StartResponseHandle>,
        status: String,
        headers: Vec<(String, String)>,
        exc_info: Option<ExcInfo>,
    ) -> Result<Result<(), StartError>> {
        self.by_handle(handle.rep())?;
        if let Some(exc_info) = &exc_info {
            log_exc_info(&self.surroundings.log, exc_info);
        }
        let started = self.start(&status, &headers, exc_info.is_some())?;
        Ok(started.map_err(|error| match error {
            exchange::StartError::HeadersSent => StartError::HeadersSent,
            exchange::StartError::AlreadyCalled => StartError::AlreadyCalled,
            exchange::StartError::Invalid(invalid) => StartError::Invalid(invalid.to_string()),
        }))
    }

    async fn write(&mut self, handle: Resource<StartResponseHandle>, bytes: Vec<u8>) -> Result<Result<(), WriteError>> {
        self.by_handle(handle.rep())?;
        self.send(bytes).await
    }

    fn drop(&mut self, _: Resource<StartResponseHandle>) -> Result<()> {
        Ok(())
    }
}

impl request::Host for Guest {
    async fn input(&mut self, max: u32) -> Result<Result<Vec<u8>, InputError>> {
        self.read(max).await
    }

    fn log(&mut self, piece: Piece) -> Result<()> {
        self.text.add(&piece, &self.surroundings.log);
        Ok(())
    }

    fn print(&mut self, to: Output, piece: Piece) -> Result<()> {
        let stdio = self.stdio.get_or_insert_with(|| Stdio::new(&self.surroundings.log));
        let stream = match to {
            Output::Stdout => &stdio.stdout,
            Output::Stderr => &stdio.stderr,
        };
        stream.take(bytes(&piece, &mut [0; PIECE]));
        Ok(())
    }

    fn variables(&mut self, offset: u32) -> Result<u64> {
        Ok(self.surroundings.env.word(offset))
    }

    async fn write(&mut self, head: Option<request::Head>, bytes: Vec<u8>) -> Result<Result<(), WriteError>> {
        if let Some(head) = head {
            self.set(&head)?;
        }
        self.send(bytes).await
    }
}

/// WASI is made when it is first asked for: most requests never do.
impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let surroundings = &self.surroundings;
        let table = &mut self.table;
        let stdio = self.stdio.get_or_insert_with(|| Stdio::new(&surroundings.log));
        let ctx = self.wasi.get_or_insert_with(|| {
            table.set_max_capacity(MAX_HANDLES);
            let mut wasi = WasiCtx::builder();
            wasi.envs(surroundings.env.variables())
                .stdout(stdio.stdout.clone())
                .stderr(stdio.stderr.clone())
                .max_random_size(MAX_RANDOM)
                .allow_tcp(false)
                .allow_udp(false);
            wasi.build()
        });
        WasiCtxView { ctx, table }
    }
}
