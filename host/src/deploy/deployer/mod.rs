//! The decisions: what a settled application leads to, and what becomes of a version that is ready or refused. Owns what
//! is known of every application, and the routes before they are published.
//!
//! Whatever fails leaves the version that answers untouched: it is replaced only when the next one is ready.

mod grants;
mod publish;
mod refuse;
mod restore;
mod sight;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::compile::{self, Failure, Job, Jobs, Outcome, Workshop};
use super::known::{Building, Known};
use super::notice::Notice;
use super::plan::{self, Holders};
use super::scan::Part;
use super::settle::{Settled, Settling};
use super::source::{self, Source};
use crate::apps::{AppKey, Entry, Route, Routes, TenantName};
use crate::log::AppLogs;
use crate::manifest::{Limits, Settings};
use crate::state::records::{Good, Identity, Pair, Records};
use crate::tenants::Tenants;

/// How long after a failure that was not the file's fault, such as a full disk, it is tried again.
const AGAIN: Duration = Duration::from_secs(10);

pub(super) struct Deployer {
    pub(super) source: Source,
    pub(super) shop: Arc<Workshop>,
    pub(super) logs: AppLogs,
    pub(super) jobs: Jobs,
    pub(super) limits: Limits,
    pub(super) tenants: Tenants,
    pub(super) known: BTreeMap<AppKey, Known>,
    /// What lies in each tenant's folder and is no application's.
    pub(super) odd: BTreeMap<TenantName, BTreeMap<OsString, String>>,
    /// The tenants whose folder can't be scanned, and why. Nothing that they have changes meanwhile.
    pub(super) unseen: BTreeMap<TenantName, String>,
    pub(super) settling: Settling,
    pub(super) holders: Holders,
    /// The routes as they will be published next.
    pub(super) routes: Routes<Entry>,
    /// Applications whose route, or place among their tenant's, has become free.
    pub(super) freed: BTreeSet<AppKey>,
    /// Applications that their tenant has too many of.
    pub(super) supernumerary: BTreeSet<AppKey>,
    /// Applications to be tried again, and when.
    pub(super) again: HashMap<AppKey, Instant>,
    /// What is to be told once it is published.
    pub(super) said: Vec<Notice>,
    /// The routes differ from those that are published.
    pub(super) unpublished: bool,
    /// The records differ from those that are written.
    pub(super) unsaved: bool,
    /// There may be code and copies that nothing needs.
    pub(super) untidy: bool,
}

/// A version that may be built.
struct Planned {
    manifest: String,
    settings: Settings,
    routes: Vec<Route>,
}

impl Deployer {
    fn first_sight_of(&mut self, key: &AppKey) -> Known {
        let account = self.tenants.account(&key.tenant);
        Known::new(self.logs.of(key, account.clone()), self.share(), account)
    }

    /// Decides about applications that settled at one time, in the order in which they get their routes.
    pub(super) fn decide_all(&mut self, mut settled: Vec<Settled>, now: Instant) {
        settled.sort_by_cached_key(|one| plan::order(&one.key, &one.pair));
        for one in settled {
            self.decide(one, now);
        }
        self.retry(now);
    }

    fn decide(&mut self, settled: Settled, now: Instant) {
        let key = settled.key.clone();
        let Some(component) = settled.pair.component else {
            return self.remove(&key);
        };
        if self.known.get(&key).is_none_or(|known| *known.newest() != settled.pair) {
            self.make(key, component, settled, now);
        }
    }

    /// Has a version made of these files, or refuses them.
    fn make(&mut self, key: AppKey, component: Identity, settled: Settled, now: Instant) {
        self.overtake(&key);
        match self.plan(&key, &settled.pair) {
            Ok(Some(planned)) => {
                let mut known = self.known.remove(&key).unwrap_or_else(|| self.first_sight_of(&key));
                let (log, account) = (known.log.clone(), known.account.clone());
                let [outdated, begun] = [false; 2].map(|flag| Arc::new(AtomicBool::new(flag)));
                let current = known.good.as_ref().filter(|_| known.probed).map(|good| good.version);
                if known.app.is_none() {
                    planned.routes.iter().for_each(|route| drop(self.routes.insert(route, Entry::Pending)));
                    self.unpublished = true;
                }
                known.building = Some(Building {
                    outdated: outdated.clone(),
                    begun: begun.clone(),
                    pair: settled.pair,
                    manifest: planned.manifest.clone(),
                    routes: planned.routes,
                    noticed: settled.noticed,
                });
                self.known.insert(key.clone(), known);
                let Planned { manifest, settings, .. } = planned;
                self.jobs.send(Job { key, component, manifest, settings, log, account, current, outdated, begun });
            }
            Ok(None) => self.settling.changed(&key, now),
            Err(error) => {
                self.refuse(&key, settled.pair, format!("{error:#}"));
                if compile::is_passing(&error) {
                    self.again.insert(key, now + AGAIN);
                }
            }
        }
    }

    /// Reads the manifest and claims the routes. Nothing, where the files are not those any more that were settled.
    fn plan(&mut self, key: &AppKey, pair: &Pair) -> Result<Option<Planned>> {
        if let Some(component) = &pair.component {
            let most = self.tenants.quota(&key.tenant).component.unwrap_or(u64::MAX);
            source::check(key, Part::Component, component, most)?;
        }
        let Some(manifest) = compile::manifest(&self.source, key, pair.manifest.as_ref())? else {
            return Ok(None);
        };
        let settings = self.settings(key, &manifest).with_context(|| Part::Manifest.file_name(&key.name))?;
        let routes = match &settings.routes {
            Some(routes) => routes.clone(),
            None if self.source.is_one() => vec!["/".parse()?],
            None => vec![Route::of(key)?],
        };
        self.check_routes(key, &routes)?;
        self.check_number(key)?;
        self.holders.claim(key, &routes)?;
        Ok(Some(Planned { manifest, settings, routes }))
    }

    /// What a compiling thread made of a job.
    pub(super) fn outcome(&mut self, outcome: Outcome, now: Instant) {
        let Outcome { job, result } = outcome;
        let key = job.key.clone();
        let Some(mut known) = self.known.remove(&key) else {
            return;
        };
        let of_job = |building: &mut Building| Arc::ptr_eq(&building.outdated, &job.outdated);
        let newest = known.building.take_if(of_job);
        let is_newest = newest.is_some();
        let Some(building) = newest.or_else(|| known.overtaken.take_if(of_job)) else {
            self.known.insert(key, known);
            return;
        };
        let pair = building.pair;
        // Other quotas may have come into force since it was planned.
        let granted = self.check_routes(&key, &building.routes).map_err(|error| Failure::Refused(error.to_string()));
        match result.and_then(|built| granted.map(|()| built)) {
            Ok(built) => {
                let Building { manifest, routes, noticed, .. } = building;
                let good = Good { version: built.version, component: built.component, manifest, routes };
                // A file that was only touched is the version that answers already.
                let same = known.probed && known.good.as_ref().is_some_and(|known| known.version == good.version);
                if !same || is_newest && known.refused.is_some() {
                    self.said(&key, &known, &good, noticed, now);
                }
                if !same {
                    // Other limits may have come into force since it was planned.
                    let settings = self.settings(&key, &good.manifest).unwrap_or(job.settings);
                    self.serve(&key, &mut known, good, settings);
                }
                (known.probed, self.unsaved) = (true, true);
                if is_newest || known.building.is_some() {
                    known.refused = None;
                }
                if is_newest {
                    known.seen = pair;
                }
                // What is still being made for files before these ones comes too late.
                let late = known.overtaken.take_if(|_| is_newest);
                self.known.insert(key.clone(), known);
                late.into_iter().for_each(|late| self.give_up(&key, &late));
            }
            Err(failure) => {
                self.known.insert(key.clone(), known);
                self.give_up(&key, &building);
                match failure {
                    // Newer files are decided about already.
                    _ if !is_newest => {}
                    Failure::Changed => self.settling.changed(&key, now),
                    Failure::Refused(reason) => self.refuse(&key, pair, reason),
                    Failure::Unlucky(reason) => {
                        self.refuse(&key, pair, reason);
                        self.again.insert(key, now + AGAIN);
                    }
                }
            }
        }
        self.retry(now);
    }

    /// Decides again about those whose route became free, and those whose time has come.
    pub(super) fn retry(&mut self, now: Instant) {
        let due = self.again.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key.clone()).collect::<Vec<_>>();
        self.again.retain(|key, _| !due.contains(key));
        self.freed.extend(due);
        while let Some(key) = self.next_freed() {
            // What is being built, or has to settle first, will be decided about anyway.
            let known = self.known.get(&key).filter(|known| known.building.is_none());
            let Some((pair, component)) = known.and_then(|known| Some((known.seen, known.seen.component?))) else {
                continue;
            };
            let settled = Settled { key: key.clone(), pair, noticed: now };
            self.make(key, component, settled, now);
        }
    }

    fn next_freed(&mut self) -> Option<AppKey> {
        let seen = |key: &AppKey| self.known.get(key).map(|known| known.seen).unwrap_or_default();
        let first = self.freed.iter().min_by_key(|key| plan::order(key, &seen(key)))?.clone();
        self.freed.take(&first)
    }

    /// Deletes the code and the copies that neither a version that answers nor a last good one needs.
    pub(super) fn tidy(&mut self) {
        // A version that is being made is in the stores already, and not yet among those that are needed.
        if !self.untidy || self.unsaved || self.known.values().any(Known::is_building) {
            return;
        }
        let goods = self.known.values().filter_map(|known| known.good.as_ref());
        let needed: HashSet<_> = goods.map(|good| good.component).collect();
        self.tenants.close_unused();
        match self.shop.retain(|digest| needed.contains(digest)) {
            Ok(()) => self.untidy = false,
            Err(error) => tracing::warn!(%error, "what is not needed any more can't be deleted"),
        }
    }

    /// Everything to remember.
    pub(super) fn records(&self) -> Records {
        let apps = self.known.iter().filter_map(|(key, known)| known.record(key)).collect();
        Records::new(&self.shop.fingerprint(), apps)
    }
}
