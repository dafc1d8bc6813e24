//! Components that are damaged, and components that nobody would write: each is deployed or refused, and nobody else
//! notices.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use wasm_smith::{Config, Module};

use crate::random::Random;
use crate::size;
use crate::support::component::with_module_bytes;
use crate::support::link::Link;
use crate::support::site::{Server, Site};
use crate::support::version::version;

/// So many are put at a time, each as the next version of an application of its own.
const APPS: usize = 20;

/// What is put: how it was made, and the bytes.
pub fn component(number: usize) -> (&'static str, Vec<u8>) {
    let mut random = Random(number as u64);
    let whole = version(&format!("number {number}"));
    match number % 10 {
        0..4 => ("with a module by wasm-smith", smith(&whole, &mut random)),
        4 => ("with a section moved, doubled or left out", sections(&whole, &mut random)),
        5 => ("with a piece moved, doubled or left out", pieces(&whole, &mut random)),
        _ => ("with flipped bits", flips(&whole, &mut random)),
    }
}

/// A valid module that nobody would write, instantiated with the application; of more features than are accepted in one
/// of four.
fn smith(whole: &[u8], random: &mut Random) -> Vec<u8> {
    let seed: Vec<u8> = (0..2048).map(|_| random.below(256) as u8).collect();
    let wide = random.below(4) == 0;
    let config = Config {
        allow_start_export: false,
        max_imports: 0,
        max_memories: 1,
        max_tables: 4,
        max_memory32_bytes: 1 << 20,
        max_table_elements: 1000,
        memory64_enabled: false,
        custom_page_sizes_enabled: false,
        gc_enabled: false,
        exceptions_enabled: wide,
        simd_enabled: wide,
        relaxed_simd_enabled: false,
        tail_call_enabled: wide,
        threads_enabled: false,
        reference_types_enabled: wide,
        wide_arithmetic_enabled: false,
        shared_everything_threads_enabled: false,
        ..Config::default()
    };
    let module = Module::new(config, &mut Unstructured::new(&seed)).expect("a module of these bytes");
    with_module_bytes(whole, &module.to_bytes(), random.below(2))
}

fn flips(whole: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
    }
    bytes
}

fn pieces(whole: &[u8], random: &mut Random) -> Vec<u8> {
    let from = random.below(whole.len());
    let to = (from + 1 + random.below(64)).min(whole.len());
    let (begin, piece, end) = (&whole[..from], &whole[from..to], &whole[to..]);
    match random.below(4) {
        0 => begin.to_vec(),
        1 => [begin, end].concat(),
        2 => [begin, piece, piece, end].concat(),
        _ => [begin, end, piece].concat(),
    }
}

/// The component's own sections, in another order or number.
fn sections(whole: &[u8], random: &mut Random) -> Vec<u8> {
    let parser = wasmparser::Parser::new(0);
    let (mut ends, mut depth) = (vec![8], 0);
    for payload in parser.parse_all(whole) {
        match payload.expect("a component") {
            wasmparser::Payload::ModuleSection { unchecked_range, .. }
            | wasmparser::Payload::ComponentSection { unchecked_range, .. } => {
                depth += 1;
                ends.push(unchecked_range.end);
            }
            wasmparser::Payload::End(_) if depth > 0 => depth -= 1,
            other if depth == 0 => ends.extend(other.as_section().map(|(_, range)| range.end)),
            _ => {}
        }
    }
    let mut sections: Vec<&[u8]> = ends.windows(2).map(|ends| &whole[ends[0]..ends[1]]).collect();
    let (one, other) = (random.below(sections.len()), random.below(sections.len()));
    match random.below(3) {
        0 => drop(sections.remove(one)),
        1 => sections.insert(other, sections[one]),
        _ => sections.swap(one, other),
    }
    [&whole[..8], &sections.concat()].concat()
}

/// What is answered there, if anything is within a second: what it sends then, perhaps for ever, is its own affair.
fn status_of(server: &Server, app: usize) -> Option<u16> {
    let stream = TcpStream::connect(server.address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    let mut link = Link::over(stream);
    link.send(format!("GET /d{app} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).ok()?;
    link.head().ok().map(|head| head.status)
}

/// The application that nothing happens to.
fn bystander(server: &Server, done: &AtomicBool) -> usize {
    let (mut link, mut count) = (server.connect(), 0);
    while !done.load(Relaxed) {
        let response = link.get("/bystander").expect("an answer of the bystander's");
        assert_eq!((response.status(), response.text().trim_end()), (200, "the bystander"));
        count += 1;
        thread::sleep(Duration::from_millis(20));
    }
    count
}

#[test]
fn d1_ten_thousand_damaged_components() {
    let site = Site::new();
    site.put("bystander.wasm", version("the bystander"));
    let mut command = site.command();
    command.args(["--access-log", "/dev/null"]);
    let server = Server::start(command);
    server.up("/bystander", "the bystander");
    let (done, valid, began) = (AtomicBool::new(false), AtomicUsize::new(0), Instant::now());
    let mut made = BTreeMap::<_, [usize; 2]>::new();
    let count = size::of(10_000);
    let answered = thread::scope(|scope| {
        let bystander = scope.spawn(|| bystander(&server, &done));
        let end = OnDrop(&done);
        for first in (0..count).step_by(APPS) {
            let before = server.out.count();
            let batch: Vec<_> = (first..count.min(first + APPS)).map(component).collect();
            for (app, (_, bytes)) in batch.iter().enumerate() {
                valid.fetch_add(usize::from(wasmparser::Validator::new().validate_all(bytes).is_ok()), Relaxed);
                site.put(&format!("d{app}.wasm"), bytes);
            }
            for (app, (how, _)) in batch.iter().enumerate() {
                let decided = [format!("deployed d{app} ("), format!("refused d{app}: ")];
                let line =
                    server.out.find(before, &decided[0], |line| decided.iter().any(|begin| line.starts_with(begin)));
                made.entry(*how).or_default()[usize::from(line.starts_with("refused"))] += 1;
                if let Some(status) = status_of(&server, app) {
                    assert!(matches!(status, 200 | 404 | 500 | 503 | 504), "{line}: {status}");
                }
            }
        }
        drop(end);
        bystander.join().expect("the bystander")
    });
    let valid = valid.into_inner();
    println!(
        "D1: {count} damaged components in {:.0?}, {valid} of them valid wasm; [deployed, refused] {made:?}; a bystander was \
         answered {answered} times, 0 failed",
        began.elapsed()
    );
    assert!(valid * 10 >= count * 3, "{valid} of {count} are valid");
    let panics: Vec<_> = server.log.all().into_iter().filter(|line| line.contains("panicked")).collect();
    assert!(panics.is_empty(), "{panics:#?}");
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
