//! Files: where a process may read, write and execute, from now on.

use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    Scope, path_beneath_rules,
};

/// The newest restrictions that are asked for: those of Linux 6.12.
const WANTED: ABI = ABI::V6;

/// What each version since the first can restrict, for people.
const ADDED: [(ABI, &str); 5] = [
    (ABI::V2, "moving files between folders"),
    (ABI::V3, "cutting files"),
    (ABI::V4, "connecting to other hosts"),
    (ABI::V5, "controlling devices"),
    (ABI::V6, "signals to other processes"),
];

/// What a server needs of the file system. Of the network it needs nothing: its sockets are open.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// Folders and files that it reads.
    pub(crate) read: Vec<PathBuf>,
    /// Folders in which it makes, changes and deletes whatever it likes.
    pub(crate) own: Vec<PathBuf>,
    /// Folders in which it makes files and writes to them, and files that it writes to.
    pub(crate) append: Vec<PathBuf>,
}

impl Reach {
    /// `file` may be read, whatever takes its place by then: also where it is a link, and the link or what it leads to
    /// is replaced.
    pub(crate) fn reads_again(&mut self, file: &Path) {
        self.read.extend(folders(file));
    }

    /// `file` may be written to, and made again once it was moved away.
    pub(crate) fn appends_again(&mut self, file: &Path) {
        // A device has no folder that is a log's.
        match fs::metadata(file) {
            Ok(found) if !found.is_file() => self.append.push(file.to_owned()),
            _ => self.append.extend(folders(file)),
        }
    }
}

/// The folder of a path, and that of what it leads to.
fn folders(file: &Path) -> impl Iterator<Item = PathBuf> {
    let folder = |path: &Path| match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Some(PathBuf::from(".")),
        folder => folder.map(Path::to_owned),
    };
    let led = file.canonicalize().ok().and_then(|path| folder(&path));
    folder(file).into_iter().chain(led)
}

/// Leaves this thread, and all that it starts, the `reach` and what every process needs. Gives back what the kernel can't
/// restrict. A path that is not there gives no right.
///
/// # Errors
/// Where the kernel does not do what it says it can.
pub(super) fn confine(reach: &Reach) -> Result<Vec<String>, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let own = AccessFs::from_all(WANTED) & !(AccessFs::Execute | AccessFs::IoctlDev | AccessFs::MakeSym | devices());
    let append = AccessFs::WriteFile | AccessFs::MakeReg;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(WANTED))?
        .handle_access(AccessNet::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()?
        .add_rules(path_beneath_rules(&reach.read, read))?
        .add_rules(path_beneath_rules(&reach.own, own))?
        .add_rules(path_beneath_rules(&reach.append, append))?
        .add_rules(path_beneath_rules(OF_THE_SYSTEM, read))?
        .add_rules(path_beneath_rules(program(), AccessFs::ReadFile | AccessFs::Execute))?
        .restrict_self()?;
    Ok(match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => {
            let missing = ADDED.iter().filter(|(abi, _)| *abi > effective_abi);
            missing.map(|(_, what)| format!("no restriction of {what} (Landlock {effective_abi})")).collect()
        }
        LandlockStatus::NotEnabled => vec!["no restriction of files (Landlock is not enabled at boot)".to_owned()],
        LandlockStatus::NotImplemented => vec!["no restriction of files (no Landlock)".to_owned()],
    })
}

fn devices() -> BitFlags<AccessFs> {
    AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeFifo
}

/// What a process reads of itself and of its limits, and what its loader reads where it runs its own program again.
const OF_THE_SYSTEM: [&str; 3] = ["/proc/self", "/sys/fs/cgroup", "/etc/ld.so.cache"];

/// The program that runs, its loader and its libraries: what the compiling process is made of.
fn program() -> Vec<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mut files: Vec<_> = maps.lines().filter_map(executed).map(PathBuf::from).collect();
    files.dedup();
    files.push("/proc/self/exe".into());
    files
}

/// The file of a line of `/proc/self/maps` that is mapped to be executed.
fn executed(line: &str) -> Option<&str> {
    let mut fields = line.splitn(6, ' ');
    let rights = fields.nth(1)?;
    let path = fields.nth(3)?.trim_start();
    (rights.contains('x') && path.starts_with('/')).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_executed_is_told_from_what_is_read() {
        for (line, path) in [
            ("55d0c2a00000-55d0c2a01000 r-xp 00001000 fe:00 1234   /usr/bin/a b", Some("/usr/bin/a b")),
            ("7f0000000000-7f0000001000 r--p 00000000 fe:00 1234   /usr/lib/libc.so.6", None),
            ("7ffc00000000-7ffc00001000 r-xp 00000000 00:00 0      [vdso]", None),
            ("7f0000000000-7f0000001000 rwxp 00000000 00:00 0 ", None),
            ("", None),
        ] {
            assert_eq!(executed(line), path, "{line}");
        }
        let program = program();
        assert!(program.iter().any(|path| path.to_string_lossy().contains("libc")), "{program:?}");
    }

    #[test]
    fn a_file_that_is_read_again_may_be_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        for folder in ["live", "archive"] {
            fs::create_dir(dir.join(folder)).unwrap();
        }
        fs::write(dir.join("archive/cert1.pem"), "").unwrap();
        std::os::unix::fs::symlink("../archive/cert1.pem", dir.join("live/cert.pem")).unwrap();
        let mut reach = Reach::default();
        reach.reads_again(&dir.join("live/cert.pem"));
        assert_eq!(reach.read, [dir.join("live"), dir.join("archive")]);
        reach.appends_again(Path::new("/dev/null"));
        reach.appends_again(Path::new("access.log"));
        assert_eq!(reach.append, [Path::new("/dev/null"), Path::new(".")]);
    }
}
