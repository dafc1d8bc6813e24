//! The gateway: one request from its head to its last byte. It finds the application, makes the
//! environ, runs the application, and says what became of it in the access log. It cannot fail:
//! whatever goes wrong has become a response by the time it returns.

mod answer;
mod request;
mod respond;
#[cfg(test)]
mod tests;

pub use request::Line;
pub use respond::{Body, Respond, Tails};

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwap;

use crate::apps::Published;
use crate::log::AccessLog;
use crate::network::Network;
use crate::sandbox::Engine;
use crate::scheduler::Scheduler;
use crate::wsgi::environ::RequestId;

/// What all requests share.
pub struct Gateway {
    pub(crate) engine: Engine,
    pub(crate) routes: Arc<Published>,
    pub(crate) access_log: AccessLog,
    /// Peers whose word on the client is believed. Swapped when the configuration is read again.
    pub(crate) trusted_proxies: ArcSwap<Vec<Network>>,
    scheduler: Scheduler,
    ids: AtomicU64,
}

impl Gateway {
    /// A gateway to what `routes` leads to.
    pub fn new(
        engine: Engine,
        routes: Arc<Published>,
        access_log: AccessLog,
        trusted_proxies: Vec<Network>,
    ) -> Arc<Gateway> {
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
        Arc::new(Gateway {
            engine,
            routes,
            access_log,
            trusted_proxies: ArcSwap::from_pointee(trusted_proxies),
            scheduler: Scheduler::new(),
            ids: AtomicU64::new(seed),
        })
    }

    /// The access log.
    pub fn access_log(&self) -> &AccessLog {
        &self.access_log
    }

    /// Where long calls are polled.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// Believes these proxies from now on.
    pub fn trust(&self, proxies: Vec<Network>) {
        self.trusted_proxies.store(Arc::new(proxies));
    }

    /// Whether `peer` is a proxy whose word on the client is believed.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.load().iter().any(|network| network.contains(peer))
    }

    /// A new request's name. Consecutive numbers, mixed by a bijection (splitmix64's), so that
    /// they are unique and don't look alike.
    pub(crate) fn next_id(&self) -> RequestId {
        let mut id = self.ids.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
        id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        RequestId(id ^ (id >> 31))
    }
}
