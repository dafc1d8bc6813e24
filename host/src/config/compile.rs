//! What one compilation may use.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use crate::units::{ByteSize, lasting};

/// What one compilation in a child process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// CPU time over all of its threads; whole seconds, rounded up. Default 60 s: an interpreter takes 4 to 14.
    pub cpu: Duration,
    /// Time from start to end. Default 10 min: a compilation gives way to serving, and on a busy machine gets a tenth of
    /// a processor.
    pub wall: Duration,
    /// The process's memory in bytes. Default 2 GiB: an interpreter takes 470 MiB.
    pub memory: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { cpu: Duration::from_secs(60), wall: Duration::from_secs(600), memory: 2 << 30 }
    }
}

/// `[compile]` as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompileTable {
    #[serde(default, deserialize_with = "lasting")]
    cpu: Option<Duration>,
    #[serde(default, deserialize_with = "lasting")]
    wall: Option<Duration>,
    #[serde(default, deserialize_with = "compiler_memory")]
    memory: Option<u64>,
}

impl CompileTable {
    pub(super) fn over(self, defaults: CompileLimits) -> CompileLimits {
        CompileLimits {
            cpu: self.cpu.unwrap_or(defaults.cpu),
            wall: self.wall.unwrap_or(defaults.wall),
            memory: self.memory.unwrap_or(defaults.memory),
        }
    }
}

/// Below, not even the compiler itself would start.
fn compiler_memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    const LEAST: ByteSize = ByteSize(64 << 20);
    match ByteSize::deserialize(deserializer)? {
        size if size >= LEAST => Ok(Some(size.0)),
        size => Err(D::Error::custom(format_args!("{size} is less than {LEAST}, which a compiler needs at least"))),
    }
}
