//! What the deployer knows of one application.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::apps::{App, AppKey, Route, Share, Stats};
use crate::log::AppLog;
use crate::state::records::{Good, Pair, Record};
use crate::tenants::Account;

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
    /// An older version that was already being made when that one came. It is finished and served in the meantime:
    /// else files that are replaced faster than they compile would never be.
    pub(super) overtaken: Option<Building>,
    /// What answers.
    pub(super) app: Option<Arc<App>>,
    pub(super) stats: Arc<Stats>,
    pub(super) share: Share,
    pub(super) log: AppLog,
    pub(super) account: Arc<Account>,
}

/// A version on its way.
pub(super) struct Building {
    /// To be set when it is not waited for any more.
    pub(super) outdated: Arc<AtomicBool>,
    /// Whether a compiling thread works on it.
    pub(super) begun: Arc<AtomicBool>,
    pub(super) pair: Pair,
    pub(super) manifest: String,
    pub(super) routes: Vec<Route>,
    pub(super) noticed: Instant,
}

impl Known {
    pub(super) fn new(log: AppLog, share: Share, account: Arc<Account>) -> Self {
        Self {
            seen: Pair::default(),
            good: None,
            probed: false,
            refused: None,
            building: None,
            overtaken: None,
            app: None,
            stats: Arc::default(),
            share,
            log,
            account,
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

    /// Whether a version of it is being made.
    pub(super) fn is_building(&self) -> bool {
        self.building.is_some() || self.overtaken.is_some()
    }

    /// Whether it is one of those that its tenant may have so many of.
    pub(super) fn is_lively(&self) -> bool {
        self.app.is_some() || self.is_building()
    }

    /// The routes that are wanted by what is deployed or on its way.
    pub(super) fn wanted(&self) -> Vec<Route> {
        let building = [&self.building, &self.overtaken].into_iter().flatten();
        building.flat_map(|building| &building.routes).chain(self.routes()).cloned().collect()
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
