//! The state of every application, as `status` shows it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::known::Known;
use crate::apps::{AppKey, AppName, Route, TenantName};
use crate::manifest::Capped;
use crate::tenants::{Account, Quota};

/// Everything that a server says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Its process id.
    pub pid: u32,
    /// What it serves.
    pub serving: String,
    /// Every application, by name.
    pub applications: Vec<AppStatus>,
    /// Every tenant that has one.
    pub tenants: Vec<TenantStatus>,
    /// What became of machine code.
    pub code: CodeCounts,
    /// What lies in the directory and is no application's.
    pub ignored: Vec<IgnoredFile>,
}

/// What became of machine code since the host was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeCounts {
    /// How often a component was compiled.
    pub compiled: u64,
    /// How often machine code was loaded: what was compiled a moment before, and what was kept and is unchanged.
    pub loaded: u64,
    /// How often code that was kept was found to be damaged. Such code is never loaded: it is deleted, and made again.
    pub damaged: u64,
}

/// One application.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AppStatus {
    /// Its name.
    pub application: AppName,
    /// Whose it is.
    pub tenant: TenantName,
    /// The digest of the version that answers.
    pub version: Option<String>,
    /// How it is.
    pub state: AppState,
    /// Where it answers.
    pub routes: Vec<Route>,
    /// Since the host was started.
    pub requests: u64,
    /// How many of those ended in an error.
    pub errors: u64,
    /// CPU that all of them used, in microseconds.
    pub cpu_us: u64,
    /// Why the newest version was refused.
    pub reason: Option<String>,
    /// What its manifest asked for beyond its tenant's ceilings.
    pub capped: Vec<Capped>,
}

/// One tenant: what it uses, and what it may.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TenantStatus {
    /// Its name.
    pub tenant: TenantName,
    /// How many applications it has that serve or are made ready.
    pub applications: u32,
    /// How many it may have; null is no limit, here and below.
    pub most_applications: Option<u32>,
    /// Requests that run, where they are limited.
    pub in_flight: u32,
    /// How many may.
    pub most_in_flight: Option<u32>,
    /// Requests that wait for the tenant's turn.
    pub queued: u32,
    /// CPU that the requests to its applications used since the host was started, in microseconds.
    pub cpu_us: u64,
    /// CPU that they may use in a second, in microseconds.
    pub most_cpu_us_per_second: Option<u64>,
    /// Its part of what long calls share.
    pub weight: u32,
    /// Bytes of its instances.
    pub memory: u64,
    /// Bytes of its machine code that is loaded.
    pub code: u64,
    /// How many both may have.
    pub most_memory: Option<u64>,
    /// Requests that were refused for the tenant's limits since the host was started.
    pub refused: u64,
    /// Lines of logs that were dropped for them.
    pub dropped_lines: u64,
}

/// How an application is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AppState {
    /// It answers.
    Serving,
    /// It is compiled for the first time; its routes answer 503.
    Pending,
    /// The version before answers, as the newest was refused.
    ServingOld,
    /// Nothing of it answers.
    Refused,
}

/// A file that is not served.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IgnoredFile {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl AppStatus {
    pub(super) fn of(key: &AppKey, known: &Known) -> Self {
        let state = match (&known.app, &known.refused) {
            (Some(_), None) => AppState::Serving,
            (Some(_), Some(_)) => AppState::ServingOld,
            (None, Some(_)) if !known.is_building() => AppState::Refused,
            (None, _) => AppState::Pending,
        };
        let serving = known.good.as_ref().filter(|_| known.app.is_some());
        let routes = match (serving, known.building.as_ref().or(known.overtaken.as_ref())) {
            (Some(good), _) => good.routes.clone(),
            (None, Some(building)) => building.routes.clone(),
            (None, None) => Vec::new(),
        };
        Self {
            application: key.name.clone(),
            tenant: key.tenant.clone(),
            version: serving.map(|good| good.version.short()),
            state,
            routes,
            requests: known.stats.requests.load(Ordering::Relaxed),
            errors: known.stats.errors.load(Ordering::Relaxed),
            cpu_us: known.stats.cpu.load(Ordering::Relaxed) / 1_000,
            reason: known.refused.clone(),
            capped: known.app.as_ref().map(|app| app.settings().capped.clone()).unwrap_or_default(),
        }
    }
}

impl TenantStatus {
    pub(super) fn of(tenant: &TenantName, applications: u32, cpu: Duration, account: &Account, quota: &Quota) -> Self {
        let usage = account.usage();
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self {
            tenant: tenant.clone(),
            applications,
            most_applications: quota.applications,
            in_flight: usage.in_flight,
            most_in_flight: quota.in_flight,
            queued: usage.queued,
            cpu_us: micros(cpu),
            most_cpu_us_per_second: quota.cpu.map(micros),
            weight: quota.weight,
            memory: usage.memory,
            code: usage.code,
            most_memory: quota.memory,
            refused: usage.refused,
            dropped_lines: usage.dropped,
        }
    }
}
