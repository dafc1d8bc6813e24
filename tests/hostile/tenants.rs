//! The matrix of noisy neighbours, each attack alone and all at once, with V beside.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use crate::arena::{Arena, Attack};
use crate::size;
use crate::support::version::{padded, version};
use crate::support::wait_for;

pub const CPU: Attack<'_> = Attack { clients: 16, targets: &["/evil/spins?in=handle"], ends: &[503, 504] };
pub const MEMORY: Attack<'_> =
    Attack { clients: 8, targets: &["/evil/hogs", "/evil/counts?grow=120"], ends: &[500, 503, 504, 200] };
pub const LOGS: Attack<'_> = Attack { clients: 4, targets: &["/evil/floods?lines=5000"], ends: &[200, 503, 504] };
pub const TRAPS: Attack<'_> =
    Attack { clients: 8, targets: &["/evil/traps?in=handle", "/evil/traps?in=next"], ends: &[500, 0, 503, 504] };

#[test]
fn t1_each_kind_of_noise_and_all_at_once() {
    let turn = Arena::turn();
    for (name, attack) in [("cpu", CPU), ("memory", MEMORY), ("logs", LOGS), ("traps", TRAPS)] {
        turn.attack(&format!("T1 {name}"), &[attack]);
    }
    // Replaced as fast as it goes, which is another thread's work and a child's.
    let done = AtomicBool::new(false);
    let replaced = thread::scope(|scope| {
        let deploys = scope.spawn(|| {
            let mut count = 0;
            while !done.load(Relaxed) {
                count += 1;
                turn.arena.site.put("evil/again.wasm", version(&format!("version {count}")));
                thread::sleep(size::time() / 20);
            }
            count
        });
        turn.attack("T1 deploys", &[Attack { clients: 1, targets: &["/evil/again"], ends: &[200, 404, 503, 504] }]);
        turn.attack("T1 all at once", &[CPU, MEMORY, LOGS, TRAPS]);
        done.store(true, Relaxed);
        deploys.join().expect("deploys")
    });
    println!("T1 deploys: {replaced} replacements");
    turn.arena.server.answers("/evil/again", padded(&format!("version {replaced}")).trim_end());
    turn.arena.site.remove("evil/again.wasm");
    turn.arena.server.answers("/victim/residue", "0");
}

#[test]
fn t2_a_thousand_requests_sleep() {
    let clients = size::of(1_000).max(100);
    let attack = Attack { clients, targets: &["/evil/sleeps?in=handle&ms=60000"], ends: &[504, 503] };
    Arena::turn().attack(&format!("T2 {clients} sleepers"), &[attack]);
}

/// B computes too, and within its share: it is served beside E.
#[test]
fn t1_a_busy_tenant_is_served_beside_a_spinning_one() {
    let turn = Arena::turn();
    let busy = Attack { clients: 2, targets: &["/busy/chunks?n=20&each=1000&end=unknown"], ends: &[200] };
    let seen = turn.attack("T1 B beside E", &[busy, CPU]);
    assert!(seen.statuses.get(&200).is_some_and(|count| *count > 5), "B was served: {seen:?}");
}

#[test]
fn t3_what_e_left_in_memory_is_never_vs() {
    let turn = Arena::turn();
    let clean = turn.beside("T3 memory of others", || {
        let mut link = turn.arena.server.connect();
        let mut clean = 0;
        for _ in 0..size::of(2_000) {
            let _ = link.get("/evil/counts?grow=24");
            wait_for("an instance for V", || {
                let response = link.get("/victim/residue").expect("an answer");
                (response.status() == 200).then(|| assert_eq!(response.text(), "0"))
            });
            clean += 1;
        }
        clean
    });
    println!("T3: {clean} instances of V's after E's, each with zeros in it alone");
}
