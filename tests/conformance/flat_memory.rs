//! Large bodies, which take the host no memory; guests in Python are another matter.
//!
//! `WASGI_MEGABYTES=1024 cargo test --test conformance flat_memory -- --nocapture` sends a gibibyte each way.

use crate::support::host::Host;

#[test]
fn large_bodies_pass_both_ways_with_flat_memory() {
    let megabytes: usize = std::env::var("WASGI_MEGABYTES").map_or(64, |count| count.parse().expect("a number"));
    let host = Host::options().start();
    let (up, down) = (host.deploy("counts_input"), host.deploy("endless"));
    // One of each first: code is loaded and pools are warm.
    up.post("/", vec![0; 1 << 20]).expect(200);
    down.get("/?mb=1&quiet=1").expect(200);
    let before = host.memory("VmHWM");

    let mut client = down.connect();
    client
        .send(down.request("GET", &format!("/?mb={megabytes}&quiet=1&tag=down")).header("Connection", "close").bytes());
    client.head();
    assert!(client.skim(usize::MAX) >= megabytes << 20);
    let line = down.wait_access("tag=down");
    assert_eq!((line.outcome(), line.number("out")), ("ok", (megabytes as u64) << 20));

    let mut client = up.connect();
    let length = (megabytes << 20).to_string();
    client.send(up.request("POST", "/?tag=up").header("Content-Length", &length).bytes());
    let piece: Vec<u8> = (0..1 << 20).map(|n| (n % 251) as u8).collect();
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for _ in 0..megabytes {
        client.send(&piece);
        sum = piece.iter().fold(sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    }
    assert_eq!(client.response().expect(200).text(), format!("{length} {sum:016x}"));
    assert_eq!(up.wait_access("tag=up").number("in"), (megabytes as u64) << 20);

    let grown = host.memory("VmHWM") - before;
    println!("{megabytes} MiB each way: {grown} KiB more memory at the peak than {before} KiB before");
    assert!(grown < 16 << 10, "{grown} KiB more memory at the peak");
}
