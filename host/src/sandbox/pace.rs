//! Bytes of a response wait here for their turn, where a tenant may send only so many a second.

use std::time::Duration;

use crate::exchange::{Exchange, Fault};
use crate::tenants::Account;

/// Waits until `bytes` of the response may be sent.
///
/// # Errors
/// [`Fault::Left`] and [`Fault::Life`]: then they are not to be sent.
pub(super) async fn pace(exchange: &Exchange, account: &Account, bytes: usize) -> Result<(), Fault> {
    let wait = account.pace(bytes);
    if wait.is_zero() {
        return Ok(());
    }
    let waited = Box::pin(delay(exchange, wait)).await;
    if waited.is_err() {
        account.unsend(bytes);
    }
    waited
}

async fn delay(exchange: &Exchange, wait: Duration) -> Result<(), Fault> {
    let life = async {
        match exchange.meter.deadline() {
            Some(life) => tokio::time::sleep_until(life.into()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = std::future::poll_fn(|cx| exchange.client.poll_left(cx)) => Err(Fault::Left),
        () = life => Err(Fault::Life),
        () = tokio::time::sleep(wait) => Ok(()),
    }
}
