//! Asking apt for packages in a folder of its own: an own sources list, own package lists and
//! an own idea of what is installed, so that the machine's are neither read nor touched. Its
//! proxies, which are in its configuration, hold here too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use super::sources::{self, Mirror};
use super::{Progress, RELEASE, child};

/// The compiler and the target's standard library. All else they run on is found from the
/// package lists: names with versions in them move on as the release does.
const PACKAGES: [&str; 2] = ["rustc", "libstd-rust-dev-wasm32"];

/// What apt takes to be installed: the linker for the machine's own programs, which rustc
/// depends on and the machine has, since it built wasgi. Saves 75 MB of download.
const STATUS: &str = "Package: wasgi-build\nStatus: install ok installed\nArchitecture: all\nMulti-Arch: foreign\n\
    Version: 1\nMaintainer: nobody\nProvides: gcc, libc-dev, binutils (= 999)\nDescription: the machine's linker\n";

/// The lists are 10 MB, and apt's own timeouts end a connection that stands still.
const UPDATE_LIMIT: Duration = Duration::from_secs(300);

/// The packages are 190 MB.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(3600);

/// Downloads the compiler's packages below `folder`, from the first of the machine's mirrors
/// that has them, and gives their files.
pub(super) fn download(folder: &Path, architecture: &str, progress: Progress) -> anyhow::Result<Vec<PathBuf>> {
    let mut failure = None;
    for mirror in sources::mirrors(Path::new("/etc/apt")) {
        match download_from(&mirror, folder, architecture, progress) {
            Ok(files) => return Ok(files),
            Err(error) => _ = failure.get_or_insert(error),
        }
    }
    match failure {
        Some(error) => Err(error),
        None => bail!("/etc/apt names no mirror of Debian's archive; on other systems rustup has to reach its server"),
    }
}

fn download_from(
    mirror: &Mirror,
    folder: &Path,
    architecture: &str,
    progress: Progress,
) -> anyhow::Result<Vec<PathBuf>> {
    let Some(entry) = mirror.entry(RELEASE, architecture) else {
        bail!("no keys to check {} with: install debian-archive-keyring", mirror.uri);
    };
    let config = configure(folder, &entry).with_context(|| format!("cannot write in {}", folder.display()))?;
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.arg("-c").arg(&config).args(["-qq", "--yes"]).env("LC_ALL", "C");
        apt
    };
    let failed = || format!("cannot get {} from {} ({RELEASE})", PACKAGES.join(" and "), mirror.uri);

    let step = progress.step(&format!("reading the package lists of {}", mirror.uri));
    child::run(apt().arg("update"), UPDATE_LIMIT, || ()).with_context(failed)?;
    drop(step);

    let archives = folder.join("cache/archives");
    let step = progress.step("downloading the compiler");
    let mut install = apt();
    install.args(["install", "--download-only", "--no-install-recommends"]).args(PACKAGES);
    child::run(&mut install, DOWNLOAD_LIMIT, || step.bytes(size(&archives))).with_context(failed)?;

    let files = archives.read_dir()?.flatten().map(|entry| entry.path());
    Ok(files.filter(|file| file.extension().is_some_and(|end| end == "deb")).collect())
}

/// Bytes of the files in `archives`, and of those still arriving.
fn size(archives: &Path) -> u64 {
    let folders = [archives.to_owned(), archives.join("partial")];
    let entries = folders.iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).filter(|data| data.is_file()).map(|data| data.len()).sum()
}

/// Lays out apt's folder and gives its configuration file.
fn configure(folder: &Path, entry: &str) -> std::io::Result<PathBuf> {
    for path in ["state/lists/partial", "cache/archives/partial", "sources"] {
        fs::create_dir_all(folder.join(path))?;
    }
    fs::write(folder.join("state/status"), STATUS)?;
    fs::write(folder.join("sources/debian.sources"), entry)?;
    let config = folder.join("apt.conf");
    fs::write(&config, configuration(folder))?;
    Ok(config)
}

/// Read after the machine's configuration, and so stronger.
fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"Dir::State "{folder}/state";
Dir::State::lists "lists";
Dir::State::status "{folder}/state/status";
Dir::State::extended_states "extended_states";
Dir::Cache "{folder}/cache";
Dir::Cache::archives "archives";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{folder}/sources";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
// No list and no package without a valid signature, whatever the machine allows.
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
// A list that can't be fetched is an error.
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
// Root's apt downloads as another user, who can't enter a home folder.
APT::Sandbox::User "root";
// The machine's hooks are about the machine's packages.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let config = configure(folder.path(), "Types: deb\n").unwrap();
        let text = fs::read_to_string(config).unwrap();
        assert!(!text.contains("/var/") && !text.contains("/etc/"), "{text}");
        assert!(text.contains(&format!("Dir::State \"{}/state\"", folder.path().display())));
        assert_eq!(fs::read_to_string(folder.path().join("sources/debian.sources")).unwrap(), "Types: deb\n");
    }

    #[test]
    fn sizes_of_whole_and_partial_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("partial")).unwrap();
        fs::write(folder.path().join("a.deb"), "1234").unwrap();
        fs::write(folder.path().join("partial/b.deb"), "12").unwrap();
        assert_eq!(size(folder.path()), 6);
    }
}
