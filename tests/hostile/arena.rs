//! One server with three tenants: E means harm, B is busy, V is beside them.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::guests;
use crate::support::link::Link;
use crate::support::site::{Server, Site, run, wasgi};
use crate::support::wait_for;
use crate::victim::{self, Felt};
use crate::{level, size, victim::beside};

/// What E has deployed: guests that do harm.
const EVIL: &[&str] = &[
    "big_chunk",
    "chunks",
    "counts",
    "echo",
    "empties",
    "endless",
    "fails",
    "floods",
    "forbidden",
    "headers",
    "hoards",
    "hogs",
    "ignores",
    "late_calls",
    "length",
    "lies",
    "logs",
    "never_starts",
    "overreaches",
    "overreads",
    "recurses",
    "replaces",
    "sleeps",
    "spins",
    "starts_twice",
    "status",
    "swallows",
    "ticks",
    "traps",
];

/// E has as many applications as there are hazards, its clients send what they can, and its calls end so early that an
/// attack sees it. Everything else is what strangers get. Among other tests a call that does nothing wrong may have to wait
/// for the machine for longer than a second.
fn config() -> String {
    let limit = if size::is_full() { "1s" } else { "4s" };
    format!(
        "[connections]\nhead = \"1s\"\n[tenants.evil]\napplications = 100\nrequests_per_second = \"none\"\n\
         [tenants.evil.limits]\ncpu = \"100ms\"\nwall = \"{limit}\"\nstall = \"{limit}\"\n"
    )
}

/// The server, and what is in it.
pub struct Arena {
    pub site: Site,
    pub server: Server,
    /// What V felt with nobody else.
    pub alone: Felt,
}

/// The arena while nobody else uses it: figures are of one attack at a time.
pub struct Turn {
    pub arena: Arc<Arena>,
    _turn: MutexGuard<'static, ()>,
}

/// What E's clients do, and how that may end for them.
pub struct Attack<'a> {
    /// Clients at one time, each on connections of its own.
    pub clients: usize,
    /// What they ask for in turn.
    pub targets: &'a [&'a str],
    /// The statuses that answer it; 0 is an answer that was cut, or none.
    pub ends: &'a [u16],
}

/// What E's clients saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub requests: usize,
    pub statuses: std::collections::BTreeMap<u16, usize>,
}

impl Arena {
    /// Waits for its turn on the arena of this process, which is there as long as anybody uses it or waits for it.
    #[track_caller]
    pub fn turn() -> Turn {
        static ARENA: Mutex<Weak<Arena>> = Mutex::new(Weak::new());
        let arena = {
            let mut known = ARENA.lock().unwrap_or_else(PoisonError::into_inner);
            known.upgrade().unwrap_or_else(|| {
                let arena = Arc::new(Arena::start(""));
                *known = Arc::downgrade(&arena);
                arena
            })
        };
        Turn { arena, _turn: Arena::wait() }
    }

    /// A server of its own, with more at the configuration's top, for what is measured of a process; nobody else measures
    /// meanwhile.
    #[track_caller]
    pub fn of_its_own(config: &str) -> Turn {
        let _turn = Arena::wait();
        Turn { arena: Arc::new(Arena::start(config)), _turn }
    }

    /// Waits for the turn alone, for who has another server.
    pub fn wait() -> MutexGuard<'static, ()> {
        static TURN: Mutex<()> = Mutex::new(());
        TURN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(config: &str) -> Arena {
        let site = Site::new();
        let deploy = |tenant: &str, guest: &str| {
            site.put(&format!("{tenant}/{guest}.wasm"), fs::read(guests::component(guest)).expect("a component"));
        };
        EVIL.iter().for_each(|guest| deploy("evil", guest));
        ["chunks", "spins"].iter().for_each(|guest| deploy("busy", guest));
        ["echo", "residue"].iter().for_each(|guest| deploy("victim", guest));
        let file = site.folder().join("host.toml");
        fs::write(&file, config.to_owned() + &self::config()).expect("a configuration");
        let mut command = site.command();
        command.arg("--config").arg(file).args(["--access-log", "/dev/null"]);
        let server = Server::start(command);
        for guest in EVIL {
            server.out.find(0, guest, |line| line.starts_with(&format!("deployed evil/{guest} (")));
        }
        server.out.find(0, "V", |line| line.starts_with("deployed victim/residue ("));
        server.out.find(0, "V", |line| line.starts_with("deployed victim/echo ("));
        server.out.find(0, "B", |line| line.starts_with("deployed busy/spins ("));
        let quiet = || thread::sleep(size::time());
        beside(server.address, quiet);
        let (alone, ()) = beside(server.address, quiet);
        println!("nobody else: {}", alone.figures());
        Arena { site, server, alone }
    }

    /// What V felt, beside what it feels with nobody else, and whether that is what is wanted under four attacks at one time.
    pub fn compared(&self, felt: &Felt) -> String {
        let (alone, p99) = (self.alone.part(0.99), felt.part(0.99));
        let allowed = (alone * 2).max(alone + Duration::from_millis(3));
        let reached = if p99 <= allowed { "reached" } else { "missed" };
        format!("{}; alone p99 {alone:.2?}, {allowed:.2?} allowed: {reached}", felt.figures())
    }

    /// A tenant, as `status` has it.
    pub fn tenant(&self, name: &str) -> Value {
        let ended = run(wasgi().args(["status", "--json", "--state"]).arg(self.site.state()));
        let status: Value = serde_json::from_str(&ended.out).expect("JSON");
        let tenants = status["tenants"].as_array().expect("a list");
        tenants.iter().find(|one| one["tenant"] == name).expect("a tenant").clone()
    }

    /// How many files the server has open, beside what its places for instances keep.
    pub fn files(&self) -> usize {
        level::files(&self.server)
    }
}

impl Seen {
    /// Asserts that there were answers, and none but those that `attacks` expect.
    #[track_caller]
    pub fn is_as_expected(&self, name: &str, attacks: &[Attack<'_>]) {
        let ends: Vec<_> = attacks.iter().flat_map(|attack| attack.ends).collect();
        for status in self.statuses.keys() {
            assert!(ends.contains(&status), "{name}: E was answered {status}, expected one of {ends:?}: {self:?}");
        }
        assert!(self.requests > 0, "{name}");
    }
}

impl Turn {
    /// Attacks with V beside, asserts how that ended, that V felt no error, and that everything is as it was; prints the
    /// figures.
    #[track_caller]
    pub fn attack(&self, name: &str, attacks: &[Attack<'_>]) -> Seen {
        let arena = &*self.arena;
        let files = arena.files();
        let (felt, seen) = beside(arena.server.address, || attacks_for(arena, attacks, size::time()));
        seen.is_as_expected(name, attacks);
        self.recovered(name, files);
        let (alone, p99) = (arena.alone.part(0.99), felt.part(0.99));
        println!("{name}: {}; E: {seen:?}", arena.compared(&felt));
        // What a neighbour may cost on a machine that does other things as well; the documents have the figures. Of the few
        // answers of a small size one that waited for the machine makes the p99.
        let most = if size::is_full() { p99 } else { felt.part(0.9) };
        assert!(most < alone + Duration::from_secs(2), "{name}: V waited {most:?}, p99 {p99:?}, alone {alone:?}");
        seen
    }

    /// Waits until nothing is left of an attack: no request, no memory, no file.
    #[track_caller]
    pub fn recovered(&self, name: &str, files: usize) {
        let arena = &*self.arena;
        wait_for(&format!("{name}: E's requests to end"), || {
            let evil = arena.tenant("evil");
            (evil["in_flight"] == 0 && evil["queued"] == 0 && evil["memory"] == 0).then_some(())
        });
        wait_for(&format!("{name}: {files} open files"), || (arena.files() <= files + 8).then_some(()));
    }

    /// V's load while `attack` runs, its figures printed.
    #[track_caller]
    pub fn beside<T>(&self, name: &str, attack: impl FnOnce() -> T) -> T {
        let (felt, result) = victim::beside(self.arena.server.address, attack);
        println!("{name}: {}", self.arena.compared(&felt));
        result
    }
}

/// How long an attack may take until the first of its requests is over.
const MOST: Duration = Duration::from_secs(60);

/// Lets all clients of all attacks ask for what they ask for, again and again, for `time`.
pub fn attacks_for(arena: &Arena, attacks: &[Attack<'_>], time: Duration) -> Seen {
    let (done, seen) = (AtomicBool::new(false), Mutex::new(Seen::default()));
    thread::scope(|scope| {
        for attack in attacks {
            for client in 0..attack.clients {
                let (done, seen) = (&done, &seen);
                scope.spawn(move || ask_until(done, arena, attack.targets, client, seen));
            }
        }
        thread::sleep(time);
        // Of many that compute none may be through by now.
        let began = Instant::now();
        while lock(&seen).requests == 0 && began.elapsed() < MOST {
            thread::sleep(Duration::from_millis(10));
        }
        done.store(true, Relaxed);
    });
    seen.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn ask_until(done: &AtomicBool, arena: &Arena, targets: &[&str], client: usize, seen: &Mutex<Seen>) {
    let mut targets = targets.iter().cycle().skip(client);
    while !done.load(Relaxed) {
        let Some(target) = targets.next() else { return };
        let status = ask(done, arena, target);
        let mut seen = lock(seen);
        // What has not ended by the attack's end was left by its client.
        if let Some(status) = status {
            seen.requests += 1;
            *seen.statuses.entry(status).or_default() += 1;
        }
    }
}

/// One request on a connection of its own: its status, or 0 where it was cut. None where the attack was over before.
fn ask(done: &AtomicBool, arena: &Arena, target: &str) -> Option<u16> {
    let stream = TcpStream::connect(arena.server.address).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(100))).ok()?;
    let mut reading = Patient { stream, done, since: Instant::now() };
    write!(reading.stream, "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nE own").ok()?;
    let mut link = Link::over(&mut reading);
    let Ok(head) = link.head() else { return (!done.load(Relaxed)).then_some(0) };
    loop {
        match link.piece() {
            Ok(Some(_)) => {}
            Ok(None) => return Some(head.status),
            Err(_) => return (!done.load(Relaxed)).then_some(0),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads on until the attack is over.
struct Patient<'a> {
    stream: TcpStream,
    done: &'a AtomicBool,
    since: Instant,
}

impl std::io::Read for &mut Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let over = self.done.load(Relaxed) || self.since.elapsed() > crate::support::PATIENCE;
            match self.stream.read(buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && !over => {}
                _ if over => return Err(std::io::ErrorKind::TimedOut.into()),
                read => return read,
            }
        }
    }
}

impl std::io::Write for &mut Patient<'_> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
