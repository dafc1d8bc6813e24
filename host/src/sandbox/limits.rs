//! How much memory an instance may have.

use std::sync::Arc;

use wasmtime::{ResourceLimiter, Result};

use crate::tenants::{Holding, OutOfMemory, Pool};

/// A table's element is a pointer.
const ELEMENT: usize = size_of::<usize>();

/// The sum over an instance's memories and tables; wasmtime's own limiter bounds each alone. It is part of its tenant's
/// sum, and that of the host's.
#[derive(Debug)]
pub(super) struct Memory {
    limit: usize,
    used: usize,
    holding: Holding,
    refused: Option<Refused>,
    full: bool,
}

/// Whose limit it was that an instance got no more memory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its own.
    Own,
    /// That of all together: it may well get it later.
    Shared(OutOfMemory),
}

impl Memory {
    /// At most `limit` bytes in all, of `pool`.
    pub(super) fn new(limit: u64, pool: Arc<Pool>) -> Memory {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Memory { limit, used: 0, holding: Holding::of(pool), refused: None, full: false }
    }

    /// Bytes in use; memory never shrinks, so this is the peak too.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Why the call in progress got less than it asked for, if that was so.
    pub(super) fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// Whether its own limit ever kept it from growing: who goes on with it may find nothing left.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// The call that was refused more has returned.
    pub(super) fn forget_refusal(&mut self) {
        self.refused = None;
    }

    fn grow(&mut self, by: usize) -> bool {
        let granted = match self.used.checked_add(by).filter(|used| *used <= self.limit) {
            None => Err(Refused::Own),
            Some(used) => self.holding.grow(used as u64).map(|()| used).map_err(Refused::Shared),
        };
        match granted {
            Ok(used) => self.used = used,
            Err(refused) => {
                self.refused = Some(refused);
                self.full |= refused == Refused::Own;
            }
        }
        granted.is_ok()
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(self.grow(desired.saturating_sub(current).saturating_mul(ELEMENT)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_add_up() {
        let host = Pool::of_host(Some(1 << 16));
        let mut memory = Memory::new(100, host.clone());
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(memory.table_growing(0, 5, None).unwrap());
        assert!(!memory.memory_growing(0, 1, None).unwrap());
        assert_eq!((memory.refused(), memory.used()), (Some(Refused::Own), 100));
        memory.forget_refusal();
        assert!(memory.is_full());
        let mut other = Memory::new(100, host.clone());
        assert!(!other.memory_growing(0, 1, None).unwrap());
        assert_eq!((other.refused(), other.used()), (Some(Refused::Shared(OutOfMemory::Host)), 0));
        assert!(!other.is_full());
        drop(memory);
        assert!(other.memory_growing(0, 1, None).unwrap());
    }
}
