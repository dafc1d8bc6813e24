//! The socket of a state folder, through which `status` and `logs` reach the server.
//!
//! A path of a socket has at most 107 bytes and a state folder may lie deeper, so the folder is opened first and the
//! socket is named relative to it, by way of `/proc/self/fd`.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

const NAME: &str = "socket";

/// Listens in `folder`. A socket that is there already was left by a server that ended: the folder is locked by us.
///
/// # Errors
/// Those of making a socket.
pub fn listen(folder: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(folder.join(NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (_open, path) = short(folder)?;
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to the server whose state `folder` is.
///
/// # Errors
/// Those of connecting; where no server runs, not found or refused.
pub fn connect(folder: &Path) -> io::Result<UnixStream> {
    let (_open, path) = short(folder)?;
    UnixStream::connect(path)
}

fn short(folder: &Path) -> io::Result<(File, PathBuf)> {
    let open = File::open(folder)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", open.as_raw_fd()));
    Ok((open, path))
}
