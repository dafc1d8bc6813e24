//! What a tenant may have: its routes, how many applications, and what its manifests get of what they ask for.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::Deployer;
use crate::apps::{AppKey, Route, TenantName};
use crate::deploy::notice::Listed;
use crate::deploy::status::TenantStatus;
use crate::manifest::{Limits, Settings};
use crate::tenants::Quotas;
use crate::units::Fault;

impl Deployer {
    /// What a manifest gets: what it asks for, within its tenant's ceilings.
    pub(super) fn settings(&self, key: &AppKey, manifest: &str) -> Result<Settings, Fault> {
        Settings::parse_within(manifest, &self.limits, &self.tenants.quota(&key.tenant).ceilings)
    }

    /// Refuses routes that are not the tenant's.
    pub(super) fn check_routes(&self, key: &AppKey, routes: &[Route]) -> Result<()> {
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

    /// Refuses an application where its tenant has as many others as it may.
    pub(super) fn check_number(&mut self, key: &AppKey) -> Result<()> {
        let Some(most) = self.tenants.quota(&key.tenant).applications else { return Ok(()) };
        if self.lively(&key.tenant).filter(|one| *one != key).count() < most as usize {
            return Ok(());
        }
        self.supernumerary.insert(key.clone());
        bail!("the tenant {} has {most} applications already, and may not have more", key.tenant)
    }

    /// The applications of a tenant that serve or are made ready.
    pub(super) fn lively(&self, tenant: &TenantName) -> impl Iterator<Item = &AppKey> {
        let all = self.known.range(AppKey::before(tenant.clone())..).take_while(move |(key, _)| key.tenant == *tenant);
        all.filter(|(_, known)| known.is_lively()).map(|(key, _)| key)
    }

    /// CPU that the applications of a tenant have used.
    fn cpu(&self, tenant: &TenantName) -> Duration {
        let all = self.known.range(AppKey::before(tenant.clone())..).take_while(|(key, _)| key.tenant == *tenant);
        Duration::from_nanos(all.map(|(_, known)| known.stats.cpu.load(Relaxed)).sum())
    }

    /// How every tenant is that has something.
    pub(in crate::deploy) fn tenant_statuses(&self) -> Vec<TenantStatus> {
        let status = |(tenant, account)| {
            let applications = u32::try_from(self.lively(tenant).count()).unwrap_or(u32::MAX);
            TenantStatus::of(tenant, applications, self.cpu(tenant), account, self.tenants.quota(tenant))
        };
        self.tenants.accounts().map(status).collect()
    }

    /// An application needs its place among its tenant's no longer: those that had none are tried again.
    pub(super) fn give_place(&mut self, tenant: &TenantName) {
        let (freed, others) =
            std::mem::take(&mut self.supernumerary).into_iter().partition(|key| key.tenant == *tenant);
        self.supernumerary = others;
        let freed: BTreeSet<_> = freed;
        self.freed.extend(freed);
    }

    /// Other limits are in force: every application gets them, loses the routes that its tenant may not have any more,
    /// and is tried again where it was refused.
    pub(in crate::deploy) fn set_limits(&mut self, limits: Limits, quotas: Quotas, now: Instant) {
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
}
