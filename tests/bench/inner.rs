//! The inner pieces of a request, each alone: `cargo bench -p wasgi --bench inner`. What a whole request costs is measured
//! by the program beside this file, over HTTP.

#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs, reason = "it fails by panicking; criterion's macros")]

mod in_process;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Version};
use in_process::InProcess;
use wasgi::apps::{Route, Routes};
use wasgi::build::{Options, Progress, Toolchain};
use wasgi::compiler::Compiler;
use wasgi::exchange::{Clocks, Exchange};
use wasgi::sandbox::{Engine, Instance, Surroundings};
use wasgi::state::{Cache, Digest};
use wasgi::wsgi::environ::{Ends, Environ, Mount, RequestId, Services};
use wasgi::wsgi::head::Head;
use wasgi::wsgi::wire::{Checker, Limits};

/// What a browser asks.
const HEAD: &[u8] = b"GET /shop/item?id=42 HTTP/1.1\r\n\
Host: shop.example.com\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
Accept-Language: en-GB,en;q=0.5\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Referer: https://shop.example.com/shop\r\n\
Cookie: session=8d1f6d2c4c2b4f0aa3f0c2f1f5d0f0f7; theme=dark\r\n\
Connection: keep-alive\r\n\r\n";

fn environ() -> Environ {
    let mut headers = HeaderMap::new();
    for line in HEAD.split(|byte| *byte == b'\n').skip(1) {
        let line = line.trim_ascii();
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]).unwrap();
        headers.append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).unwrap());
    }
    Environ {
        method: Method::GET,
        target: "/shop/item?id=42".into(),
        version: Version::HTTP_11,
        headers,
        host: None,
        mount: Mount { script_name: "/shop".into(), path_info: "/item".into() },
        ends: Ends { server_port: 80, ..Ends::default() },
        chunked: false,
        run_once: true,
        services: Services { request_id: RequestId(0), application: "shop".into(), version: "1".into() },
    }
}

fn protocol(criterion: &mut Criterion) {
    criterion.bench_function("check a request's head", |bencher| {
        bencher.iter(|| Checker::new(Limits::default()).check(black_box(HEAD)).map(|verdict| verdict.release));
    });
    let environ = environ();
    criterion.bench_function("environ: one variable", |bencher| {
        bencher.iter(|| environ.get(black_box("HTTP_COOKIE")).map(|value| value.len()));
    });
    criterion.bench_function("environ: all entries", |bencher| bencher.iter(|| black_box(&environ).entries()));
    criterion.bench_function("environ: all in one text", |bencher| bencher.iter(|| black_box(&environ).joined()));
    let headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", "14"),
        ("Cache-Control", "no-cache"),
        ("Set-Cookie", "theme=dark; Path=/; SameSite=Lax"),
    ];
    criterion.bench_function("validate a status and four headers", |bencher| {
        bencher.iter(|| Head::new(black_box("200 OK"), black_box(headers)));
    });
}

fn routes(criterion: &mut Criterion) {
    let mut table = Routes::default();
    for number in 0..10_000 {
        let route: Route = format!("/a{number}").parse().unwrap();
        table.insert(&route, number);
    }
    criterion.bench_function("look up one of 10,000 routes", |bencher| {
        bencher
            .iter(|| table.lookup(black_box(Some("example.com")), black_box(b"/a7919/item")).map(|found| *found.app));
    });
}

fn instances(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let component = std::fs::read(hello(folder.path())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let engine = Engine::new(10).unwrap();
    let fingerprint = engine.fingerprint();
    let compiled = Compiler::here().compile(&fingerprint, &component, || true).unwrap();
    let cache = Cache::open(&folder.path().join("cache"), &fingerprint).unwrap();
    let (trusted, _) = cache.put(&Digest::of(&component), compiled);
    criterion.bench_function("load a component's code", |bencher| bencher.iter(|| engine.load(&trusted).unwrap()));
    let code = engine.load(&trusted).unwrap();
    let surroundings = Surroundings::none();
    let second = Duration::from_secs(1);
    let clocks = Clocks { cpu: second, wall: second, life: None, stall: second };
    let exchange = Exchange::new(Method::GET, true, Arc::default(), clocks);
    let make = || {
        let made = Instance::new(&engine, code.in_use(), 128 << 20, surroundings.clone(), &exchange);
        runtime.block_on(exchange.metered(made)).ok().unwrap()
    };
    criterion.bench_function("make an instance", |bencher| {
        bencher.iter_batched(|| (), |()| make(), BatchSize::PerIteration);
    });
    criterion.bench_function("drop an instance", |bencher| {
        bencher.iter_batched(make, drop, BatchSize::PerIteration);
    });
}

/// What is between is what wasgi adds: to a request in a reused instance the calls, and the gateway around them; to one in
/// a fresh instance, making and dropping that as well.
fn requests(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let component = std::fs::read(hello(folder.path())).unwrap();
    for (name, mut server) in [
        ("a request, bare hyper", InProcess::bare()),
        ("a request in a reused instance", InProcess::wasgi(&component, true, folder.path())),
        ("a request in a fresh instance", InProcess::wasgi(&component, false, folder.path())),
    ] {
        criterion.bench_function(name, |bencher| bencher.iter(|| server.ask()));
    }
}

/// The example `hello`, built.
fn hello(folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (project, output) = (root.join("examples/hello"), folder.join("hello.wasm"));
    let target_dir = Some(root.join("target/guests"));
    let options = Options { output: Some(output.clone()), target_dir, ..Options::default() };
    Toolchain::find(&project, Progress::Quiet).unwrap().build(&project, &options).unwrap();
    output
}

criterion_group!(pieces, protocol, routes, instances, requests);
criterion_main!(pieces);
