//! What is not served: a version that is refused, one that is withdrawn, and one that newer files have overtaken.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Deployer;
use crate::apps::AppKey;
use crate::deploy::known::{Building, Known};
use crate::deploy::notice::Notice;
use crate::state::records::Pair;

impl Deployer {
    pub(super) fn refuse(&mut self, key: &AppKey, pair: Pair, reason: String) {
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

    /// Ends what serves, as it may not any more; and what is being made, which is decided about anew.
    pub(super) fn withdraw(&mut self, key: &AppKey, reason: &str, now: Instant) {
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

    /// Newer files have come: what is being made of those before is finished if it has been begun, and if nothing
    /// older is still being finished.
    pub(super) fn overtake(&mut self, key: &AppKey) {
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
    pub(super) fn abandon(&mut self, key: &AppKey) {
        self.again.remove(key);
        let given_up = self.known.get_mut(key).map(|known| [known.building.take(), known.overtaken.take()]);
        given_up.into_iter().flatten().flatten().for_each(|building| self.give_up(key, &building));
    }

    /// Gives up a version that was being made, and the routes that only it would have.
    pub(super) fn give_up(&mut self, key: &AppKey, building: &Building) {
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
}
