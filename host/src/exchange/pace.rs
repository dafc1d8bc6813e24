//! How slow a client may be. Pure.

use std::time::Duration;

/// The slowest that a client may send a body that is waited for, and take a response that waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bytes a second; 0 is as slowly as it likes.
    pub rate: u64,
    /// How long it may be slower before that counts.
    pub grace: Duration,
}

impl Pace {
    /// How long whoever has moved so many bytes may have taken for them; none where it may take for ever.
    pub fn patience(&self, bytes: u64) -> Option<Duration> {
        let nanos = (u128::from(bytes) * 1_000_000_000).checked_div(self.rate.into())?;
        self.grace.checked_add(Duration::from_nanos(u64::try_from(nanos).ok()?))
    }
}

/// Without any demands.
impl Default for Pace {
    fn default() -> Self {
        Self { rate: 0, grace: Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_with_what_was_moved() {
        let pace = Pace { rate: 100, grace: Duration::from_secs(5) };
        assert_eq!(pace.patience(0), Some(Duration::from_secs(5)));
        assert_eq!(pace.patience(1_000), Some(Duration::from_secs(15)));
        assert_eq!((Pace::default().patience(0), pace.patience(u64::MAX)), (None, None));
    }
}
