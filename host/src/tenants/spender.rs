//! Whose CPU a call uses: an application's, which is a tenant's; and how many of its calls are long at present.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::account::Account;

/// One version of an application, as one who computes.
#[derive(Debug)]
pub struct Spender {
    account: Arc<Account>,
    long: AtomicU32,
}

impl Spender {
    /// One of the tenant that `account` is of.
    pub fn new(account: Arc<Account>) -> Arc<Self> {
        Arc::new(Self { account, long: AtomicU32::new(0) })
    }

    /// Its tenant's account.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// One of its calls has become a long one.
    pub fn begin_long(&self) {
        self.long.fetch_add(1, Relaxed);
        self.account.long().fetch_add(1, Relaxed);
    }

    /// One of them is over, or is short again.
    pub fn end_long(&self) {
        self.long.fetch_sub(1, Relaxed);
        self.account.long().fetch_sub(1, Relaxed);
    }

    /// How many of its calls are long.
    pub fn long(&self) -> u32 {
        self.long.load(Relaxed)
    }

    /// The same of all that its tenant has.
    pub fn long_of_tenant(&self) -> u32 {
        self.account.long().load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_applications_long_calls_are_its_tenants() {
        let account = Account::unlimited();
        let (one, other) = (Spender::new(account.clone()), Spender::new(account));
        one.begin_long();
        one.begin_long();
        other.begin_long();
        assert_eq!((one.long(), other.long(), one.long_of_tenant()), (2, 1, 3));
        one.end_long();
        assert_eq!((one.long(), other.long(), other.long_of_tenant()), (1, 1, 2));
    }
}
