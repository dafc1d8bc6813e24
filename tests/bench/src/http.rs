//! Tables of requests over HTTP: which servers are measured side by side, and how.

use anyhow::{Context, Result};

use crate::figures::{Column, Row, Table, Unit};
use crate::load::{Ask, Load};
use crate::options::Options;
use crate::peers::Peer;
use crate::prepared::Prepared;
use crate::server::{Kind, ONE_CORE, Server};

/// Seconds of load before the measured ones.
const WARM_UP: u32 = 1;

/// What is measured of each server. The first column is the one that counts.
const COLUMNS: &[Column] = &[
    Column::new("cpu", "CPU a request", Unit::Time),
    Column::new("rate", "requests/s", Unit::Rate),
    Column::new("p50", "p50", Unit::Time),
    Column::new("p99", "p99", Unit::Time),
    Column::new("p99.9", "p99.9", Unit::Time),
    Column::new("memory", "peak memory", Unit::Size),
];

/// A server that is measured.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    name: &'static str,
    kind: Kind,
    load: Load,
    /// Whether those that follow are compared with it.
    is_limit: bool,
    /// The cores that it has, as taskset names them.
    cores: &'static str,
}

impl Candidate {
    const fn new(name: &'static str, kind: Kind, load: Load) -> Self {
        Self { name, kind, load, is_limit: false, cores: ONE_CORE }
    }

    /// What follows is compared with it.
    const fn limit(self) -> Self {
        Self { is_limit: true, ..self }
    }

    /// Server and load share two cores.
    const fn on_two_cores(self) -> Self {
        Self { cores: "0-1", load: Load { threads: 2, ..self.load }, ..self }
    }

    /// A connection for each request.
    const fn closing(self, name: &'static str) -> Self {
        Self { name, load: Load { keeps_alive: false, ..self.load }, ..self }
    }
}

/// Servers that are measured in one run.
pub(crate) struct Plan {
    key: &'static str,
    title: &'static str,
    candidates: &'static [Candidate],
    /// Rounds; in each, every server is measured once.
    rounds: usize,
    /// How long each is measured then.
    seconds: u32,
}

const fn wasgi(component: &'static str, reuse: bool) -> Kind {
    Kind::Wasgi { component, reuse }
}

const fn python(peer: Peer, (project, app): App) -> Kind {
    Kind::Python { peer, project, app }
}

/// Applications in Python: the project, and what of it is served.
type App = (&'static str, &'static str);

const HELLO_PYTHON: App = ("tests/bench/guests/hello-python", "hello:app");
const SIMPLE: App = ("examples/wsgi-python", "pep3333:simple_app");
const FLASK: App = ("examples/flask", "app:app");

/// What `wasmtime serve` needs for its best: memory kept resident, as wasgi keeps it, and instances for ever.
const RESIDENT: &[&str] = &[
    "-Opooling-allocator=y",
    "-Opooling-memory-keep-resident=1048576",
    "-Opooling-table-keep-resident=65536",
    "-Opooling-pagemap-scan=auto",
];
const REUSED: &[&str] = &[
    "-Opooling-allocator=y",
    "-Opooling-memory-keep-resident=1048576",
    "-Opooling-table-keep-resident=65536",
    "-Opooling-pagemap-scan=auto",
    "--max-instance-reuse-count=1000000000",
];

/// One hello, 14 bytes, from everybody.
pub(crate) const HELLO: Plan = Plan {
    key: "hello",
    title: "Hello",
    candidates: &[
        Candidate::new("bare hyper", Kind::Bare, Load::get("/")).limit(),
        Candidate::new("wasgi fresh", wasgi("hello", false), Load::get("/")),
        Candidate::new("wasgi reused", wasgi("hello", true), Load::get("/")),
        Candidate::new("wasgi fresh, full form", wasgi("hello_full", false), Load::get("/")),
        Candidate::new("wasgi reused, full form", wasgi("hello_full", true), Load::get("/")),
        Candidate::new("wasgi fresh, 100 tenants", Kind::Tenants(100), Load::new("/t", Ask::Rotation(100))),
        Candidate::new("wasgi reused, Python", wasgi("hello_python", true), Load::get("/")),
        Candidate::new("wasmtime serve", Kind::Wasmtime(&[]), Load::get("/")),
        Candidate::new("wasmtime serve, resident", Kind::Wasmtime(RESIDENT), Load::get("/")),
        Candidate::new("wasmtime serve, reused", Kind::Wasmtime(REUSED), Load::get("/")),
        Candidate::new("workerd", Kind::Workerd, Load::get("/")),
        Candidate::new("bjoern", python(Peer::Bjoern, HELLO_PYTHON), Load::get("/")),
        Candidate::new("granian", python(Peer::Granian, HELLO_PYTHON), Load::get("/")),
        Candidate::new("gunicorn", python(Peer::Gunicorn, HELLO_PYTHON), Load::get("/")).closing("gunicorn"),
    ],
    rounds: 5,
    seconds: 4,
};

/// The same server with one tenant and with a hundred, each asked in turn by the same script.
pub(crate) const TENANTS: Plan = Plan {
    key: "tenants",
    title: "A hundred tenants beside one",
    candidates: &[
        Candidate::new("one tenant", Kind::Tenants(1), Load::new("/t", Ask::Rotation(1))).limit(),
        Candidate::new("100 tenants in rotation", Kind::Tenants(100), Load::new("/t", Ask::Rotation(100))),
    ],
    rounds: 5,
    seconds: 4,
};

/// One core and two, with the load on the same ones.
pub(crate) const CORES: Plan = Plan {
    key: "cores",
    title: "Two cores beside one",
    candidates: &[
        Candidate::new("fresh, one core", wasgi("hello", false), Load::get("/")).limit(),
        Candidate::new("fresh, two cores", wasgi("hello", false), Load::get("/")).on_two_cores(),
        Candidate::new("reused, one core", wasgi("hello", true), Load::get("/")).limit(),
        Candidate::new("reused, two cores", wasgi("hello", true), Load::get("/")).on_two_cores(),
    ],
    rounds: 5,
    seconds: 4,
};

const ORDER: &str = r#"{"customer":"Ada","items":[{"name":"ink","price":250,"quantity":2},{"name":"paper","price":1200,"quantity":1},{"name":"pens","price":90,"quantity":12},{"name":"chalk","price":15,"quantity":100},{"name":"envelopes","price":5,"quantity":500}]}"#;
const JSON: Load = Load::new("/json", Ask::Post(ORDER));

/// What an application does, natively in bare hyper, then by the same code in wasgi.
pub(crate) const WORKLOADS: Plan = Plan {
    key: "workloads",
    title: "Workloads",
    candidates: &[
        Candidate::new("20 look-ups, bare hyper", Kind::Bare, Load::get("/environ")).limit(),
        Candidate::new("20 look-ups, fresh", wasgi("workloads", false), Load::get("/environ")),
        Candidate::new("20 look-ups, reused", wasgi("workloads", true), Load::get("/environ")),
        Candidate::new("JSON API, bare hyper", Kind::Bare, JSON).limit(),
        Candidate::new("JSON API, fresh", wasgi("workloads", false), JSON),
        Candidate::new("JSON API, reused", wasgi("workloads", true), JSON),
        Candidate::new("64 KiB, bare hyper", Kind::Bare, Load::get("/large")).limit(),
        Candidate::new("64 KiB, fresh", wasgi("workloads", false), Load::get("/large")),
        Candidate::new("64 KiB, reused", wasgi("workloads", true), Load::get("/large")),
        Candidate::new("page, bare hyper", Kind::Bare, Load::get("/page?name=Ada")).limit(),
        Candidate::new("page, fresh", wasgi("workloads", false), Load::get("/page?name=Ada")),
        Candidate::new("page, reused", wasgi("workloads", true), Load::get("/page?name=Ada")),
    ],
    rounds: 3,
    seconds: 2,
};

const LINE: Load = Load::get("/hello/Ada");
const SIMPLE_REUSED: Candidate = Candidate::new("simple_app, wasgi reused", wasgi("simple_app", true), Load::get("/"));
const FLASK_REUSED: Candidate = Candidate::new("Flask, wasgi reused", wasgi("flask", true), LINE);

/// Applications in Python beside native servers. `simple_app` is PEP 3333's; of the Flask example a line of text is asked
/// for.
pub(crate) const PYTHON: Plan = Plan {
    key: "python",
    title: "Python",
    candidates: &[
        Candidate::new("simple_app, gunicorn", python(Peer::Gunicorn, SIMPLE), Load::get("/"))
            .closing("simple_app, gunicorn")
            .limit(),
        Candidate::new("simple_app, granian", python(Peer::Granian, SIMPLE), Load::get("/")),
        Candidate::new("simple_app, bjoern", python(Peer::Bjoern, SIMPLE), Load::get("/")),
        SIMPLE_REUSED,
        SIMPLE_REUSED.closing("simple_app, … a connection each"),
        Candidate::new("simple_app, wasgi fresh", wasgi("simple_app", false), Load::get("/")),
        Candidate::new("Flask, gunicorn", python(Peer::Gunicorn, FLASK), LINE).closing("Flask, gunicorn").limit(),
        Candidate::new("Flask, granian", python(Peer::Granian, FLASK), LINE),
        Candidate::new("Flask, bjoern", python(Peer::Bjoern, FLASK), LINE),
        FLASK_REUSED,
        FLASK_REUSED.closing("Flask, … a connection each"),
        Candidate::new("Flask, wasgi fresh", wasgi("flask", false), LINE),
    ],
    rounds: 3,
    seconds: 2,
};

/// Measures one of the tables.
pub(crate) fn measure(plan: &Plan, options: &Options, prepared: &Prepared) -> Result<Table> {
    let (mut candidates, mut left_out) = (Vec::new(), Vec::new());
    for candidate in plan.candidates {
        match Server::missing(candidate.kind, prepared) {
            None => candidates.push(candidate),
            Some(why) => left_out.push(format!("{} is left out: {why}", candidate.name)),
        }
    }
    let mut rows: Vec<Row> =
        candidates.iter().map(|candidate| Row::new(candidate.name, candidate.kind.is_wasgi())).collect();
    let rounds = options.rounds.unwrap_or(plan.rounds);
    for round in 1..=rounds {
        for (candidate, row) in candidates.iter().zip(&mut rows) {
            eprintln!("{}, round {round} of {rounds}: {}", plan.key, candidate.name);
            let figures = sample(candidate, prepared, options, plan.seconds);
            row.rounds.push(figures.with_context(|| format!("measuring {}", candidate.name))?);
        }
    }
    let mut limit = None;
    let limits = candidates.iter().enumerate().map(|(at, candidate)| {
        limit = if candidate.is_limit { Some(at) } else { limit };
        limit
    });
    let limits = limits.collect();
    Ok(Table { key: plan.key, title: plan.title.to_owned(), columns: COLUMNS, rows, limits, left_out })
}

fn sample(candidate: &Candidate, prepared: &Prepared, options: &Options, seconds: u32) -> Result<Vec<f64>> {
    let seconds = options.seconds.unwrap_or(seconds);
    let cores = if options.apart && candidate.cores == ONE_CORE { "1" } else { candidate.cores };
    let server = Server::start(candidate.kind, &candidate.load.paths(), candidate.cores, prepared)?;
    candidate.load.run(server.address, prepared.dir(), cores, WARM_UP)?;
    server.forget_peak()?;
    let before = server.cpu_us()?;
    let said = candidate.load.run(server.address, prepared.dir(), cores, seconds)?;
    let used = server.cpu_us()? - before;
    Ok(vec![used / said.requests, said.per_second, said.p50, said.p99, said.p999, server.peak_memory()?])
}
