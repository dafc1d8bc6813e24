//! What a tenant may have, as the host's configuration says: `[tenant_defaults]` and `[tenants.NAME]`.
//!
//! A sub-directory is a stranger's, with the defaults below; the tenant `default` is the operator's own, and has no
//! limits but those that are given to it by name.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::{Error, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer};

use crate::apps::{Route, TenantName};
use crate::manifest::{Limits, LimitsTable};
use crate::units::{ByteSize, Period};

/// Everybody's weight, and the most that one may have: as those of Linux's control groups.
const WEIGHT: u32 = 100;
const MOST_WEIGHT: u32 = 10_000;

/// What one tenant may have over all its applications. `None` is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Its part of what long calls share: twice the weight, twice the CPU.
    pub weight: u32,
    /// CPU in a second.
    pub cpu: Option<Duration>,
    /// Bytes of all instances that are alive, and of the machine code that is loaded.
    pub memory: Option<u64>,
    /// Requests that run at one time.
    pub in_flight: Option<u32>,
    /// Requests that wait for one of them to end, where `in_flight` is limited.
    pub queue: u32,
    /// Requests a second.
    pub requests: Option<u64>,
    /// Bytes of response bodies a second.
    pub response_bytes: Option<u64>,
    /// Bytes of log lines a second.
    pub log_bytes: Option<u64>,
    /// How many applications.
    pub applications: Option<u32>,
    /// Bytes of one component.
    pub component: Option<u64>,
    /// What it may claim, with all that is below it, beside the paths under its own name.
    pub routes: Vec<Route>,
    /// The most that a manifest may ask for; what is left out has no ceiling.
    pub ceilings: LimitsTable,
}

/// The quotas of all tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quotas {
    strangers: Quota,
    named: BTreeMap<TenantName, Quota>,
    operator: Quota,
}

/// No limit, and a weight like everybody's.
impl Default for Quota {
    fn default() -> Self {
        Self {
            weight: WEIGHT,
            cpu: None,
            memory: None,
            in_flight: None,
            queue: 0,
            requests: None,
            response_bytes: None,
            log_bytes: None,
            applications: None,
            component: None,
            routes: Vec::new(),
            ceilings: LimitsTable::default(),
        }
    }
}

impl Quota {
    /// What somebody gets whom nobody knows. `limits`, the host's for manifests that say nothing, are the ceilings of
    /// all manifests.
    fn of_strangers(limits: &Limits) -> Self {
        Self {
            weight: WEIGHT,
            // What nobody else wants costs nobody anything.
            cpu: None,
            // Three instances with all the memory that one may have and an interpreter's code, or hundreds of small ones.
            memory: Some(512 << 20),
            // As one application's: sixteen busy tenants fill the host's 1,000 instances, one never does.
            in_flight: Some(64),
            queue: 256,
            // The host's own work for so many is 2 % of a processor.
            requests: Some(1_000),
            // A quarter of a gigabit line.
            response_bytes: Some(32 << 20),
            // Ten minutes of it fit into the files that are kept of one application.
            log_bytes: Some(64 << 10),
            // Each may be compiled, kept and logged.
            applications: Some(20),
            // Larger than CPython with its library and an application.
            component: Some(64 << 20),
            routes: Vec::new(),
            ceilings: LimitsTable::of(limits),
        }
    }

    /// Whether a tenant may claim `route`.
    pub fn grants(&self, tenant: &TenantName, route: &Route) -> bool {
        let own = || Route::own(tenant).is_ok_and(|own| own.covers(route));
        tenant.is_default() && self.routes.is_empty() || own() || self.routes.iter().any(|grant| grant.covers(route))
    }
}

impl Quotas {
    /// The quotas that a configuration gives, whose `[limits]` are `limits`.
    pub fn new(limits: &Limits, defaults: QuotaTable, tenants: BTreeMap<TenantName, QuotaTable>) -> Self {
        let strangers = defaults.over(&Quota::of_strangers(limits));
        let mut named: BTreeMap<_, _> = BTreeMap::new();
        let mut operator = Quota::default();
        for (tenant, table) in tenants {
            if tenant.is_default() {
                operator = table.over(&operator);
            } else {
                let quota = table.over(&strangers);
                named.insert(tenant, quota);
            }
        }
        Self { strangers, named, operator }
    }

    /// What `tenant` may have.
    pub fn of(&self, tenant: &TenantName) -> &Quota {
        if tenant.is_default() { &self.operator } else { self.named.get(tenant).unwrap_or(&self.strangers) }
    }
}

/// Those of a configuration that says nothing.
impl Default for Quotas {
    fn default() -> Self {
        Self::new(&Limits::default(), QuotaTable::default(), BTreeMap::new())
    }
}

/// The table of one tenant, or of all that are not named: what it does not say stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaTable {
    weight: Option<Weight>,
    cpu_per_second: Option<Bound<Cpu>>,
    memory: Option<Bound<Bytes>>,
    in_flight: Option<Bound<Count>>,
    queue: Option<u32>,
    requests_per_second: Option<Bound<Count>>,
    response_bytes_per_second: Option<Bound<Bytes>>,
    log_bytes_per_second: Option<Bound<Bytes>>,
    applications: Option<Bound<Count>>,
    component: Option<Bound<Bytes>>,
    routes: Option<Vec<Route>>,
    #[serde(default)]
    limits: LimitsTable,
}

impl QuotaTable {
    fn over(self, base: &Quota) -> Quota {
        let count = |bound: Option<Bound<Count>>, base| bound.map_or(base, |bound| bound.0.map(|count| count.0));
        let bytes = |bound: Option<Bound<Bytes>>, base| bound.map_or(base, |bound| bound.0.map(|size| size.0));
        let requests = self.requests_per_second.map(|bound| bound.0.map(|count| u64::from(count.0)));
        Quota {
            weight: self.weight.map_or(base.weight, |weight| weight.0),
            cpu: self.cpu_per_second.map_or(base.cpu, |bound| bound.0.map(|cpu| cpu.0)),
            memory: bytes(self.memory, base.memory),
            in_flight: count(self.in_flight, base.in_flight),
            queue: self.queue.unwrap_or(base.queue),
            requests: requests.unwrap_or(base.requests),
            response_bytes: bytes(self.response_bytes_per_second, base.response_bytes),
            log_bytes: bytes(self.log_bytes_per_second, base.log_bytes),
            applications: count(self.applications, base.applications),
            component: bytes(self.component, base.component),
            routes: self.routes.unwrap_or_else(|| base.routes.clone()),
            ceilings: self.limits.or(&base.ceilings),
        }
    }
}

/// A value, or `"none"`: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bound<T>(Option<T>);

/// At least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count(u32);

/// At least one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bytes(u64);

/// CPU time, more than none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cpu(Duration);

/// One against others'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Weight(u32);

impl<'de> Deserialize<'de> for Cpu {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Period::deserialize(deserializer)? {
            Period(Duration::ZERO) => Err(D::Error::custom("0 would let nothing through (\"none\" is no limit)")),
            Period(cpu) => Ok(Self(cpu)),
        }
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let weight = u32::deserialize(deserializer)?;
        let fits = (1..=MOST_WEIGHT).contains(&weight);
        fits.then_some(Self(weight)).ok_or_else(|| D::Error::custom(format!("a weight is 1 to {MOST_WEIGHT}")))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            0 => Err(D::Error::custom("0 would let nothing through (at least 1, or \"none\" for no limit)")),
            number => Ok(Self(number)),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match ByteSize::deserialize(deserializer)? {
            ByteSize(0) => Err(D::Error::custom("0 would let nothing through (\"none\" is no limit)")),
            ByteSize(bytes) => Ok(Self(bytes)),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bound<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = Bound<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number or size, or \"none\" for no limit")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Bound<T>, E> {
                if text == "none" {
                    return Ok(Bound(None));
                }
                T::deserialize(text.into_deserializer()).map(|value| Bound(Some(value)))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Bound<T>, E> {
                T::deserialize(number.into_deserializer()).map(|value| Bound(Some(value)))
            }
        }
        deserializer.deserialize_any(Either(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::from_toml;

    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        tenant_defaults: QuotaTable,
        #[serde(default)]
        tenants: BTreeMap<TenantName, QuotaTable>,
    }

    fn quotas(text: &str) -> Quotas {
        let file: File = from_toml(text).unwrap();
        Quotas::new(&Limits::default(), file.tenant_defaults, file.tenants)
    }

    fn name(text: &str) -> TenantName {
        TenantName::new(text).unwrap()
    }

    #[test]
    fn the_operators_own_is_unlimited_and_strangers_are_not() {
        let quotas = Quotas::default();
        assert_eq!(quotas.of(&TenantName::default()), &Quota::default());
        let stranger = quotas.of(&name("acme"));
        assert_eq!((stranger.memory, stranger.in_flight, stranger.requests), (Some(512 << 20), Some(64), Some(1_000)));
    }

    #[test]
    fn a_tenants_table_goes_before_that_of_all() {
        let quotas = quotas(
            r#"
            [tenant_defaults]
            memory = "1GiB"
            requests_per_second = 7
            [tenant_defaults.limits]
            cpu = "1s"
            [tenants.acme]
            memory = "none"
            in_flight = 3
            queue = 0
            response_bytes_per_second = "1MiB"
            log_bytes_per_second = 4096
            applications = 1
            component = "1MiB"
            routes = ["acme.example.com"]
            [tenants.acme.limits]
            memory = "1MiB"
            [tenants.default]
            in_flight = 5
            "#,
        );
        let (acme, other, operator) =
            (quotas.of(&name("acme")), quotas.of(&name("other")), quotas.of(&TenantName::default()));
        assert_eq!((acme.memory, acme.in_flight, acme.queue, acme.requests), (None, Some(3), 0, Some(7)));
        assert_eq!((acme.response_bytes, acme.log_bytes), (Some(1 << 20), Some(4096)));
        assert_eq!((acme.applications, acme.component), (Some(1), Some(1 << 20)));
        assert_eq!((other.memory, other.in_flight, other.requests), (Some(1 << 30), Some(64), Some(7)));
        assert_eq!((operator.memory, operator.in_flight, operator.requests), (None, Some(5), None));
        let asked = Limits { memory: 1 << 30, cpu: std::time::Duration::from_secs(9), ..Limits::default() };
        let given = |quota: &Quota| quota.ceilings.cap(asked).0;
        assert_eq!((given(acme).memory, given(acme).cpu.as_secs()), (1 << 20, 1));
        assert_eq!((given(other).memory, given(other).cpu.as_secs()), (128 << 20, 1));
        assert_eq!(given(operator), asked);
    }

    #[test]
    fn a_tenant_has_its_own_paths_and_what_it_is_granted() {
        let quotas =
            quotas("[tenants.acme]\nroutes = [\"*.acme.com\", \"/shop\"]\n[tenants.default]\nroutes = [\"/a\"]");
        let acme = name("acme");
        let grants = |tenant: &TenantName, route: &str| quotas.of(tenant).grants(tenant, &route.parse().unwrap());
        assert!(["/acme/x", "/shop/x", "a.acme.com/x"].iter().all(|route| grants(&acme, route)));
        assert!(!["/", "/other", "acme.com", "/acmes"].iter().any(|route| grants(&acme, route)));
        assert!(grants(&name("other"), "/other") && !grants(&name("other"), "/shop"));
        // The operator's own paths are all, and granting it hosts takes none away.
        assert!(grants(&TenantName::default(), "/x") && !grants(&TenantName::default(), "a.com"));
        assert!(Quota::default().grants(&TenantName::default(), &"a.com".parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, said) in [
            ("[tenant_defaults]\nmemory = 0", "\"none\""),
            ("[tenant_defaults]\nin_flight = 0", "at least 1"),
            ("[tenant_defaults]\nin_flight = -1", "-1"),
            ("[tenants.acme]\nmemory = \"much\"", "64MiB"),
            ("[tenants.acme]\nrequests_per_second = \"some\"", "some"),
            ("[tenants.acme]\nroutes = [\"a:1\"]", "no port"),
            ("[tenants.acme]\nmemorry = 1", "memorry"),
            ("[tenants.\"a b\"]\nmemory = 1", "can't be in a name"),
            ("[tenants.acme]\ncomponent = true", "a number or size"),
        ] {
            let fault = from_toml::<File>(text).map(drop).unwrap_err();
            assert!(fault.line > 0 && fault.reason.contains(said) && !fault.reason.contains('\n'), "{text:?}: {fault}");
        }
    }
}
