//! Where a component is put: whole or not at all.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Copies a component to `output`, or to `NAME.wasm` in it where it is a directory, by a rename
/// in the same directory: a server that watches it sees one whole file arrive.
pub(super) fn place(from: &Path, name: &str, output: &Path) -> anyhow::Result<PathBuf> {
    let output = if output.is_dir() { output.join(format!("{name}.wasm")) } else { output.to_owned() };
    copy(from, &output).with_context(|| format!("cannot write {}", output.display()))?;
    Ok(output)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let folder = match to.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // A leading dot, so that a watched directory takes no notice of it.
    let mut temporary = tempfile::Builder::new()
        .prefix(".wasgi-build-")
        .permissions(Permissions::from_mode(0o666)) // less the umask, as for any file
        .tempfile_in(folder)?;
    io::copy(&mut File::open(from)?, &mut temporary)?;
    temporary.persist(to)?;
    Ok(())
}

/// The size of a component.
pub(super) fn bytes(path: &Path) -> anyhow::Result<u64> {
    Ok(fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn into_a_directory_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        fs::write(&from, "bytes").unwrap();
        let apps = folder.path().join("apps");
        fs::create_dir(&apps).unwrap();
        let placed = place(&from, "hello", &apps).unwrap();
        assert_eq!(placed, apps.join("hello.wasm"));
        assert_eq!(place(&from, "hello", &apps.join("other.wasm")).unwrap(), apps.join("other.wasm"));
        assert_eq!(fs::read(&placed).unwrap(), b"bytes");
        assert_eq!(fs::read_dir(&apps).unwrap().count(), 2, "nothing else stays");
        assert_ne!(fs::metadata(placed).unwrap().permissions().mode() & 0o044, 0, "others may read it");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("none/hello.wasm");
        let error = place(&folder.path().join("from"), "hello", &output).unwrap_err();
        assert!(error.to_string().contains("none/hello.wasm"), "{error}");
    }
}
