//! Tenants: what each may have ([`Quota`]) and what each uses ([`Account`]).
//!
//! Knows nothing of HTTP and wasm. Whoever serves a request asks the account of its application's tenant; the deployer
//! owns the [`Tenants`] and puts new quotas in force.

mod account;
mod bucket;
mod gate;
mod memory;
mod quota;
mod spender;

pub use account::{Account, Usage};
pub use gate::{Bounds, Full, Gate, Pass, Waiting};
pub use memory::{Holding, Need, OutOfMemory, Pool, Spare};
pub use quota::{Quota, QuotaTable, Quotas};
pub use spender::Spender;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::apps::TenantName;

/// All tenants that have something, with their accounts.
#[derive(Debug)]
pub struct Tenants {
    quotas: Quotas,
    host: Arc<Pool>,
    accounts: BTreeMap<TenantName, Arc<Account>>,
}

impl Tenants {
    /// Tenants with these quotas, within the host's memory.
    pub fn new(quotas: Quotas, host: Arc<Pool>) -> Self {
        Self { quotas, host, accounts: BTreeMap::new() }
    }

    /// What `tenant` may have.
    pub fn quota(&self, tenant: &TenantName) -> &Quota {
        self.quotas.of(tenant)
    }

    /// The account of `tenant`, which is opened when it is first asked for.
    pub fn account(&mut self, tenant: &TenantName) -> Arc<Account> {
        let open = || Account::new(self.quotas.of(tenant), self.host.clone());
        self.accounts.entry(tenant.clone()).or_insert_with(open).clone()
    }

    /// Every account.
    pub fn accounts(&self) -> impl Iterator<Item = (&TenantName, &Account)> {
        self.accounts.iter().map(|(tenant, account)| (tenant, &**account))
    }

    /// Other quotas are in force from now on.
    pub fn set(&mut self, quotas: Quotas) {
        self.quotas = quotas;
        self.accounts.iter().for_each(|(tenant, account)| account.set(self.quotas.of(tenant)));
    }

    /// Closes the accounts that nobody uses.
    pub fn close_unused(&mut self) {
        self.accounts.retain(|_, account| Arc::strong_count(account) > 1);
    }
}
