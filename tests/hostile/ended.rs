//! From a limit to a guest's last instruction, beside V's steady load: by the guest's own clock, as it says in the log
//! until it is ended, and by the host's in the access log.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use crate::arena::Arena;
use crate::size;
use crate::support::guests;
use crate::support::site::{Server, Site};
use crate::support::wait_for;
use crate::victim::beside;

/// The limits: each of an application that reaches it first.
const LIMIT: Duration = Duration::from_millis(50);
const APPS: [(&str, &str); 2] =
    [("cpu", "[limits]\ncpu = \"50ms\"\nwall = \"1m\"\n"), ("wall", "[limits]\ncpu = \"1m\"\nwall = \"50ms\"\n")];

/// What is wanted: of a hundred, 99 within this, and all within that.
const WANTED: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(60)];

struct Ended {
    site: Site,
    server: Server,
}

impl Ended {
    fn start() -> Ended {
        let site = Site::new();
        for (app, manifest) in APPS {
            site.put(&format!("{app}.toml"), manifest);
            site.put(&format!("{app}.wasm"), fs::read(guests::component("overruns")).expect("a component"));
        }
        site.put("victim/echo.wasm", fs::read(guests::component("echo")).expect("a component"));
        let mut command = site.command();
        command.arg("--access-log").arg(site.folder().join("access.log"));
        let server = Server::start(command);
        for app in ["cpu", "wall", "victim/echo"] {
            server.out.after(0, &format!("deployed {app} ("));
        }
        Ended { site, server }
    }

    /// `calls` requests of `app`, at most `together` at a time, all of which are ended by its limit.
    fn ask(&self, app: &str, calls: usize, together: usize, tag: &str) {
        for first in (0..calls).step_by(together) {
            let begin = |number| {
                let mut stream = TcpStream::connect(self.server.address).expect("a connection");
                stream.set_read_timeout(Some(crate::support::PATIENCE)).expect("a socket");
                // The host counts more CPU than a guest can.
                let after = LIMIT.as_millis() * if app == "cpu" { 8 } else { 10 } / 10;
                let head = format!(
                    "GET /{app}?of={app}&after={after}&tag={tag}-{number}. HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).expect("a request");
                stream
            };
            let streams: Vec<_> = (first..calls.min(first + together)).map(begin).collect();
            for stream in streams {
                let answer = std::io::read_to_string(stream).expect("an answer");
                assert!(answer.starts_with("HTTP/1.1 503 ") || answer.starts_with("HTTP/1.1 504 "), "{answer}");
            }
        }
    }

    /// What the access log says of each call: CPU or time, as the limit is of.
    fn logged(&self, app: &str, calls: usize, tag: &str) -> Vec<Duration> {
        let of_tag = format!("tag={tag}-");
        let lines = wait_for("the access log", || {
            let log = fs::read_to_string(self.site.folder().join("access.log")).expect("the access log");
            let lines: Vec<_> = log.lines().filter(|line| line.contains(&of_tag)).map(str::to_owned).collect();
            (lines.len() == calls).then_some(lines)
        });
        let field = if app == "cpu" { " cpu_us=" } else { " elapsed_us=" };
        let mut values = vec![Duration::ZERO; calls];
        for line in lines {
            assert!(line.contains(&format!(" {app} app=")), "{line}");
            let number = line.split_once(&of_tag).and_then(|(_, rest)| rest.split('.').next()?.parse::<usize>().ok());
            values[number.expect("a number")] = micros(&line, field);
        }
        values
    }

    /// From the limit to the last that each call's guest said, at most and at least. Where the limit is of CPU the host says
    /// how much was used beyond it: that time lies before the last line, on the guest's own clocks, between two lines.
    fn said(&self, app: &str, logged: &[Duration], tag: &str) -> [Vec<Duration>; 2] {
        // What is said later is written later, by the one thread that writes it all.
        let later = format!("after-{tag}");
        self.ask(app, 1, 1, &later);
        let log = wait_for("the guests' lines", || {
            // Full ones were put aside, the oldest with the highest number.
            let file = |aside| self.site.state_folder().join(format!("log/default/{app}.log{aside}"));
            let log: String =
                [".3", ".2", ".1", ""].map(|aside| fs::read_to_string(file(aside)).unwrap_or_default()).concat();
            log.contains(&format!(" {later}-0. computes")).then_some(log)
        });
        let beyond = |(number, used): (usize, &Duration)| {
            let of_call = format!(" {tag}-{number}. ");
            let mut lines = log.lines().filter(|line| line.contains(&of_call));
            assert!(lines.next().is_some_and(|line| line.ends_with(" computes")), "{of_call} has not begun");
            let lines: Vec<_> = lines.map(|line| (micros(line, "at_us="), micros(line, "own_us="))).collect();
            let Some(&(at, own)) = lines.last() else { return [Duration::ZERO; 2] };
            if app == "wall" {
                return [at.saturating_sub(LIMIT); 2];
            }
            let limit = own.saturating_sub(used.saturating_sub(LIMIT));
            let before = lines.iter().rfind(|(_, own)| *own <= limit).map_or(Duration::ZERO, |(at, _)| *at);
            let after = lines.iter().find(|(_, own)| *own > limit).map_or(at, |(at, _)| *at);
            [at - before, at - after]
        };
        let beyond: Vec<_> = logged.iter().enumerate().map(beyond).collect();
        [0, 1].map(|bound| beyond.iter().map(|bounds| bounds[bound]).collect())
    }
}

fn micros(line: &str, field: &str) -> Duration {
    let value = line.split_once(field).and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    Duration::from_micros(value.unwrap_or_else(|| panic!("no {field} in {line}")))
}

fn tell(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let part = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
    let [half, most, all] = [part(50), part(99), part(100)];
    let reached = if most <= WANTED[0] && all <= WANTED[1] { "reached" } else { "missed" };
    println!("{what}: {} times, p50 {half:.2?}, p99 {most:.2?}, max {all:.2?}: {reached}", times.len());
    all
}

#[test]
fn a_limit_ends_a_guest_within_milliseconds() {
    let _turn = Arena::wait();
    let ended = Ended::start();
    let calls = if size::is_full() { 500 } else { 16 };
    for (app, _) in APPS {
        for together in [1, 16] {
            let tag = format!("{app}{together}");
            let (felt, ()) = beside(ended.server.address, || ended.ask(app, calls, together, &tag));
            let logged = ended.logged(app, calls, &tag);
            println!("{together} at one time beyond their {app} limit of {LIMIT:?}; {}", felt.figures());
            let [most, least] = ended.said(app, &logged, &tag);
            let all = tell("  to the guest's last instruction, by its own clock, at most", most);
            // The two differ where the limit may have been reached at the end of a turn, or at the next one's beginning.
            tell("  the same, at least", least);
            let host = match app {
                "cpu" => "  CPU beyond the limit, as the host measured it",
                _ => "  to the request's end, as the host logged it",
            };
            tell(host, logged.into_iter().map(|logged| logged.saturating_sub(LIMIT)).collect());
            // Among other tests it is the machine that is measured.
            let most = if size::is_full() { WANTED[1] } else { Duration::from_secs(5) };
            assert!(all <= most, "{app}: {all:?}");
        }
    }
}
