//! Whatever a manifest says: it is refused at a place within it, or asks for what may be asked for, and gets no more than
//! its tenant's ceilings.

use std::time::Duration;

use wasgi::manifest::{Limits, LimitsTable, Settings};
use wasgi::units::Fault;

/// So low that anything asked for is beyond them.
const LOW: Limits = Limits {
    memory: 1 << 16,
    cpu: Duration::from_millis(1),
    wall: Duration::from_millis(1),
    life: Some(Duration::from_secs(1)),
    stall: Duration::from_millis(1),
    body: 1,
    in_flight: 1,
    queue: 0,
};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let defaults = Limits::default();
    match Settings::parse(text, &defaults) {
        Ok(settings) => {
            is_in_range(&settings);
            // What it leaves out is what it is given, and what it says is what it gets.
            assert_eq!(Settings::parse(text, &settings.limits), Ok(settings.clone()));
            for ceilings in [LOW, defaults] {
                is_capped(text, &settings, &ceilings);
            }
        }
        Err(fault) => {
            is_within(&fault, text);
            let ceilings = LimitsTable::of(&LOW);
            assert_eq!(Settings::parse_within(text, &defaults, &ceilings), Err(fault), "ceilings refuse nothing");
        }
    }
}

fn is_in_range(settings: &Settings) {
    let Settings { routes, max_requests, limits, capped, env, .. } = settings;
    assert!((1 << 16..=1 << 32).contains(&limits.memory) && limits.in_flight > 0 && *max_requests > 0);
    assert!([limits.cpu, limits.wall, limits.stall].iter().all(|time| !time.is_zero()));
    assert_ne!(limits.life, Some(Duration::ZERO));
    assert!(capped.is_empty());
    for (at, route) in routes.iter().flatten().enumerate() {
        assert_eq!(route.to_string().parse().as_ref(), Ok(route), "a route's text is the route");
        assert!(!routes.iter().flatten().take(at).any(|before| before == route), "{route} twice");
    }
    assert_ne!(routes.as_deref(), Some(&[][..]));
    for (name, value) in env {
        assert!(!name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0'), "{name:?} {value:?}");
    }
}

fn is_capped(text: &str, asked: &Settings, ceilings: &Limits) {
    let given = Settings::parse_within(text, &Limits::default(), &LimitsTable::of(ceilings)).expect("the same text");
    let (got, most) = (given.limits, ceilings);
    assert!(got.memory <= most.memory && got.body <= most.body, "{got:?}");
    assert!(got.cpu <= most.cpu && got.wall <= most.wall && got.stall <= most.stall, "{got:?}");
    assert!(got.in_flight <= most.in_flight && got.queue <= most.queue, "{got:?}");
    assert!(most.life.is_none_or(|most| got.life.is_some_and(|life| life <= most)), "{got:?}");
    // What it got less of than it asked for is said; a default that is lowered is not.
    let defaults = LimitsTable::of(ceilings).cap(Limits::default()).0;
    let asked_for = Settings::parse(text, &defaults).expect("the same text").limits;
    let said: Vec<_> = given.capped.iter().map(|capped| capped.key.as_str()).collect();
    assert_eq!(said, lowered(&asked_for, &got), "of {asked_for:?}");
    let rest = Settings { limits: asked.limits, capped: Vec::new(), ..given };
    assert_eq!(&rest, asked, "ceilings are of limits alone");
}

/// The keys of what is less.
fn lowered(asked: &Limits, got: &Limits) -> Vec<&'static str> {
    let keys = [
        ("limits.memory", got.memory < asked.memory),
        ("limits.cpu", got.cpu < asked.cpu),
        ("limits.wall", got.wall < asked.wall),
        ("limits.life", asked.life.is_some() && got.life < asked.life),
        ("limits.stall", got.stall < asked.stall),
        ("limits.body", got.body < asked.body),
        ("limits.in_flight", got.in_flight < asked.in_flight),
        ("limits.queue", got.queue < asked.queue),
    ];
    keys.into_iter().filter_map(|(key, less)| less.then_some(key)).collect()
}

fn is_within(fault: &Fault, text: &str) {
    let line = fault.line.checked_sub(1).map(|before| text.split('\n').nth(before));
    let line = line.flatten().unwrap_or_else(|| panic!("{fault} is not within the text"));
    assert!((1..=line.chars().count() + 1).contains(&fault.column), "{fault} is not within its line");
    assert!(!fault.to_string().contains('\n'), "{fault:?} is not one line");
}
