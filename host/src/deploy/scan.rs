//! What lies in a folder of the deploy directory, by name: the two files of each application, the tenants' folders, and
//! what is none of these.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::apps::{AppKey, AppName, TenantName};
use crate::state::records::{Identity, Kind, Pair};

/// How long after a manifest its component may come without the manifest being reported.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// Of a tenant's names that are no application's so many are reported one by one; the others only by their number.
const ODD_NAMES: usize = 20;

/// Which of an application's files a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Component,
    Manifest,
}

/// What a scan of one folder found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) apps: BTreeMap<AppName, Pair>,
    /// The tenants whose folders lie in it: in the deploy directory itself, and nowhere else.
    pub(super) tenants: BTreeSet<TenantName>,
    /// Names that are none of these, with the reason.
    pub(super) odd: BTreeMap<OsString, String>,
}

/// What a file's name says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    Of(AppKey, Part),
    Hidden,
    Odd(String),
}

impl Found {
    /// Nothing but one application.
    pub(super) fn one(name: AppName, pair: Pair) -> Self {
        let mut found = Self::default();
        found.apps.insert(name, pair);
        found.set_lone_manifests_apart();
        found
    }

    /// Looks at all of the tenant's `folder`.
    pub(super) fn of(tenant: &TenantName, folder: &Path, most: usize) -> io::Result<Self> {
        let mut found = Self::default();
        for (count, entry) in fs::read_dir(folder)?.enumerate() {
            if count >= most {
                return Err(io::Error::other(format!("it holds more than {most} names")));
            }
            let entry = entry?;
            // What left between the two system calls is not there.
            let Ok(meta) = entry.metadata() else { continue };
            found.add(tenant, entry.file_name(), Identity::from(&meta));
        }
        found.set_lone_manifests_apart();
        if !tenant.is_default() {
            found.count_odd_names();
        }
        Ok(found)
    }

    fn add(&mut self, tenant: &TenantName, file: OsString, identity: Identity) {
        let reason = match named(tenant, &file) {
            Named::Hidden => return,
            Named::Of(key, part) => {
                *part.of(self.apps.entry(key.name).or_default()) = Some(identity);
                return;
            }
            Named::Odd(reason) => reason,
        };
        let reason = match identity.kind {
            Kind::Directory if !tenant.is_default() => "a tenant's folder has no sub-directories".to_owned(),
            Kind::Directory => match tenant_of(&file) {
                Ok(tenant) => {
                    self.tenants.insert(tenant);
                    return;
                }
                Err(reason) => reason,
            },
            Kind::Link => "it is a symbolic link, which is never followed".to_owned(),
            Kind::File | Kind::Special => reason,
        };
        self.odd.insert(file, reason);
    }

    /// A manifest without a component is no application; that is told unless the component may be on its way.
    fn set_lone_manifests_apart(&mut self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (apps, odd) = (&mut self.apps, &mut self.odd);
        apps.retain(|name, pair| {
            let old = |manifest: &Identity| {
                u128::try_from(manifest.ctime).unwrap_or(0) + ON_ITS_WAY.as_nanos() < now.as_nanos()
            };
            if pair.component.is_none() && pair.manifest.as_ref().is_some_and(old) {
                odd.insert(
                    Part::Manifest.file_name(name).into(),
                    format!("there is no {} beside it", Part::Component.file_name(name)),
                );
            }
            pair.component.is_some()
        });
    }

    fn count_odd_names(&mut self) {
        if let Some(last) = self.odd.keys().nth(ODD_NAMES).cloned() {
            let more = self.odd.split_off(&last).len();
            self.odd.insert("*".into(), format!("{more} more names are no application's either"));
        }
    }
}

impl Part {
    fn of(self, pair: &mut Pair) -> &mut Option<Identity> {
        match self {
            Self::Component => &mut pair.component,
            Self::Manifest => &mut pair.manifest,
        }
    }

    /// The file's name.
    pub(super) fn file_name(self, name: &AppName) -> String {
        match self {
            Self::Component => format!("{name}.wasm"),
            Self::Manifest => format!("{name}.toml"),
        }
    }
}

/// The tenant whose folder has this name; or why it is nobody's.
fn tenant_of(folder: &OsStr) -> Result<TenantName, String> {
    let tenant = folder.to_str().ok_or("its name is not UTF-8")?;
    match TenantName::new(tenant) {
        Ok(tenant) if tenant.is_default() => {
            let reason =
                "a sub-directory can't have this name: the tenant default has what lies in the directory itself";
            Err(format!("{reason} (move its files up, or rename it)"))
        }
        Ok(tenant) => Ok(tenant),
        Err(error) => Err(error.to_string()),
    }
}

/// What the name of a file in the tenant's folder says.
pub(super) fn named(tenant: &TenantName, file: &OsStr) -> Named {
    let text = file.to_string_lossy();
    if text.starts_with('.') {
        return Named::Hidden;
    }
    let (stem, part) = match text.rsplit_once('.') {
        Some((stem, "wasm")) => (stem, Part::Component),
        Some((stem, "toml")) => (stem, Part::Manifest),
        _ => return Named::Odd("only NAME.wasm and NAME.toml are served".to_owned()),
    };
    match AppName::new(stem) {
        Ok(name) if file.to_str().is_some() => Named::Of(AppKey { tenant: tenant.clone(), name }, part),
        Ok(_) => Named::Odd("its name is not UTF-8".to_owned()),
        Err(error) => Named::Odd(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn applications_are_told_from_everything_else() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["a.wasm", "b.wasm", "b.toml", "alone.toml", ".c.wasm", "README", "a b.wasm", "a.wasm.tmp", ".wasm"]
        {
            fs::write(dir.path().join(file), file).unwrap();
        }
        for folder in ["acme", "default", "a b", ".hidden", "d.wasm"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        symlink("/etc/passwd", dir.path().join("l.wasm")).unwrap();
        symlink("/etc", dir.path().join("link")).unwrap();
        let found = Found::of(&TenantName::default(), dir.path(), usize::MAX).unwrap();
        let apps: Vec<_> = found.apps.keys().map(AppName::as_str).collect();
        assert_eq!(apps, ["a", "b", "d", "l"]);
        let odd: Vec<_> = found.odd.keys().map(|name| name.to_str().unwrap()).collect();
        assert_eq!(odd, ["README", "a b", "a b.wasm", "a.wasm.tmp", "default", "link"]);
        assert!(found.odd[OsStr::new("default")].contains("can't have this name"));
        assert!(found.odd[OsStr::new("link")].contains("symbolic link"));
        assert_eq!(found.tenants, [TenantName::new("acme").unwrap()].into());
        let kinds: Vec<_> = found.apps.values().map(|pair| pair.component.unwrap().kind).collect();
        assert_eq!(kinds, [Kind::File, Kind::File, Kind::Directory, Kind::Link]);
        assert!(found.apps.values().map(|pair| pair.manifest.is_some()).eq([false, true, false, false]));
    }

    #[test]
    fn a_tenants_folder_is_flat_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("deep")).unwrap();
        fs::write(dir.path().join("a.wasm"), "a").unwrap();
        let tenant = TenantName::new("acme").unwrap();
        let scan = |most| Found::of(&tenant, dir.path(), most);
        let found = scan(2).unwrap();
        assert!(found.tenants.is_empty() && found.apps.len() == 1);
        assert!(found.odd[OsStr::new("deep")].contains("no sub-directories"));
        assert!(scan(1).unwrap_err().to_string().contains("more than 1 names"));
        (0..99).for_each(|number| fs::write(dir.path().join(format!("n{number:02}")), "").unwrap());
        let found = scan(200).unwrap();
        assert_eq!(found.odd.len(), ODD_NAMES + 1);
        assert!(found.odd[OsStr::new("*")].starts_with("80 more"));
    }
}
