//! What scans find, compared with what is known; and what lies in the folders that is no application's.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Instant;

use super::Deployer;
use crate::apps::{AppKey, TenantName};
use crate::deploy::folders::Scanned;
use crate::deploy::notice::Notice;
use crate::deploy::scan::Found;

impl Deployer {
    /// Compares what scans found with what is known; whatever differs has to settle.
    pub(in crate::deploy) fn compare_all(&mut self, scanned: Vec<Scanned>, now: Instant) {
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
    pub(in crate::deploy) fn ignored(&self) -> impl Iterator<Item = (String, &String)> {
        let odd =
            self.odd.iter().flat_map(|(tenant, odd)| odd.iter().map(|(name, reason)| (shown(tenant, name), reason)));
        self.unseen.iter().map(|(tenant, reason)| (tenant.to_string(), reason)).chain(odd)
    }
}

/// The path of a name in a tenant's folder, relative to the deploy directory.
fn shown(tenant: &TenantName, name: &OsString) -> String {
    let folder = if tenant.is_default() { Path::new("") } else { Path::new(tenant.as_str()) };
    folder.join(name).to_string_lossy().into_owned()
}
