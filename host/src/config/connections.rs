//! What clients may take: how many connections, how long for each phase of one, and how slowly.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use crate::exchange::Pace;
use crate::units::{ByteSize, lasting};

/// What a client may take of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Connections at one time; `None`: 20,000, or fewer where files or memory would not do for so many.
    pub total: Option<u32>,
    /// Connections of one address, or of one /64 of IPv6; 0 is no bound. Not of the machine itself, nor of trusted
    /// proxies. Default 512: an office behind one address has a few for each of its browsers.
    pub per_address: u32,
    /// A TLS handshake. Default 10 s: it is two packets each way.
    pub handshake: Duration,
    /// Until a connection's first byte. Default 20 s: browsers open connections in advance, and use them soon.
    pub first_byte: Duration,
    /// From a request head's first byte to its last. Default 10 s: a head is one or two packets.
    pub head: Duration,
    /// Silence between two requests. Default 60 s, about what browsers and proxies keep theirs for.
    pub idle: Duration,
    /// The slowest that a client may send a body that is waited for, and take a response. Default 240 bytes a second,
    /// after 10 s in which it may be slower.
    pub pace: Pace,
}

impl Default for Connections {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            total: None,
            per_address: 512,
            handshake: seconds(10),
            first_byte: seconds(20),
            head: seconds(10),
            idle: seconds(60),
            // Kestrel's rate: who is slower than the modems of 1985 holds an instance on purpose. And networks pause.
            pace: Pace { rate: 240, grace: seconds(10) },
        }
    }
}

/// The most connections that there are unless the configuration asks for more: enough for what one machine serves.
const MOST: u64 = 20_000;

/// The least.
const LEAST: u64 = 16;

/// Open files that are not clients': the state, logs, components, timers.
const OWN_FILES: u64 = 64;

/// What an idle connection takes of memory, in bytes; an eighth of the machine's is for connections.
const BYTES_OF_ONE: u64 = 20 << 10;

impl Connections {
    /// How many there may be at one time, for a process that may open so many files on a machine with so much memory.
    pub fn most(&self, files: Option<u64>, memory: Option<u64>) -> usize {
        let by_files = files.map_or(MOST, |files| files.saturating_sub(OWN_FILES.max(files / 8)));
        let by_memory = memory.map_or(MOST, |memory| memory / 8 / BYTES_OF_ONE);
        let most = self.total.map_or(MOST.min(by_files).min(by_memory).max(LEAST), u64::from);
        usize::try_from(most).unwrap_or(usize::MAX)
    }
}

/// `[connections]` as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectionsTable {
    #[serde(default, deserialize_with = "some")]
    total: Option<u32>,
    per_address: Option<u32>,
    #[serde(default, deserialize_with = "lasting")]
    handshake: Option<Duration>,
    #[serde(default, deserialize_with = "lasting")]
    first_byte: Option<Duration>,
    #[serde(default, deserialize_with = "lasting")]
    head: Option<Duration>,
    #[serde(default, deserialize_with = "lasting")]
    idle: Option<Duration>,
    min_bytes_per_second: Option<ByteSize>,
    #[serde(default, deserialize_with = "lasting")]
    grace: Option<Duration>,
}

impl ConnectionsTable {
    pub(super) fn over(&self, defaults: Connections) -> Connections {
        Connections {
            total: self.total.or(defaults.total),
            per_address: self.per_address.unwrap_or(defaults.per_address),
            handshake: self.handshake.unwrap_or(defaults.handshake),
            first_byte: self.first_byte.unwrap_or(defaults.first_byte),
            head: self.head.unwrap_or(defaults.head),
            idle: self.idle.unwrap_or(defaults.idle),
            pace: Pace {
                rate: self.min_bytes_per_second.map_or(defaults.pace.rate, |size| size.0),
                grace: self.grace.unwrap_or(defaults.pace.grace),
            },
        }
    }
}

fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(D::Error::custom("0 connections would serve nobody (at least 1)")),
        number => Ok(Some(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_connections_as_files_and_memory_will_do_for() {
        let most = |total, files, memory| Connections { total, ..Connections::default() }.most(files, memory);
        assert_eq!(most(None, Some(1 << 20), Some(16 << 30)), 20_000);
        assert_eq!(most(None, Some(1024), Some(16 << 30)), 896);
        assert_eq!(most(None, Some(256), None), 192);
        assert_eq!(most(None, Some(32), None), 16);
        assert_eq!(most(None, None, Some(512 << 20)), 3276);
        assert_eq!(most(Some(7), Some(1024), None), 7);
        assert_eq!(most(Some(50_000), Some(1024), None), 50_000);
    }
}
