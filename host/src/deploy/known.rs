//! What the deployer knows of one application.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::apps::{App, AppKey, Route, Share, Stats};
use crate::log::AppLog;
use crate::state::records::{Good, Pair, Record};

/// One application that was seen.
pub(super) struct Known {
    /// Its files when they were last deployed or refused.
    pub(super) seen: Pair,
    /// The version that was deployed last.
    pub(super) good: Option<Good>,
    /// Whether this host's engine has compiled and probed that version, now or in an earlier run.
    pub(super) probed: bool,
    /// Why the files as `seen` were refused.
    pub(super) refused: Option<String>,
    /// What is made ready.
    pub(super) building: Option<Building>,
    /// What answers.
    pub(super) app: Option<Arc<App>>,
    pub(super) stats: Arc<Stats>,
    pub(super) share: Share,
    pub(super) log: AppLog,
}

/// A version on its way.
pub(super) struct Building {
    /// Set when something newer comes.
    pub(super) outdated: Arc<AtomicBool>,
    pub(super) pair: Pair,
    pub(super) manifest: String,
    pub(super) routes: Vec<Route>,
    pub(super) noticed: Instant,
}

impl Known {
    pub(super) fn new(log: AppLog, share: Share) -> Self {
        Self {
            seen: Pair::default(),
            good: None,
            probed: false,
            refused: None,
            building: None,
            app: None,
            stats: Arc::default(),
            share,
            log,
        }
    }

    /// The files of the newest version that anything was decided about.
    pub(super) fn newest(&self) -> &Pair {
        self.building.as_ref().map_or(&self.seen, |building| &building.pair)
    }

    /// The routes that it holds by the version that was deployed.
    pub(super) fn routes(&self) -> &[Route] {
        self.good.as_ref().map_or(&[], |good| &good.routes)
    }

    /// What to remember; nothing while nothing has been decided.
    pub(super) fn record(&self, key: &AppKey) -> Option<Record> {
        (self.good.is_some() || self.refused.is_some()).then(|| Record {
            tenant: key.tenant.clone(),
            name: key.name.clone(),
            seen: self.seen,
            good: self.good.clone(),
            refused: self.refused.clone(),
        })
    }
}
