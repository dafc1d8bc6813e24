//! The state of every application, as `status` shows it.

use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::known::Known;
use crate::apps::{AppKey, AppName, Route, TenantName};

/// Everything that a server says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Its process id.
    pub pid: u32,
    /// What it serves.
    pub serving: String,
    /// Every application, by name.
    pub applications: Vec<AppStatus>,
    /// What lies in the directory and is no application's.
    pub ignored: Vec<IgnoredFile>,
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
    /// Why the newest version was refused.
    pub reason: Option<String>,
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
            reason: known.refused.clone(),
        }
    }
}
