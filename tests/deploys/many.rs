//! Many applications, each with a content of its own, start from a warm cache in about no time.
//!
//! `WASGI_APPS=1000 cargo test --release --test deploys many -- --nocapture` is the whole figure.

use std::fs;
use std::time::Instant;

use crate::support::site::{Server, Site};
use crate::support::version::unique;
use crate::support::wait_for;

fn count() -> usize {
    std::env::var("WASGI_APPS").map_or(200, |count| count.parse().expect("WASGI_APPS is a number"))
}

#[test]
fn hundreds_of_applications_start_from_a_warm_cache() {
    let (site, count) = (Site::new(), count());
    let marks: Vec<String> = (0..count)
        .map(|number| {
            let (mark, component) = unique(number);
            fs::write(site.file(&format!("app{number}.wasm")), component).expect("a file");
            mark
        })
        .collect();
    let cold = Instant::now();
    let server = site.serve();
    for number in 0..count {
        server.out.after(0, &format!("deployed app{number} ("));
    }
    println!("{count} applications: deployed for the first time in {:.1?}", cold.elapsed());
    server.stop();
    let compiled = fs::read_dir(site.state_folder().join("code")).expect("the code cache").count();
    assert_eq!(compiled, count);

    let mut took = Vec::new();
    for round in 0..5 {
        let start = Instant::now();
        let server = site.serve();
        let listening = start.elapsed();
        let picked = pick(&server, count, round);
        let answer = server.get(&format!("/app{picked}"));
        let answered = start.elapsed();
        assert_eq!((answer.status(), answer.text().to_owned()), (200, marks[picked].clone()));
        took.push(answered);
        println!("listening after {listening:.0?}, application {picked} answers after {answered:.0?}");
        server.kill();
    }
    let server = site.serve();
    server.out.after(0, &format!("serving {count} applications as before"));
    println!("memory before any request: {} KiB", server.rss());
    for (number, mark) in marks.iter().enumerate() {
        let answer = server.get(&format!("/app{number}"));
        assert_eq!((answer.status(), answer.text()), (200, mark.as_str()));
    }
    println!("memory after a request to each: {} KiB", server.rss());
    wait_for("a quiet end", || Some(server.status_of("/app0")));
    if !cfg!(debug_assertions) {
        assert!(took.iter().min().expect("rounds").as_millis() <= 1000, "{took:?}");
    }
}

/// Any of them: the process's number is as good as a die.
fn pick(server: &Server, count: usize, round: usize) -> usize {
    (server.pid() as usize).wrapping_mul(2_654_435_761).wrapping_add(round) % count
}
