//! What E's applications do, each with V beside: how it ends is what the contract says, and V answers. Where many
//! compute, some have no processor for so long that the wall clock ends them: 504.
//!
//! What each rule is in detail is shown by the suite `conformance`, where nobody else is about.

use crate::arena::{Arena, Attack};

/// Two clients that ask for `targets`, which end as `ends` say (0 is a cut).
#[track_caller]
fn attack(name: &str, targets: &[&str], ends: &[u16]) {
    Arena::turn().attack(name, &[Attack { clients: 2, targets, ends }]);
}

#[test]
fn g1_one_spins_in_every_phase() {
    let targets = ["handle", "first", "next", "close", "sent"].map(|phase| format!("/evil/spins?in={phase}"));
    let targets: Vec<_> = targets.iter().map(String::as_str).collect();
    let turn = Arena::turn();
    turn.attack("G1 one spinner", &[Attack { clients: 1, targets: &targets[..1], ends: &[503, 504] }]);
    attack_on(&turn, "G1 every phase", &targets, &[503, 504, 0, 200]);
}

#[test]
fn g2_sixty_four_spin() {
    let attacks =
        [Attack { clients: 64, targets: &["/evil/spins?in=handle", "/evil/spins?in=next"], ends: &[503, 504, 0] }];
    Arena::turn().attack("G2 64 spinners", &attacks);
}

#[test]
fn g3_memory_is_grown_without_end() {
    attack("G3 memory", &["/evil/hogs", "/evil/overreaches?want=1", "/evil/counts?grow=100"], &[500, 503, 504, 200]);
}

#[test]
fn g4_recursion_has_no_end() {
    attack("G4 recursion", &["/evil/recurses"], &[500]);
}

#[test]
fn g5_traps_in_every_phase() {
    let targets = ["handle", "first", "next", "close", "sent"].map(|phase| format!("/evil/traps?in={phase}"));
    attack("G5 traps", &targets.each_ref().map(String::as_str), &[500, 0, 200]);
}

#[test]
fn g8_handles_are_never_dropped() {
    let turn = Arena::turn();
    let before = turn.arena.server.rss();
    attack_on(&turn, "G8 handles", &["/evil/hoards", "/evil/hoards?first=1"], &[500, 503, 0]);
    let grown = turn.arena.server.rss().saturating_sub(before);
    println!("G8 handles: the server's memory is {grown} KiB more after it");
    assert!(grown < 256 << 10, "{grown} KiB");
}

#[test]
fn g9_lengths_are_lies() {
    let targets = ["log", "status", "header", "write", "chunk"].map(|what| format!("/evil/lies?what={what}"));
    attack("G9 lengths", &targets.each_ref().map(String::as_str), &[500, 0]);
}

#[test]
fn g10_logs_are_flooded() {
    attack("G10 logs", &["/evil/floods?lines=5000", "/evil/logs?tag=forged"], &[200, 503, 504]);
}

#[test]
fn g11_and_g12_headers_are_forbidden_and_split() {
    let targets = [
        "/evil/headers?Connection=close&Transfer-Encoding=chunked",
        "/evil/headers?Content-Length=1&Content-Length=2",
        "/evil/headers?X=a%0d%0aY:%20b",
        "/evil/headers?X=a%00b",
        "/evil/headers?X%0d%0aY=b",
        "/evil/status?status=200%20O%0d%0aX:%20y",
    ];
    attack("G11 and G12 headers", &targets, &[500, 200]);
}

#[test]
fn g13_statuses_are_none() {
    let targets = ["0", "99", "100%20Continue", "101%20Switching", "600%20No", "204%20None", "304%20Same"];
    let targets = targets.map(|status| format!("/evil/status?status={status}"));
    attack("G13 statuses", &targets.each_ref().map(String::as_str), &[500, 204, 304]);
}

#[test]
fn g14_and_g15_streams_have_no_end() {
    attack("G14 and G15 streams", &["/evil/endless?quiet=1", "/evil/empties", "/evil/empties?first=x"], &[503, 504, 0]);
}

#[test]
fn g16_one_chunk_is_huge() {
    attack("G16 a chunk of 32 MiB", &["/evil/big_chunk?mb=32"], &[200, 503, 504]);
}

#[test]
fn g17_the_input_is_ignored_overread_and_held() {
    attack("G17 input", &["/evil/ignores", "/evil/overreads", "/evil/swallows?first=x", "/evil/echo"], &[200]);
}

#[test]
fn g18_start_response_never_twice_and_late() {
    let targets = ["/evil/never_starts", "/evil/starts_twice", "/evil/late_calls", "/evil/replaces?when=late"];
    attack("G18 start_response", &targets, &[500, 200, 0]);
}

#[test]
fn g19_one_sleeps_for_ever() {
    attack("G19 sleep", &["/evil/sleeps?in=handle&ms=60000", "/evil/sleeps?in=next&ms=60000"], &[504, 0]);
}

#[test]
fn g20_what_is_not_granted_is_reached_for() {
    attack("G20 reaching out", &["/evil/forbidden?port=80"], &[200]);
}

#[track_caller]
fn attack_on(turn: &crate::arena::Turn, name: &str, targets: &[&str], ends: &[u16]) {
    turn.attack(name, &[Attack { clients: 2, targets, ends }]);
}
