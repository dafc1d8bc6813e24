//! What the machine has for this process: its memory, as far as control groups let it have it, and open files.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Deserializer, de::Error};

use crate::units::ByteSize;

/// A part of the machine's memory: `"50%"`, or a size such as `"4GiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryShare {
    /// Of what the process may have, 1 to 100.
    Percent(u8),
    /// So many bytes.
    Bytes(u64),
}

impl MemoryShare {
    /// In bytes, of a machine with `memory`; none where that is not known and a part of it is asked for.
    pub fn of(self, memory: Option<u64>) -> Option<u64> {
        match self {
            Self::Percent(percent) => memory.map(|memory| memory / 100 * u64::from(percent)),
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

impl<'de> Deserialize<'de> for MemoryShare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong =
            || D::Error::custom("expected a part of the machine's memory such as \"50%\", or a size such as \"4GiB\"");
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        let share = match Either::deserialize(deserializer).map_err(|_| wrong())? {
            Either::Number(bytes) => Some(Self::Bytes(bytes)),
            Either::Text(text) => match text.strip_suffix('%') {
                Some(percent) => percent.trim().parse().ok().map(Self::Percent),
                None => ByteSize::parse(&text).map(|size| Self::Bytes(size.0)),
            },
        };
        share.filter(|share| !matches!(share, Self::Percent(0 | 101..) | Self::Bytes(0))).ok_or_else(wrong)
    }
}

/// The memory that this process may have, in bytes: the machine's, or less where a control group of it says so.
pub fn memory() -> Option<u64> {
    let machine = rustix::system::sysinfo();
    let total = machine.totalram.checked_mul(machine.mem_unit.into());
    let group = group_limit(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default(), Path::new("/sys/fs/cgroup"));
    total.into_iter().chain(group).min()
}

/// How many files the process may open, if there is a limit.
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Opens the way to as many files as the process may have; how many that are, if there is a limit. Descriptors beyond
/// 1,024 are no use to programs that use select(2), so that the soft limit is low; this one doesn't.
pub fn raise_open_files() -> Option<u64> {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limits.maximum, ..limits };
    setrlimit(Resource::Nofile, raised).map_or(limits.current, |()| limits.maximum)
}

/// The least limit of the process's control group and those above it. `groups` is what `/proc/self/cgroup` says (see
/// cgroups(7)): `0::PATH` for version 2, `NUMBER:CONTROLLERS:PATH` for version 1.
fn group_limit(groups: &str, root: &Path) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let (root, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|one| one == "memory") => (root.join("memory"), "memory.limit_in_bytes"),
            _ => return None,
        };
        least(&root, path.trim_start_matches('/'), file)
    });
    limits.min()
}

fn least(root: &Path, path: &str, file: &str) -> Option<u64> {
    // In a container the path may be that outside of it: what is not there limits nothing.
    let folder: PathBuf = root.join(path);
    let folders = folder.ancestors().take_while(|folder| folder.starts_with(root));
    let limit = |folder: &Path| fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok();
    folders.filter_map(limit).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_on_the_way_up_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(group_limit("0::/a/b\n", root.path()), None);
        write("a/b/memory.max", "max\n");
        write("a/memory.max", "1000\n");
        assert_eq!(group_limit("0::/a/b\n", root.path()), Some(1000));
        write("a/b/memory.max", "500\n");
        assert_eq!(group_limit("0::/a/b\n", root.path()), Some(500));
        assert_eq!(group_limit("0::/elsewhere\n", root.path()), None);
        write("memory.max", "700\n");
        assert_eq!(group_limit("0::/elsewhere\n", root.path()), Some(700));
        write("memory/x/memory.limit_in_bytes", "300\n");
        assert_eq!(group_limit("3:cpu:/x\n2:freezer,memory:/x\n0::/\n", root.path()), Some(300));
        assert_eq!(group_limit("nonsense\n\n1:\n", root.path()), None);
    }

    #[test]
    fn this_machine_has_some() {
        assert!(memory().unwrap() > 64 << 20);
    }

    #[test]
    fn a_share_is_a_part_or_a_size() {
        #[derive(Deserialize)]
        struct File {
            memory: MemoryShare,
        }
        let parse = |text: &str| crate::units::from_toml::<File>(&format!("memory = {text}")).map(|file| file.memory);
        assert_eq!(parse("\"50%\"").unwrap().of(Some(1000)), Some(500));
        assert_eq!(parse("\"50%\"").unwrap().of(None), None);
        assert_eq!(parse("\"4KiB\"").unwrap().of(Some(1000)), Some(4096));
        assert_eq!(parse("99").unwrap().of(None), Some(99));
        for bad in ["\"0%\"", "\"101%\"", "\"-1%\"", "\"half\"", "0", "-1", "true"] {
            assert!(parse(bad).unwrap_err().reason.contains("50%"), "{bad}");
        }
    }
}
