//! One request through one instance: handle, next …, close, sent (PEP 3333, "Specification
//! Details"), and what is said of it in the end.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use super::errors::log_exc_info;
use super::form::{Begun, Report};
use super::guest::Request;
use super::instance::{Failure, Instance};
use super::pace::pace;
use crate::exchange::{Ended, Exchange, Fault, InputError};

/// How a request ended, for the log and for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As the application wanted.
    Ok,
    /// The application failed, and said how.
    Error,
    /// The instance trapped.
    Trap,
    /// A call was out of CPU.
    Cpu,
    /// A call was out of time.
    Wall,
    /// The request was out of time.
    Life,
    /// The instance was out of memory.
    Memory,
    /// The instance was out of stack.
    Stack,
    /// The application broke the contract.
    Protocol,
    /// The request's body is malformed or cut short.
    Request,
    /// The request's body is too large.
    Size,
    /// The request's body did not come.
    Timeout,
    /// The client left before it had everything.
    ClientGone,
    /// There was no room for the request.
    Unavailable,
    /// Nothing is deployed at the address.
    NotFound,
    /// The request was dropped with its connection: the host ended before it did.
    Cut,
    /// The host failed.
    Host,
}

impl Outcome {
    /// The status for a client that nothing was sent to yet.
    pub fn status(self) -> StatusCode {
        match self {
            Outcome::Ok => StatusCode::OK,
            Outcome::Wall | Outcome::Life => StatusCode::GATEWAY_TIMEOUT,
            Outcome::Cpu | Outcome::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Outcome::Request | Outcome::ClientGone => StatusCode::BAD_REQUEST,
            Outcome::Size => StatusCode::PAYLOAD_TOO_LARGE,
            Outcome::Timeout => StatusCode::REQUEST_TIMEOUT,
            Outcome::NotFound => StatusCode::NOT_FOUND,
            Outcome::Error | Outcome::Trap | Outcome::Memory | Outcome::Stack | Outcome::Protocol => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Outcome::Cut | Outcome::Host => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word for it in the access log.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Error => "error",
            Outcome::Trap => "trap",
            Outcome::Cpu => "cpu",
            Outcome::Wall => "wall",
            Outcome::Life => "life",
            Outcome::Memory => "memory",
            Outcome::Stack => "stack",
            Outcome::Protocol => "protocol",
            Outcome::Request => "request",
            Outcome::Size => "size",
            Outcome::Timeout => "timeout",
            Outcome::ClientGone => "client_gone",
            Outcome::Unavailable => "unavailable",
            Outcome::NotFound => "not_found",
            Outcome::Cut => "cut",
            Outcome::Host => "host",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&Failure> for Outcome {
    fn from(failure: &Failure) -> Outcome {
        match failure {
            Failure::Ended(Ended::Cpu) => Outcome::Cpu,
            Failure::Ended(Ended::Wall) => Outcome::Wall,
            Failure::Ended(Ended::Life) => Outcome::Life,
            Failure::Ended(Ended::Left) => Outcome::ClientGone,
            Failure::Memory(_) => Outcome::Memory,
            Failure::Crowded(..) => Outcome::Unavailable,
            Failure::Stack(_) => Outcome::Stack,
            Failure::Trap(_) => Outcome::Trap,
        }
    }
}

impl From<&InputError> for Outcome {
    fn from(error: &InputError) -> Outcome {
        match error {
            InputError::Truncated | InputError::Malformed(_) => Outcome::Request,
            InputError::TooLarge => Outcome::Size,
            InputError::TimedOut(_) | InputError::TooSlow(_) => Outcome::Timeout,
        }
    }
}

/// Serves one request, and says how it ended. `fail` answers a request that failed, where nothing was committed. Where
/// instances are kept, `keep` is given one that may serve another; else its body is dropped with it.
pub async fn run(
    mut instance: Instance,
    exchange: &Arc<Exchange>,
    request: Box<Request>,
    keep: Option<impl Fn(Instance) + Sync>,
    fail: impl Fn(Outcome) + Sync,
) -> Outcome {
    let (outcome, goes_on) = match respond(&mut instance, exchange, request).await {
        Ok(responded) => responded,
        Err(failure) => return give_up(instance, exchange, &failure, fail).await,
    };
    if outcome != Outcome::Ok {
        fail(outcome);
    }
    // Until its client has taken the rest, an instance stays: what it may have of memory bounds what waits there.
    let settled = exchange.settle().await;
    exchange.meter.end_life();
    if goes_on && let Err(failure) = end(&mut instance, exchange, keep.is_some()).await {
        return give_up(instance, exchange, &failure, fail).await;
    }
    instance.guest().end();
    if let Some(keep) = keep {
        keep(instance);
    }
    match (outcome, settled) {
        (Outcome::Ok, Err(fault)) => blame(exchange, fault),
        _ => outcome,
    }
}

/// The instance can't be used any more.
async fn give_up(
    mut instance: Instance,
    exchange: &Exchange,
    failure: &Failure,
    fail: impl Fn(Outcome) + Sync,
) -> Outcome {
    instance.guest().log().line("host", &format!("the request was ended: {failure}"));
    let outcome = failed(&mut instance, exchange, failure);
    fail(outcome);
    // What is on its way may still arrive.
    let _ = exchange.settle().await;
    outcome
}

/// `handle` and the chunks; says how that ended, and whether anything is left to do.
async fn respond(
    instance: &mut Instance,
    exchange: &Arc<Exchange>,
    request: Box<Request>,
) -> Result<(Outcome, bool), Failure> {
    let begun = instance.handle(exchange, request).await?;
    let goes_on = begun.goes_on;
    let outcome = stream(instance, exchange, begun).await?;
    if outcome == Outcome::Ok && exchange.has_overrun() {
        instance.guest().log().line("host", &Fault::TooLong.to_string());
        return Ok((Outcome::Protocol, goes_on));
    }
    Ok((outcome, goes_on))
}

/// `close`, and `sent` where hooks wait.
async fn end(instance: &mut Instance, exchange: &Exchange, keeps: bool) -> Result<(), Failure> {
    let elapsed_us = u64::try_from(exchange.meter.elapsed().as_micros()).unwrap_or(u64::MAX);
    let hooks = instance.close(exchange).await?;
    if hooks {
        let sent = exchange.sent();
        instance.sent(exchange, Report { bytes: sent.bytes, complete: sent.complete, elapsed_us }).await?;
    }
    if keeps {
        instance.end(exchange).await?;
    }
    Ok(())
}

/// Asks for chunks until there are no more, or none are wanted.
async fn stream(instance: &mut Instance, exchange: &Arc<Exchange>, begun: Begun) -> Result<Outcome, Failure> {
    let Begun { goes_on, step: mut first } = begun;
    if !goes_on && first.as_ref().is_none_or(|step| step.as_ref().is_ok_and(|chunk| !chunk.last)) {
        instance
            .guest()
            .log()
            .line("host", "the first step was not the last one, and there is no body to ask for more");
        return Ok(Outcome::Protocol);
    }
    let mut empty = false;
    loop {
        if exchange.was_aborted() || exchange.client.has_left() {
            return Ok(blame(exchange, Fault::Left));
        }
        let in_handle = first.is_some();
        let step = match first.take() {
            Some(step) => step,
            None => {
                // A run of empty chunks counts as one call: nobody is waiting for its clients there.
                if empty {
                    // Each `next` is a poll of its own, in which the first tick does not give way.
                    tokio::task::yield_now().await;
                } else {
                    exchange.meter.begin_call();
                }
                instance.next(exchange).await?
            }
        };
        if let Some(outcome) = refuse_input(instance) {
            return Ok(outcome);
        }
        let chunk = match step {
            Ok(chunk) => chunk,
            Err(exc_info) => {
                log_exc_info(instance.guest().log(), &exc_info);
                return Ok(Outcome::Error);
            }
        };
        empty = chunk.bytes.is_empty() && !in_handle;
        if let Err(fault) = pace(exchange, instance.guest().account(), chunk.bytes.len()).await {
            return Ok(blame(exchange, fault));
        }
        let sent = if chunk.last { exchange.finish(chunk.bytes) } else { exchange.chunk(chunk.bytes).await };
        if let Err(fault) = sent {
            if matches!(fault, Fault::NotStarted | Fault::TooShort(_)) {
                instance.guest().log().line("host", &fault.to_string());
            }
            // What is too long is answered as far as it goes.
            return Ok(if fault == Fault::TooLong { Outcome::Ok } else { blame(exchange, fault) });
        }
        // HEAD has its head, and what follows is for nobody.
        if chunk.last || exchange.is_complete() {
            return Ok(Outcome::Ok);
        }
    }
}

/// A body that can't be read any further is the client's fault, whatever the application makes of it.
fn refuse_input(instance: &mut Instance) -> Option<Outcome> {
    instance.guest().request().and_then(|request| request.input.error()).map(Outcome::from)
}

fn blame(exchange: &Exchange, fault: Fault) -> Outcome {
    match fault {
        Fault::NotStarted | Fault::TooLong | Fault::TooShort(_) => Outcome::Protocol,
        Fault::Life => Outcome::Life,
        // The application's doing, even where its client has seen the cut and left by now.
        Fault::Left if exchange.was_aborted() => Outcome::Error,
        Fault::Left => Outcome::ClientGone,
    }
}

fn failed(instance: &mut Instance, exchange: &Exchange, failure: &Failure) -> Outcome {
    match refuse_input(instance) {
        Some(outcome) if !exchange.is_committed() => outcome,
        _ => Outcome::from(failure),
    }
}
