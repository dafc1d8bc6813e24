//! How much memory an instance may have.

use wasmtime::{ResourceLimiter, Result};

/// A table's element is a pointer.
const ELEMENT: usize = size_of::<usize>();

/// The sum over an instance's memories and tables; wasmtime's own limiter bounds each alone.
#[derive(Debug)]
pub(super) struct Memory {
    limit: usize,
    used: usize,
    refused: bool,
}

impl Memory {
    /// At most `limit` bytes in all.
    pub(super) fn new(limit: u64) -> Memory {
        Memory { limit: usize::try_from(limit).unwrap_or(usize::MAX), used: 0, refused: false }
    }

    /// Bytes in use; memory never shrinks, so this is the peak too.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Whether the call in progress asked for more than there may be.
    pub(super) fn was_refused(&self) -> bool {
        self.refused
    }

    /// The call that was refused more has returned.
    pub(super) fn forget_refusal(&mut self) {
        self.refused = false;
    }

    fn grow(&mut self, by: usize) -> bool {
        let fits = self.used.checked_add(by).is_some_and(|used| used <= self.limit);
        if fits {
            self.used += by;
        } else {
            self.refused = true;
        }
        fits
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
        let mut memory = Memory::new(100);
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(memory.table_growing(0, 5, None).unwrap());
        assert!(!memory.memory_growing(0, 1, None).unwrap());
        assert!(memory.was_refused());
        assert_eq!(memory.used(), 100);
    }
}
