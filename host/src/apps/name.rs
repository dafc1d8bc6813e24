//! Names of applications and tenants, checked once, where they enter.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest name, in bytes: a name with `.toml.tmp` behind it still fits Linux's 255.
const LONGEST_NAME: usize = 240;

/// The name of an application: the file's name without `.wasm`.
///
/// One to 240 of `[A-Za-z0-9._-]`, not beginning with a dot, so that it is always one safe path segment. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppName(Arc<str>);

/// The name of a tenant, by the rules of [`AppName`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantName(Arc<str>);

/// What state, logs and status are keyed by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AppKey {
    /// Who the application belongs to.
    pub tenant: TenantName,
    /// Its name among that tenant's.
    pub name: AppName,
}

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("a name can't be empty")]
    Empty,
    /// Dotfiles are never applications.
    #[error("a name can't begin with a dot")]
    Dot,
    /// More than 240 bytes.
    #[error("a name has at most {LONGEST_NAME} characters")]
    Long,
    /// The first character outside of the set.
    #[error("{0:?} can't be in a name (letters, digits, '.', '_' and '-' can)")]
    Character(char),
}

impl AppName {
    /// Checks `text` and makes it a name.
    ///
    /// # Errors
    /// Where it is empty, too long, begins with a dot or has another character than `[A-Za-z0-9._-]`.
    pub fn new(text: &str) -> Result<Self, NameError> {
        check(text).map(Self)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TenantName {
    /// Checks `text` and makes it a name.
    ///
    /// # Errors
    /// Those of [`AppName::new`].
    pub fn new(text: &str) -> Result<Self, NameError> {
        check(text).map(Self)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The tenant of everything that lies in the deploy directory itself.
const DEFAULT: &str = "default";

impl TenantName {
    /// Whether it is the operator's own, of what lies in the deploy directory itself.
    pub fn is_default(&self) -> bool {
        &*self.0 == DEFAULT
    }
}

impl Default for TenantName {
    fn default() -> Self {
        Self(Arc::from(DEFAULT))
    }
}

impl AppKey {
    /// `name` of the default tenant.
    pub fn of_default(name: AppName) -> Self {
        Self { tenant: TenantName::default(), name }
    }

    /// What sorts before all applications of `tenant`, and is none: to search by.
    pub fn before(tenant: TenantName) -> Self {
        Self { tenant, name: AppName(Arc::from("")) }
    }
}

/// `TENANT/NAME`, and of the default tenant the name alone.
impl fmt::Display for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tenant.is_default() { self.name.fmt(f) } else { write!(f, "{}/{}", self.tenant, self.name) }
    }
}

impl FromStr for AppKey {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once('/') {
            None => AppName::new(text).map(Self::of_default),
            Some((tenant, name)) => Ok(Self { tenant: TenantName::new(tenant)?, name: AppName::new(name)? }),
        }
    }
}

fn check(text: &str) -> Result<Arc<str>, NameError> {
    let foreign = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    match text.chars().find(foreign) {
        Some(c) => Err(NameError::Character(c)),
        None if text.is_empty() => Err(NameError::Empty),
        None if text.starts_with('.') => Err(NameError::Dot),
        None if text.len() > LONGEST_NAME => Err(NameError::Long),
        None => Ok(Arc::from(text)),
    }
}

macro_rules! text_like {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }
    )*};
}

text_like!(AppName TenantName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_safe_path_segment() {
        for good in ["hello", "shop.example.com", "A_b-9", "-", "a..b"] {
            assert_eq!(AppName::new(good).unwrap().as_str(), good);
        }
        assert_eq!(AppName::new(""), Err(NameError::Empty));
        for bad in [".", "..", ".hidden"] {
            assert_eq!(AppName::new(bad), Err(NameError::Dot), "{bad}");
        }
        for (bad, c) in [("a/b", '/'), ("a b", ' '), ("é", 'é'), ("a\0", '\0'), ("a\n", '\n')] {
            assert_eq!(AppName::new(bad), Err(NameError::Character(c)), "{bad}");
        }
        assert_eq!(AppName::new(&"a".repeat(241)), Err(NameError::Long));
    }

    #[test]
    fn an_application_is_named_with_its_tenant() {
        for text in ["shop", "acme/shop", "acme/shop.example.com"] {
            assert_eq!(text.parse::<AppKey>().unwrap().to_string(), text);
        }
        assert_eq!("default/shop".parse::<AppKey>().unwrap().to_string(), "shop");
        assert!("shop".parse::<AppKey>().unwrap().tenant.is_default());
        for bad in ["", "/shop", "acme/", "a/b/c", "../key"] {
            assert!(bad.parse::<AppKey>().is_err(), "{bad}");
        }
    }
}
