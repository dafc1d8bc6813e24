//! The manifest, `NAME.toml` beside `NAME.wasm`: what one application wants, and the limits that it gets.
//!
//! Reading is pure. An unknown key or a value out of its range is refused with line and column.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::apps::Route;
use crate::units::{ByteSize, Fault, Period, from_toml, lasting};

/// What a manifest asks for, with the host's defaults in place of what it leaves out.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Its routes; `None` where the application's name is the route.
    pub routes: Option<Vec<Route>>,
    /// Whether an instance serves more than one request.
    pub reuse: bool,
    /// A reused instance is retired after this many requests. Default 1000: frequent enough that a slow leak stays small,
    /// and seldom enough that making the next one costs nothing that can be measured.
    pub max_requests: u32,
    /// A reused instance is retired when its memory is larger than this, in bytes. Default 64 MiB.
    pub max_memory: u64,
    /// What one request, and all of them together, may use.
    pub limits: Limits,
    /// Limits that it asked for and didn't get.
    pub capped: Vec<Capped>,
    /// The guest's whole process environment.
    pub env: BTreeMap<String, String>,
}

/// What an application's requests may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The memories and tables of one instance together, in bytes.
    pub memory: u64,
    /// CPU time of one call: handle, next, close or sent.
    pub cpu: Duration,
    /// Time in one call, without what it waits for its client.
    pub wall: Duration,
    /// A request from its head to its last byte; `None`: as long as it takes.
    pub life: Option<Duration>,
    /// How long its client may send nothing of a body that is read, or take nothing of what is sent.
    pub stall: Duration,
    /// The largest request body, in bytes.
    pub body: u64,
    /// Requests that run at one time.
    pub in_flight: u32,
    /// Requests that may wait for one of them to end; the next is answered 503.
    pub queue: u32,
}

/// A limit that a manifest asked for beyond its tenant's ceiling, and got no more than that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capped {
    /// The manifest's key, such as `limits.memory`.
    pub key: String,
    /// What it asks for.
    pub asked: String,
    /// What it got, the ceiling.
    pub given: String,
}

/// The defaults of the defaults: what holds where neither the manifest nor the host's configuration says anything.
impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 128 << 20,
            cpu: Duration::from_secs(5),
            wall: Duration::from_secs(30),
            life: None,
            // What nginx gives a client either way (`client_body_timeout`, `send_timeout`).
            stall: Duration::from_secs(60),
            // A body is streamed and costs the host no memory, so this only ends what nobody can have meant.
            body: 1 << 30,
            // Sixteen busy applications fill the host's 1,000 instances. Whatever a manifest says here, one application
            // alone has half of them at most (see `apps::share`).
            in_flight: 64,
            // A burst of a few hundred clients waits some milliseconds for a quick application instead of being refused.
            queue: 256,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Manifest::default().with(&Limits::default())
    }
}

impl Settings {
    /// Reads a manifest; `defaults` are the host's limits. An application without a manifest has the empty text.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(text: &str, defaults: &Limits) -> Result<Self, Fault> {
        Ok(from_toml::<Manifest>(text)?.with(defaults))
    }

    /// Reads a manifest whose limits are at most the `ceilings`; so are the defaults.
    ///
    /// # Errors
    /// Those of [`Settings::parse`].
    pub fn parse_within(text: &str, defaults: &Limits, ceilings: &LimitsTable) -> Result<Self, Fault> {
        let settings = Self::parse(text, &ceilings.cap(*defaults).0)?;
        let (limits, capped) = ceilings.cap(settings.limits);
        Ok(Self { limits, capped, ..settings })
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    #[serde(default, deserialize_with = "routes")]
    routes: Option<Vec<Route>>,
    #[serde(default)]
    instances: Instances,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default, deserialize_with = "env")]
    env: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Instances {
    #[serde(default)]
    reuse: bool,
    #[serde(default, deserialize_with = "positive")]
    max_requests: Option<u32>,
    #[serde(default)]
    max_memory: Option<ByteSize>,
}

/// The `[limits]` of a manifest or of the host's configuration: what it does not say stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsTable {
    #[serde(default, deserialize_with = "memory")]
    memory: Option<u64>,
    #[serde(default, deserialize_with = "lasting")]
    cpu: Option<Duration>,
    #[serde(default, deserialize_with = "lasting")]
    wall: Option<Duration>,
    #[serde(default, deserialize_with = "lasting")]
    life: Option<Duration>,
    #[serde(default, deserialize_with = "lasting")]
    stall: Option<Duration>,
    body: Option<ByteSize>,
    #[serde(default, deserialize_with = "positive")]
    in_flight: Option<u32>,
    queue: Option<u32>,
}

impl LimitsTable {
    /// These limits where they are given, otherwise those of `defaults`.
    pub fn over(&self, defaults: &Limits) -> Limits {
        Limits {
            memory: self.memory.unwrap_or(defaults.memory),
            cpu: self.cpu.unwrap_or(defaults.cpu),
            wall: self.wall.unwrap_or(defaults.wall),
            life: self.life.or(defaults.life),
            stall: self.stall.unwrap_or(defaults.stall),
            body: self.body.map_or(defaults.body, |size| size.0),
            in_flight: self.in_flight.unwrap_or(defaults.in_flight),
            queue: self.queue.unwrap_or(defaults.queue),
        }
    }

    /// All of `limits`; a life only where that is limited.
    pub fn of(limits: &Limits) -> Self {
        Self {
            memory: Some(limits.memory),
            cpu: Some(limits.cpu),
            wall: Some(limits.wall),
            life: limits.life,
            stall: Some(limits.stall),
            body: Some(ByteSize(limits.body)),
            in_flight: Some(limits.in_flight),
            queue: Some(limits.queue),
        }
    }

    /// These where they are given, otherwise those of `base`, if they are given there.
    pub fn or(&self, base: &Self) -> Self {
        Self {
            memory: self.memory.or(base.memory),
            cpu: self.cpu.or(base.cpu),
            wall: self.wall.or(base.wall),
            life: self.life.or(base.life),
            stall: self.stall.or(base.stall),
            body: self.body.or(base.body),
            in_flight: self.in_flight.or(base.in_flight),
            queue: self.queue.or(base.queue),
        }
    }

    /// `limits` with these as ceilings, and what was beyond them. A life without end is beyond every ceiling.
    pub fn cap(&self, limits: Limits) -> (Limits, Vec<Capped>) {
        let mut capped = Vec::new();
        let given = Limits {
            memory: lower(&mut capped, "memory", limits.memory, self.memory, ByteSize),
            cpu: lower(&mut capped, "cpu", limits.cpu, self.cpu, Period),
            wall: lower(&mut capped, "wall", limits.wall, self.wall, Period),
            life: match (limits.life, self.life) {
                (Some(asked), ceiling) => Some(lower(&mut capped, "life", asked, ceiling, Period)),
                (None, ceiling) => ceiling,
            },
            stall: lower(&mut capped, "stall", limits.stall, self.stall, Period),
            body: lower(&mut capped, "body", limits.body, self.body.map(|size| size.0), ByteSize),
            in_flight: lower(&mut capped, "in_flight", limits.in_flight, self.in_flight, |number| number),
            queue: lower(&mut capped, "queue", limits.queue, self.queue, |number| number),
        };
        (given, capped)
    }
}

/// At most the ceiling, where there is one; notes where that is less than was asked for.
fn lower<T: Copy + Ord, S: fmt::Display>(
    capped: &mut Vec<Capped>,
    key: &str,
    asked: T,
    ceiling: Option<T>,
    shown: impl Fn(T) -> S,
) -> T {
    let Some(given) = ceiling.filter(|ceiling| *ceiling < asked) else { return asked };
    let (asked, shown) = (shown(asked).to_string(), shown(given).to_string());
    capped.push(Capped { key: format!("limits.{key}"), asked, given: shown });
    given
}

impl Manifest {
    fn with(self, defaults: &Limits) -> Settings {
        Settings {
            routes: self.routes,
            reuse: self.instances.reuse,
            max_requests: self.instances.max_requests.unwrap_or(1000),
            max_memory: self.instances.max_memory.map_or(64 << 20, |size| size.0),
            limits: self.limits.over(defaults),
            capped: Vec::new(),
            env: self.env,
        }
    }
}

fn routes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Route>>, D::Error> {
    let routes = Vec::<Route>::deserialize(deserializer)?;
    if routes.is_empty() {
        return Err(D::Error::custom("no route is given (leave `routes` out, and the name is the route)"));
    }
    if let Some(twice) =
        routes.iter().enumerate().find(|(at, route)| routes.iter().take(*at).any(|before| before == *route))
    {
        return Err(D::Error::custom(format_args!("the route {} is given twice", twice.1)));
    }
    Ok(Some(routes))
}

fn env<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let env = BTreeMap::<String, String>::deserialize(deserializer)?;
    match env.iter().find(|(name, value)| name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')) {
        Some((name, _)) => Err(D::Error::custom(format_args!(
            "{name:?} can't be an environment variable (a name is not empty and has no '='; neither it nor its value has a NUL)"
        ))),
        None => Ok(env),
    }
}

/// At least one page; at most what a 32-bit memory can be.
fn memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match ByteSize::deserialize(deserializer)? {
        ByteSize(bytes @ 0x1_0000..=0x1_0000_0000) => Ok(Some(bytes)),
        size => Err(D::Error::custom(format_args!("a memory limit of {size} is not between 64KiB and 4GiB"))),
    }
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(D::Error::custom("0 would let nothing through (at least 1)")),
        number => Ok(Some(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, Fault> {
        Settings::parse(text, &Limits::default())
    }

    #[test]
    fn an_empty_manifest_gives_the_defaults() {
        let host = Limits { queue: 3, ..Limits::default() };
        let settings = Settings::parse("", &host).unwrap();
        assert_eq!(settings, Settings { limits: host, ..Settings::default() });
        assert_eq!((settings.reuse, settings.max_requests, settings.max_memory), (false, 1000, 64 << 20));
    }

    #[test]
    fn everything_can_be_said() {
        let settings = parse(
            r#"
            routes = ["shop.example.com", "shop.example.com/api", "/shop/"]
            [instances]
            reuse = true
            max_requests = 7
            max_memory = "1MiB"
            [limits]
            memory = "128MiB"
            cpu = "1s"
            wall = "2s"
            life = "1h"
            stall = "3s"
            body = "64GiB"
            in_flight = 2
            queue = 0
            [env]
            SECRET_KEY = "…"
            "#,
        )
        .unwrap();
        let routes: Vec<_> = settings.routes.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(routes, ["shop.example.com", "shop.example.com/api", "/shop"]);
        let second = Duration::from_secs(1);
        let limits = Limits {
            memory: 128 << 20,
            cpu: second,
            wall: 2 * second,
            life: Some(3600 * second),
            stall: 3 * second,
            body: 64 << 30,
            in_flight: 2,
            queue: 0,
        };
        assert_eq!(settings.limits, limits);
        assert_eq!((settings.reuse, settings.max_requests, settings.max_memory), (true, 7, 1 << 20));
        assert_eq!(settings.env, [("SECRET_KEY".to_owned(), "…".to_owned())].into());
    }

    #[test]
    fn nobody_gets_more_than_the_ceiling() {
        let table = |text: &str| from_toml::<LimitsTable>(text).unwrap();
        let ceilings =
            table("memory = \"64MiB\"\nlife = \"1m\"\nin_flight = 8").or(&table("memory = \"1MiB\"\nqueue = 4"));
        let read = |text: &str| Settings::parse_within(text, &Limits::default(), &ceilings).unwrap();
        let silent = read("");
        assert_eq!((silent.limits.memory, silent.limits.in_flight, silent.limits.queue), (64 << 20, 8, 4));
        assert_eq!((silent.limits.life, silent.capped), (Some(Duration::from_secs(60)), vec![]));
        let modest = read("[limits]\nmemory = \"1MiB\"\nlife = \"1s\"");
        assert_eq!((modest.limits.memory, modest.limits.life), (1 << 20, Some(Duration::from_secs(1))));
        let greedy = read("[limits]\nmemory = \"1GiB\"\nlife = \"2h\"\nin_flight = 9\ncpu = \"1h\"");
        assert_eq!((greedy.limits.memory, greedy.limits.cpu), (64 << 20, Duration::from_secs(3600)));
        let said: Vec<_> = greedy.capped.iter().map(|one| format!("{} {} {}", one.key, one.asked, one.given)).collect();
        assert_eq!(said, ["limits.memory 1GiB 64MiB", "limits.life 120m 1m", "limits.in_flight 9 8"]);
        let all = LimitsTable::of(&Limits::default());
        assert_eq!(all.cap(Limits::default()), (Limits::default(), vec![]));
    }

    #[test]
    fn what_is_wrong_is_told_in_one_line_with_its_place() {
        for (text, place, said) in [
            ("route = []", (1, 1), "route"),
            ("\n[limits]\nmemorry = 1", (3, 1), "memorry"),
            ("routes = []", (1, 10), "leave `routes` out"),
            ("routes = [\"/a\", \"a:80\"]", (1, 10), "no port"),
            ("routes = [\"/a\", \"/a/\"]", (1, 10), "twice"),
            ("[limits]\nmemory = \"12 elephants\"", (2, 10), "64MiB"),
            ("[limits]\nmemory = 5", (2, 10), "64KiB"),
            ("[limits]\ncpu = 5", (2, 7), "unit"),
            ("[limits]\ncpu = \"0s\"", (2, 7), "no time"),
            ("[limits]\nin_flight = 0", (2, 13), "at least 1"),
            ("[limits]\nin_flight = -1", (2, 13), "-1"),
            ("[instances]\nreuse = 1", (2, 9), "boolean"),
            ("[env]\nA = 1", (2, 5), "string"),
            ("[env]\n\"A=B\" = \"1\"", (1, 1), "A=B"),
            ("a = \"", (1, 6), ""),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!((fault.line, fault.column), place, "{text:?}: {fault}");
            assert!(fault.reason.contains(said) && !fault.to_string().contains('\n'), "{text:?}: {fault}");
        }
    }
}
