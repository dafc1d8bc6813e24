//! What a process of wasgi's may ask of the kernel: a second line, for the case that a guest breaks out of its sandbox.
//!
//! The server keeps what it needs: to read what is served, to write its state and its logs, to listen, and to run its own
//! program once more, which compiles. That process keeps less: memory, threads and three pipes.

pub(crate) mod compiling;
mod files;
mod filter;
mod serving;
#[cfg(test)]
mod tests;

use std::io;

use anyhow::{Context, Result, bail};

pub(crate) use files::Reach;

/// How far a server is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// Not at all: it does other things as well.
    None,
    /// As far as the kernel can.
    AsFarAsPossible,
    /// Wholly, or it is not started.
    Whole,
}

/// Confines this thread to what a server with this `reach` does, and so everything that it starts; there must be no
/// other thread by then. Gives back what the kernel can't do about that, if anything.
///
/// # Errors
/// Where confinement is to be whole and can't be.
pub(crate) fn confine_server(confinement: Confinement, reach: &Reach) -> Result<Option<String>> {
    if confinement == Confinement::None {
        return Ok(None);
    }
    rustix::thread::set_no_new_privs(true).context("giving up new privileges")?;
    let mut missing = files::confine(reach).unwrap_or_else(|error| vec![format!("no restriction of files ({error})")]);
    match serving::confine() {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            missing.push("no restriction of system calls (no seccomp)".to_owned());
        }
        Err(error) => missing.push(format!("no restriction of system calls ({error})")),
    }
    if missing.is_empty() {
        return Ok(None);
    }
    let missing = missing.join(", ");
    if confinement == Confinement::Whole {
        bail!("the kernel can't confine the server wholly, as --require-sandbox asks: {missing}");
    }
    Ok(Some(missing))
}
