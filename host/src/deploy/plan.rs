//! Who may have which route, and in which order applications come. Pure.
//!
//! A route has one holder. A version gets all of its routes or none: if one is taken, the whole version is refused, and
//! tried again when that route is free. An application keeps its old routes until its new version is in their place.

use std::collections::{BTreeSet, HashMap};

use crate::apps::{AppKey, Route};
use crate::state::records::{Pair, Record};

/// The holders of all routes, and who waits for one.
#[derive(Debug, Default)]
pub(super) struct Holders {
    by_route: HashMap<Route, AppKey>,
    waiting: HashMap<Route, BTreeSet<AppKey>>,
}

/// A route that another application holds: a tenant is told its name only where it is its own.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Taken {
    #[error("the route {route} is taken by {by}")]
    Own { route: Route, by: AppKey },
    #[error("the route {0} is taken by another tenant")]
    Foreign(Route),
}

impl Holders {
    /// Gives `routes` to `key`, beside those it has. Where one is taken nothing is given, and `key` waits for it.
    pub(super) fn claim(&mut self, key: &AppKey, routes: &[Route]) -> Result<(), Taken> {
        let holder = |route: &Route| self.by_route.get(route).filter(|holder| *holder != key);
        if let Some((route, by)) = routes.iter().find_map(|route| Some((route.clone(), holder(route)?.clone()))) {
            self.waiting.entry(route.clone()).or_default().insert(key.clone());
            return Err(if by.tenant == key.tenant { Taken::Own { route, by } } else { Taken::Foreign(route) });
        }
        self.by_route.extend(routes.iter().map(|route| (route.clone(), key.clone())));
        Ok(())
    }

    /// Takes from `key` those of `routes` that are not in `kept`; tells who waited for them, to be tried again.
    pub(super) fn release(&mut self, key: &AppKey, routes: &[Route], kept: &[Route]) -> BTreeSet<AppKey> {
        let mut freed = BTreeSet::new();
        for route in routes.iter().filter(|route| !kept.contains(route)) {
            if self.by_route.get(route) == Some(key) {
                self.by_route.remove(route);
                freed.extend(self.waiting.remove(route).unwrap_or_default());
            }
        }
        freed
    }
}

/// The order in which applications that are new at one time get their routes: the older file first, then by name.
pub(super) fn order(key: &AppKey, pair: &Pair) -> (i64, AppKey) {
    (pair.component.map_or(i64::MIN, |component| component.mtime), key.clone())
}

/// What to do at the start with an application that is remembered.
#[derive(Debug, PartialEq)]
pub(super) enum Restore {
    /// Its file is gone, and so is it.
    Forget,
    /// Its files are what was deployed: serve it as it was, and read nothing.
    Serve,
    /// Serve what was deployed last, if there is such a version, and deploy what lies there now.
    Deploy,
}

/// Decides by what is remembered and what lies in the directory. `same_engine`: code is compiled as it was then.
pub(super) fn restore(record: &Record, found: Option<&Pair>, same_engine: bool) -> Restore {
    match (found, &record.good) {
        (None, _) => Restore::Forget,
        (Some(pair), Some(_)) if same_engine && record.refused.is_none() && *pair == record.seen => Restore::Serve,
        // What was refused is tried again: a restart may be meant to mend what it was refused for.
        (Some(_), _) => Restore::Deploy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::{AppName, TenantName};
    use crate::state::Digest;
    use crate::state::records::{Good, Identity, Kind};
    use proptest::prelude::*;

    fn key(name: &str) -> AppKey {
        name.parse().unwrap()
    }

    fn all(texts: &[&str]) -> Vec<Route> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_version_gets_all_of_its_routes_or_none() {
        let mut holders = Holders::default();
        holders.claim(&key("a"), &all(&["/x", "/y"])).unwrap();
        let taken = holders.claim(&key("b"), &all(&["/z", "/y"])).unwrap_err();
        assert_eq!(taken.to_string(), "the route /y is taken by a");
        holders.claim(&key("c"), &all(&["/z"])).unwrap();
        assert!(holders.release(&key("c"), &all(&["/z"]), &[]).is_empty());
        assert_eq!(holders.release(&key("a"), &all(&["/x", "/y"]), &all(&["/x"])), [key("b")].into());
        holders.claim(&key("b"), &all(&["/z", "/y"])).unwrap();
        assert!(holders.claim(&key("b"), &all(&["/x"])).is_err());
        let taken = holders.claim(&key("acme/b"), &all(&["/x"])).unwrap_err();
        assert_eq!(taken.to_string(), "the route /x is taken by another tenant");
    }

    #[test]
    fn nobody_gives_away_what_is_anothers() {
        let mut holders = Holders::default();
        holders.claim(&key("a"), &all(&["/x"])).unwrap();
        assert!(holders.release(&key("b"), &all(&["/x"]), &[]).is_empty());
        assert!(holders.claim(&key("b"), &all(&["/x"])).is_err());
        holders.claim(&key("a"), &all(&["/x", "/y"])).unwrap();
    }

    #[test]
    fn the_older_file_comes_first_and_then_the_name() {
        let pair = |mtime| Pair {
            component: Some(Identity { kind: Kind::File, size: 1, mtime, ctime: 0, inode: 0 }),
            manifest: None,
        };
        let mut apps = [("b", 2), ("a", 2), ("c", 1)];
        apps.sort_by_key(|(name, mtime)| order(&key(name), &pair(*mtime)));
        assert_eq!(apps.map(|(name, _)| name), ["c", "a", "b"]);
    }

    #[test]
    fn only_what_is_unchanged_and_was_good_is_served_unread() {
        let digest = Digest::of(b"");
        let good = Good { version: digest, component: digest, manifest: String::new(), routes: all(&["/a"]) };
        let record = Record {
            tenant: TenantName::default(),
            name: AppName::new("a").unwrap(),
            seen: Pair::default(),
            good: Some(good),
            refused: None,
        };
        let same = Pair::default();
        let other =
            Pair { manifest: Some(Identity { kind: Kind::File, size: 0, mtime: 0, ctime: 0, inode: 0 }), ..same };
        assert_eq!(restore(&record, Some(&same), true), Restore::Serve);
        assert_eq!(restore(&record, Some(&same), false), Restore::Deploy);
        assert_eq!(restore(&record, Some(&other), true), Restore::Deploy);
        assert_eq!(restore(&record, None, true), Restore::Forget);
        let refused = Record { refused: Some("bad".into()), ..record.clone() };
        assert_eq!(restore(&refused, Some(&same), true), Restore::Deploy);
        assert_eq!(restore(&Record { good: None, ..record }, Some(&same), true), Restore::Deploy);
    }

    proptest! {
        #[test]
        fn a_route_never_has_two_holders(steps in proptest::collection::vec((0_usize..3, proptest::collection::vec(0_usize..4, 0..3), any::<bool>()), 0..40)) {
            let names = ["a", "b", "c"].map(key);
            let paths = all(&["/0", "/1", "/2", "/3"]);
            let mut holders = Holders::default();
            let mut model: [BTreeSet<usize>; 3] = Default::default();
            for (app, wanted, claim) in steps {
                let routes: Vec<_> = wanted.iter().map(|route| paths[*route].clone()).collect();
                if claim {
                    let free = wanted.iter().all(|route| (0..3).all(|other| other == app || !model[other].contains(route)));
                    prop_assert_eq!(holders.claim(&names[app], &routes).is_ok(), free);
                    model[app].extend(wanted.iter().filter(|_| free));
                } else {
                    holders.release(&names[app], &routes, &[]);
                    model[app].retain(|route| !wanted.contains(route));
                }
            }
        }
    }
}
