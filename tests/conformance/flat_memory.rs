//! Large bodies, which take the host no memory; guests in Python are another matter.

use crate::support::host::Host;

#[test]
fn large_bodies_pass_both_ways_with_flat_memory() {
    const MEGABYTES: usize = 64;
    let host = Host::options().start();
    let (up, down) = (host.deploy("counts_input"), host.deploy("endless"));
    // One of each first: code is loaded and pools are warm.
    up.post("/", vec![0; 1 << 20]).expect(200);
    down.get("/?mb=1&quiet=1").expect(200);
    let before = host.memory("VmHWM");

    let mut client = down.connect();
    client
        .send(down.request("GET", &format!("/?mb={MEGABYTES}&quiet=1&tag=down")).header("Connection", "close").bytes());
    client.head();
    assert!(client.skim(usize::MAX) >= MEGABYTES << 20);
    let line = down.wait_access("tag=down");
    assert_eq!((line.outcome(), line.number("out")), ("ok", (MEGABYTES as u64) << 20));

    let mut client = up.connect();
    let length = (MEGABYTES << 20).to_string();
    client.send(up.request("POST", "/?tag=up").header("Content-Length", &length).bytes());
    let piece: Vec<u8> = (0..1 << 20).map(|n| (n % 251) as u8).collect();
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for _ in 0..MEGABYTES {
        client.send(&piece);
        sum = piece.iter().fold(sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    }
    assert_eq!(client.response().expect(200).text(), format!("{length} {sum:016x}"));
    assert_eq!(up.wait_access("tag=up").number("in"), (MEGABYTES as u64) << 20);

    let grown = host.memory("VmHWM") - before;
    assert!(grown < 16 << 10, "{grown} KiB more memory at the peak");
}
