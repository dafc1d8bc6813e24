//! What a restart brings back: the last good version of every application that is still there.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Deployer;
use crate::apps::AppKey;
use crate::deploy::folders::Scanned;
use crate::deploy::notice::Notice;
use crate::deploy::plan::{self, Restore};
use crate::state::records::{Pair, Record, Records};

/// More restored applications than this are told in one line.
const RESTORED_LINES: usize = 20;

impl Deployer {
    /// Brings back what is remembered, as far as its file is still there.
    pub(in crate::deploy) fn restore(&mut self, records: Records, scanned: &[Scanned], now: Instant) {
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
            let notice = self.revive(&key, record, same_engine);
            if notice.is_none() || decision != Restore::Serve {
                self.settling.changed(&key, now);
            }
            restored.extend(notice);
        }
        match restored.len() {
            count if count > RESTORED_LINES => self.said.push(Notice::RestoredMany(count)),
            _ => self.said.append(&mut restored),
        }
    }

    /// Serves the last good version of `record`, and tells so; nothing if there is none that can be served.
    pub(super) fn revive(&mut self, key: &AppKey, record: Record, probed: bool) -> Option<Notice> {
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
}
