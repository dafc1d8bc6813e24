//! The decisions: what a settled application leads to, what becomes of a version that is ready or refused, and what a
//! restart brings back. Owns what is known of every application, and the routes before they are published.
//!
//! Whatever fails leaves the version that answers untouched: it is replaced only when the next one is ready.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::compile::{self, Failure, Job, Jobs, Outcome, Workshop};
use super::folders::Scanned;
use super::known::{Building, Known};
use super::notice::{Listed, Notice};
use super::plan::{self, Holders, Restore};
use super::scan::{Found, Part};
use super::settle::{Settled, Settling};
use super::source::{self, Source};
use super::status::TenantStatus;
use crate::apps::{App, AppKey, AppSpec, Entry, Route, Routes, Share, TenantName};
use crate::log::AppLogs;
use crate::manifest::{Limits, Settings};
use crate::state::records::{Good, Identity, Pair, Record, Records};
use crate::tenants::{Quotas, Tenants};
use crate::units::Fault;

/// How long after a failure that was not the file's fault, such as a full disk, it is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// More restored applications than this are told in one line.
const RESTORED_LINES: usize = 20;

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
    /// Brings back what is remembered, as far as its file is still there.
    pub(super) fn restore(&mut self, records: Records, scanned: &[Scanned], now: Instant) {
        let folders: BTreeMap<_, _> = scanned.iter().map(|(tenant, found)| (tenant, found)).collect();
        let same_engine = records.engine == self.shop.fingerprint();
        let mut restored = Vec::new();
        for record in records.apps {
            let key = AppKey { tenant: record.tenant.clone(), name: record.name.clone() };
            let found = match folders.get(&key.tenant) {
                Some(Ok(found)) => found.apps.get(&key.name),
                // What can't be seen is not taken for changed.
                Some(Err(_)) => Some(&record.seen),
                None => None,
            };
            let decision = plan::restore(&record, found, same_engine);
            if decision == Restore::Forget {
                self.said.push(Notice::Removed { app: key });
                (self.unsaved, self.untidy) = (true, true);
                continue;
            }
            match self.revive(&key, record, same_engine) {
                Some(notice) if decision == Restore::Serve => restored.push(notice),
                _ => self.settling.changed(&key, now),
            }
        }
        match restored.len() {
            count if count > RESTORED_LINES => self.said.push(Notice::RestoredMany(count)),
            _ => self.said.append(&mut restored),
        }
    }

    /// Serves the last good version of `record`, and tells so; nothing if there is none that can be served.
    fn revive(&mut self, key: &AppKey, record: Record, probed: bool) -> Option<Notice> {
        let mut known = self.first_sight_of(key);
        let good = record.good.filter(|good| self.check_routes(key, &good.routes).is_ok());
        let good = good.filter(|good| self.holders.claim(key, &good.routes).is_ok());
        let settings = good.as_ref().and_then(|good| self.settings(key, &good.manifest).ok());
        let notice = good.zip(settings).map(|(good, settings)| {
            known.seen = record.seen;
            known.probed = probed;
            let notice =
                Notice::Restored { app: key.clone(), version: good.version.short(), routes: good.routes.clone() };
            self.serve(key, &mut known, good, settings);
            notice
        });
        // Its files as they are now are decided about anew, whatever was decided before.
        if record.refused.is_some() {
            known.seen = Pair::default();
        }
        self.known.insert(key.clone(), known);
        notice
    }

    fn first_sight_of(&mut self, key: &AppKey) -> Known {
        let account = self.tenants.account(&key.tenant);
        Known::new(self.logs.of(key, account.clone()), self.share(), account)
    }

    /// What a manifest gets: what it asks for, within its tenant's ceilings.
    fn settings(&self, key: &AppKey, manifest: &str) -> Result<Settings, Fault> {
        Settings::parse_within(manifest, &self.limits, &self.tenants.quota(&key.tenant).ceilings)
    }

    /// Compares what scans found with what is known; whatever differs has to settle.
    pub(super) fn compare_all(&mut self, scanned: Vec<Scanned>, now: Instant) {
        for (tenant, found) in scanned {
            match found {
                Ok(found) => self.compare(tenant, found, now),
                Err(error) => self.lose_sight(tenant, &error),
            }
        }
    }

    fn compare(&mut self, tenant: TenantName, found: Found, now: Instant) {
        self.unseen.remove(&tenant);
        for (name, pair) in &found.apps {
            let key = AppKey { tenant: tenant.clone(), name: name.clone() };
            if self.known.get(&key).is_none_or(|known| known.newest() != pair) {
                self.settling.changed(&key, now);
            }
        }
        for key in self.known.keys().filter(|key| key.tenant == tenant && !found.apps.contains_key(&key.name)) {
            self.settling.changed(key, now);
        }
        let before = self.odd.remove(&tenant).unwrap_or_default();
        for (name, reason) in found.odd.iter().filter(|(name, _)| !before.contains_key(*name)) {
            self.said.push(Notice::Ignored { path: shown(&tenant, name), reason: reason.clone() });
        }
        if !found.odd.is_empty() {
            self.odd.insert(tenant, found.odd);
        }
    }

    fn lose_sight(&mut self, tenant: TenantName, error: &io::Error) {
        let reason = format!("it can't be looked at, and what it serves stays: {error}");
        if self.unseen.get(&tenant) != Some(&reason) {
            self.said.push(Notice::Ignored { path: tenant.to_string(), reason: reason.clone() });
            self.unseen.insert(tenant, reason);
        }
    }

    /// Everything that is ignored: its path, and why.
    pub(super) fn ignored(&self) -> impl Iterator<Item = (String, &String)> {
        let odd =
            self.odd.iter().flat_map(|(tenant, odd)| odd.iter().map(|(name, reason)| (shown(tenant, name), reason)));
        self.unseen.iter().map(|(tenant, reason)| (tenant.to_string(), reason)).chain(odd)
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

    /// Refuses routes that are not the tenant's.
    fn check_routes(&self, key: &AppKey, routes: &[Route]) -> Result<()> {
        let (tenant, quota) = (&key.tenant, self.tenants.quota(&key.tenant));
        match routes.iter().find(|route| !quota.grants(tenant, route)) {
            Some(foreign) => {
                let own = std::iter::once(Route::own(tenant)?).chain(quota.routes.iter().cloned());
                let own = own.collect::<Vec<_>>();
                bail!("the route {foreign} is not {tenant}'s, who may claim {} and what is below", Listed(&own))
            }
            None => Ok(()),
        }
    }

    /// The applications of a tenant that serve or are made ready.
    fn lively(&self, tenant: &TenantName) -> impl Iterator<Item = &AppKey> {
        let all = self.known.range(AppKey::before(tenant.clone())..).take_while(move |(key, _)| key.tenant == *tenant);
        all.filter(|(_, known)| known.is_lively()).map(|(key, _)| key)
    }

    /// How every tenant is that has something.
    pub(super) fn tenant_statuses(&self) -> Vec<TenantStatus> {
        let status = |(tenant, account)| {
            let applications = u32::try_from(self.lively(tenant).count()).unwrap_or(u32::MAX);
            TenantStatus::of(tenant, applications, account, self.tenants.quota(tenant))
        };
        self.tenants.accounts().map(status).collect()
    }

    /// Refuses an application where its tenant has as many others as it may.
    fn check_number(&mut self, key: &AppKey) -> Result<()> {
        let Some(most) = self.tenants.quota(&key.tenant).applications else { return Ok(()) };
        if self.lively(&key.tenant).filter(|one| *one != key).count() < most as usize {
            return Ok(());
        }
        self.supernumerary.insert(key.clone());
        bail!("the tenant {} has {most} applications already, and may not have more", key.tenant)
    }

    /// An application needs its place among its tenant's no longer: those that had none are tried again.
    fn give_place(&mut self, tenant: &TenantName) {
        let (freed, others) =
            std::mem::take(&mut self.supernumerary).into_iter().partition(|key| key.tenant == *tenant);
        self.supernumerary = others;
        let freed: BTreeSet<_> = freed;
        self.freed.extend(freed);
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

    fn said(&mut self, key: &AppKey, known: &Known, good: &Good, noticed: Instant, now: Instant) {
        let (app, version, routes) = (key.clone(), good.version.short(), good.routes.clone());
        known.log.line("host", &format!("version {version} is deployed"));
        let took = now.saturating_duration_since(noticed);
        self.said.push(Notice::Deployed { app, version, routes, took });
    }

    /// Puts `good` in the place of whatever answered for this application.
    fn serve(&mut self, key: &AppKey, known: &mut Known, good: Good, settings: Settings) {
        let app = self.app(key, known, &good, settings);
        for route in known.routes().iter().filter(|route| !good.routes.contains(route)) {
            self.routes.remove(route);
        }
        for route in &good.routes {
            self.routes.insert(route, Entry::Serving(app.clone()));
        }
        let before = known.good.replace(good);
        let routes = before.as_ref().map_or(&[][..], |before| &before.routes);
        self.freed.extend(self.holders.release(key, routes, &known.wanted()));
        known.app = Some(app);
        (self.unpublished, self.untidy) = (true, true);
    }

    fn app(&self, key: &AppKey, known: &Known, good: &Good, settings: Settings) -> Arc<App> {
        let (shop, tenant, component) = (self.shop.clone(), key.tenant.clone(), good.component);
        App::new(AppSpec {
            key: key.clone(),
            version: good.version.short().into(),
            settings,
            stats: known.stats.clone(),
            share: known.share.clone(),
            log: known.log.clone(),
            account: known.account.clone(),
            loader: Arc::new(move || Box::pin(shop.clone().load(tenant.clone(), component))),
        })
    }

    /// What an application may have of the host's instances.
    fn share(&self) -> Share {
        let instances = self.shop.instances();
        if self.source.is_one() { Share::whole(instances) } else { Share::among_others(instances) }
    }

    fn refuse(&mut self, key: &AppKey, pair: Pair, reason: String) {
        let mut known = self.known.remove(key).unwrap_or_else(|| self.first_sight_of(key));
        // The same files that are tried again and refused again are no news.
        if known.seen != pair || known.refused.as_ref() != Some(&reason) {
            known.log.line("host", &format!("refused: {reason}"));
            let serving = known.good.as_ref().filter(|_| known.app.is_some()).map(|good| good.version.short());
            self.said.push(Notice::Refused { app: key.clone(), reason: reason.clone(), serving });
        }
        (known.seen, known.refused) = (pair, Some(reason));
        self.known.insert(key.clone(), known);
        self.unsaved = true;
    }

    fn remove(&mut self, key: &AppKey) {
        self.abandon(key);
        let Some(known) = self.known.remove(key) else {
            return;
        };
        known.routes().iter().for_each(|route| drop(self.routes.remove(route)));
        self.freed.extend(self.holders.release(key, known.routes(), &[]));
        self.supernumerary.remove(key);
        self.give_place(&key.tenant);
        known.log.line("host", "removed");
        self.said.push(Notice::Removed { app: key.clone() });
        (self.unpublished, self.unsaved, self.untidy) = (true, true, true);
    }

    /// Newer files have come: what is being made of those before is finished if it has been begun, and if nothing
    /// older is still being finished.
    fn overtake(&mut self, key: &AppKey) {
        self.again.remove(key);
        let Some(known) = self.known.get_mut(key) else {
            return;
        };
        let building = known.building.take();
        if known.overtaken.is_none() && building.as_ref().is_some_and(|one| one.begun.load(Ordering::Relaxed)) {
            known.overtaken = building;
        } else if let Some(building) = building {
            self.give_up(key, &building);
        }
    }

    /// Gives up all that is being made.
    fn abandon(&mut self, key: &AppKey) {
        self.again.remove(key);
        let given_up = self.known.get_mut(key).map(|known| [known.building.take(), known.overtaken.take()]);
        given_up.into_iter().flatten().flatten().for_each(|building| self.give_up(key, &building));
    }

    /// Gives up a version that was being made, and the routes that only it would have.
    fn give_up(&mut self, key: &AppKey, building: &Building) {
        building.outdated.store(true, Ordering::Relaxed);
        let wanted = self.known.get(key).map(Known::wanted).unwrap_or_default();
        for route in building.routes.iter().filter(|route| !wanted.contains(route)) {
            self.unpublished |= self.routes.remove(route).is_some();
        }
        self.freed.extend(self.holders.release(key, &building.routes, &wanted));
        if !self.known.get(key).is_some_and(Known::is_lively) {
            self.give_place(&key.tenant);
        }
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

    /// Other limits are in force: every application gets them, loses the routes that its tenant may not have any more,
    /// and is tried again where it was refused.
    pub(super) fn set_limits(&mut self, limits: Limits, quotas: Quotas, now: Instant) {
        self.limits = limits;
        self.tenants.set(quotas);
        for key in self.known.keys().cloned().collect::<Vec<_>>() {
            let Some(mut known) = self.known.remove(&key) else { continue };
            let good = known.good.clone().filter(|_| known.app.is_some());
            let lost = good.as_ref().and_then(|good| self.check_routes(&key, &good.routes).err());
            let settings = good.as_ref().and_then(|good| self.settings(&key, &good.manifest).ok());
            if let (Some((good, settings)), None) = (good.zip(settings), &lost) {
                self.serve(&key, &mut known, good, settings);
            }
            self.freed.extend(known.refused.is_some().then(|| key.clone()));
            self.known.insert(key.clone(), known);
            if let Some(reason) = lost {
                self.withdraw(&key, &reason.to_string(), now);
            }
        }
    }

    /// Ends what serves, as it may not any more; and what is being made, which is decided about anew.
    fn withdraw(&mut self, key: &AppKey, reason: &str, now: Instant) {
        self.abandon(key);
        self.settling.changed(key, now);
        let Some(known) = self.known.get_mut(key) else { return };
        known.log.line("host", &format!("refused: {reason}"));
        self.said.push(Notice::Refused { app: key.clone(), reason: reason.to_owned(), serving: None });
        (known.app, known.refused) = (None, Some(reason.to_owned()));
        let routes = known.good.take().map(|good| good.routes).unwrap_or_default();
        routes.iter().for_each(|route| drop(self.routes.remove(route)));
        self.freed.extend(self.holders.release(key, &routes, &[]));
        (self.unpublished, self.unsaved, self.untidy) = (true, true, true);
        self.give_place(&key.tenant);
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

/// The path of a name in a tenant's folder, relative to the deploy directory.
fn shown(tenant: &TenantName, name: &OsString) -> String {
    let folder = if tenant.is_default() { Path::new("") } else { Path::new(tenant.as_str()) };
    folder.join(name).to_string_lossy().into_owned()
}
