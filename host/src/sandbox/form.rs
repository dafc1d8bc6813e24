//! The two forms of the contract, and the calls into an application of either.

use bytes::Bytes;
use wasmtime::component::{ComponentExportIndex, Instance, InstancePre, ResourceAny, TypedFunc};
use wasmtime::error::Context;
use wasmtime::{Result, Store};

use super::bindings::full::exports::wasgi::gateway::application;
use super::bindings::full::wasgi::gateway::gateway::ExcInfo;
use super::bindings::full::{App, AppPre};
use super::bindings::lean::exports::wasgi::gateway::lean;
use super::bindings::lean::{AppLean, AppLeanIndices};
use super::contract::LEAN;
use super::guest::Guest;

/// An application that can be instantiated.
pub(super) enum Form {
    Full(AppPre<Guest>),
    Lean { linked: InstancePre<Guest>, handle: ComponentExportIndex, exports: AppLeanIndices },
}

/// An application in an instance, and the response that it goes on with.
pub(super) enum Application {
    Full { app: App, body: Option<ResourceAny> },
    Lean(Box<Lean>),
}

/// Most requests need `handle` alone: the other exports are looked up, and their types checked, where something is left to
/// do.
pub(super) struct Lean {
    instance: Instance,
    handle: TypedFunc<(String,), ((lean::Turn, bool),)>,
    app: Option<AppLean>,
}

/// What `handle` gave: whether anything is left to do, and the first step, if it was taken.
pub(super) struct Begun {
    pub(super) goes_on: bool,
    pub(super) step: Option<Step>,
}

/// What a step found. An error is the application's.
pub(super) type Step = std::result::Result<Chunk, ExcInfo>;

/// A chunk as a step gives it.
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    pub(super) last: bool,
}

/// How the response went.
pub(super) struct Report {
    pub(super) bytes: u64,
    pub(super) complete: bool,
    pub(super) elapsed_us: u64,
}

impl Form {
    pub(super) fn of(linked: InstancePre<Guest>) -> Result<Form> {
        let Some(interface) = linked.component().get_export_index(None, LEAN) else {
            return AppPre::new(linked).map(Form::Full);
        };
        let handle = linked.component().get_export_index(Some(&interface), "handle").context("there is no handle")?;
        Ok(Form::Lean { handle, exports: AppLeanIndices::new(&linked)?, linked })
    }

    pub(super) async fn instantiate(&self, store: &mut Store<Guest>) -> Result<Application> {
        match self {
            Form::Full(app) => app.instantiate_async(store).await.map(|app| Application::Full { app, body: None }),
            Form::Lean { linked, handle, .. } => {
                let instance = linked.instantiate_async(&mut *store).await?;
                let handle = instance.get_typed_func(store, handle)?;
                Ok(Application::Lean(Box::new(Lean { instance, handle, app: None })))
            }
        }
    }

    /// Checks that every export of an instance is what it should be.
    pub(super) fn check(&self, application: &mut Application, store: &mut Store<Guest>) -> Result<()> {
        match (self, application) {
            (Form::Lean { exports, .. }, Application::Lean(lean)) => lean.load(exports, store),
            _ => Ok(()),
        }
    }
}

impl Lean {
    fn load(&mut self, exports: &AppLeanIndices, store: &mut Store<Guest>) -> Result<()> {
        if self.app.is_none() {
            self.app = Some(exports.load(store, &self.instance)?);
        }
        Ok(())
    }

    fn app(&self) -> Result<&lean::Guest> {
        self.app.as_ref().map(AppLean::wasgi_gateway_lean).context("nothing is left of the response")
    }
}

impl Application {
    pub(super) async fn handle(&mut self, form: &Form, store: &mut Store<Guest>) -> Result<Begun> {
        match self {
            Application::Full { app, body } => {
                let (environ, start_response) = store.data().handles();
                *body = Some(app.wasgi_gateway_application().call_handle(store, environ, start_response).await?);
                Ok(Begun { goes_on: true, step: None })
            }
            Application::Lean(lean) => {
                let environ = store.data().request().map(|request| request.environ.joined()).unwrap_or_default();
                let ((turn, goes_on),) = lean.handle.call_async(&mut *store, (environ,)).await?;
                if goes_on && let Form::Lean { exports, .. } = form {
                    lean.load(exports, store)?;
                }
                Ok(Begun { goes_on, step: Some(take(turn, store.data_mut())?) })
            }
        }
    }

    pub(super) async fn next(&self, store: &mut Store<Guest>) -> Result<Step> {
        match self {
            Application::Full { app, body } => {
                let step = app.wasgi_gateway_application().body().call_next(store, begun(*body)?).await?;
                Ok(step.map(|step| match step {
                    application::Step::More(bytes) => Chunk { bytes: bytes.into(), last: false },
                    application::Step::Last(bytes) => Chunk { bytes: bytes.into(), last: true },
                    application::Step::Done => Chunk { bytes: Bytes::new(), last: true },
                }))
            }
            Application::Lean(lean) => {
                let turn = lean.app()?.call_next(&mut *store).await?;
                take(turn, store.data_mut())
            }
        }
    }

    pub(super) async fn close(&self, store: &mut Store<Guest>) -> Result<bool> {
        match self {
            Application::Full { app, body } => {
                app.wasgi_gateway_application().body().call_close(store, begun(*body)?).await
            }
            Application::Lean(lean) => lean.app()?.call_close(store).await,
        }
    }

    pub(super) async fn sent(&self, store: &mut Store<Guest>, report: Report) -> Result<()> {
        let Report { bytes, complete, elapsed_us } = report;
        match self {
            Application::Full { app, body } => {
                let report = application::Report { bytes, complete, elapsed_us };
                app.wasgi_gateway_application().body().call_sent(store, begun(*body)?, report).await
            }
            Application::Lean(lean) => {
                let report = lean::Report { bytes, complete, elapsed_us };
                lean.app()?.call_sent(store, report).await
            }
        }
    }

    /// Drops what is held of the response, so that another may begin.
    pub(super) async fn end(&mut self, store: &mut Store<Guest>) -> Result<()> {
        match self {
            Application::Full { body, .. } => match body.take() {
                Some(body) => body.resource_drop_async(store).await,
                None => Ok(()),
            },
            Application::Lean(_) => Ok(()),
        }
    }
}

fn begun(body: Option<ResourceAny>) -> Result<ResourceAny> {
    body.context("no response has begun")
}

/// Does what a turn of the lean form says was done before its step.
fn take(turn: lean::Turn, guest: &mut Guest) -> Result<Step> {
    if let Some(head) = turn.head {
        guest.set(&head)?;
    }
    Ok(turn.step.map(|step| match step {
        lean::Step::More(bytes) => Chunk { bytes: bytes.into(), last: false },
        lean::Step::Last(bytes) => Chunk { bytes: bytes.into(), last: true },
        lean::Step::Done => Chunk { bytes: Bytes::new(), last: true },
    }))
}
