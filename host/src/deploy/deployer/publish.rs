//! What takes a version's place, and what is told of it: a version that is ready, and one whose file is gone.

use std::sync::Arc;
use std::time::Instant;

use super::Deployer;
use crate::apps::{App, AppKey, AppSpec, Entry, Share};
use crate::deploy::compile::Owned;
use crate::deploy::known::Known;
use crate::deploy::notice::Notice;
use crate::manifest::Settings;
use crate::state::records::Good;

impl Deployer {
    pub(super) fn said(&mut self, key: &AppKey, known: &Known, good: &Good, noticed: Instant, now: Instant) {
        let (app, version, routes) = (key.clone(), good.version.short(), good.routes.clone());
        known.log.line("host", &format!("version {version} is deployed"));
        let took = now.saturating_duration_since(noticed);
        self.said.push(Notice::Deployed { app, version, routes, took });
    }

    /// Puts `good` in the place of whatever answered for this application.
    pub(super) fn serve(&mut self, key: &AppKey, known: &mut Known, good: Good, settings: Settings) {
        let app = self.app(key, known, &good, settings);
        let same = known.good.as_ref().is_some_and(|before| before.component == good.component);
        if let Some(before) = known.app.as_ref().filter(|_| same) {
            app.share_code_of(before);
        }
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

    pub(super) fn app(&self, key: &AppKey, known: &Known, good: &Good, settings: Settings) -> Arc<App> {
        let (shop, tenant, memory) = (self.shop.clone(), key.tenant.clone(), known.account.memory().clone());
        let owned = Owned { tenant, component: good.component, memory };
        App::new(AppSpec {
            key: key.clone(),
            version: good.version.short().into(),
            settings,
            stats: known.stats.clone(),
            share: known.share.clone(),
            log: known.log.clone(),
            account: known.account.clone(),
            loader: Arc::new(move || Box::pin(shop.clone().load(owned.clone()))),
        })
    }

    /// What an application may have of the host's instances.
    pub(super) fn share(&self) -> Share {
        let instances = self.shop.instances();
        if self.source.is_one() { Share::whole(instances) } else { Share::among_others(instances) }
    }

    pub(super) fn remove(&mut self, key: &AppKey) {
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
}
