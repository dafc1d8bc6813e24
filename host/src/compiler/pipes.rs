//! A child process that makes one output of one input: both by pipes, at one time, until a deadline.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// How often it is asked whether the output is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// How long a child may take from closing its pipes to its end.
const ENDING: Duration = Duration::from_secs(1);

/// What of standard error is kept, in bytes: a sentence for the log.
const MOST_ERRORS: usize = 4 << 10;

/// What is read at one time, in bytes: what a pipe holds.
const PIECE: usize = 64 << 10;

/// A child that has ended by itself.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// All of its standard output.
    pub(super) output: Vec<u8>,
    /// The beginning of its standard error.
    pub(super) errors: Vec<u8>,
}

/// Why a child was killed.
#[derive(Debug)]
pub(super) enum Cut {
    Deadline,
    /// Its output was longer than it may be.
    TooLong,
    Unwanted,
}

/// Runs `command` with `input`. Whatever happens, the process is gone afterwards.
///
/// # Errors
/// Those of starting it and of the pipes.
pub(super) fn talk(
    command: &mut Command,
    input: &[u8],
    most: usize,
    deadline: Instant,
    wanted: impl Fn() -> bool,
) -> io::Result<Result<Ended, Cut>> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut child = Killed(child);
    let mut feed = Feed { pipe: open(child.0.stdin.take().map(OwnedFd::from))?, left: input };
    let mut output = Drain { pipe: open(child.0.stdout.take().map(OwnedFd::from))?, kept: Vec::new(), most };
    let mut errors =
        Drain { pipe: open(child.0.stderr.take().map(OwnedFd::from))?, kept: Vec::new(), most: MOST_ERRORS };
    while output.pipe.is_some() || errors.pipe.is_some() {
        let now = Instant::now();
        if now >= deadline {
            return Ok(Err(Cut::Deadline));
        }
        if !wanted() {
            return Ok(Err(Cut::Unwanted));
        }
        wait(&feed, &output, &errors, LOOK.min(deadline - now))?;
        feed.go_on()?;
        output.go_on()?;
        errors.go_on()?;
        if output.kept.len() > output.most {
            return Ok(Err(Cut::TooLong));
        }
        errors.kept.truncate(MOST_ERRORS);
    }
    // It has closed both, and so is ending. One that only pretends to is killed: its status won't be success.
    child.ends_within(ENDING.min(deadline.saturating_duration_since(Instant::now())));
    let _ = child.0.kill();
    Ok(Ok(Ended { status: child.0.wait()?, output: output.kept, errors: errors.kept }))
}

/// A child that does not outlive its owner.
struct Killed(Child);

impl Killed {
    /// Waits for its end, but not for longer than this.
    fn ends_within(&self, most: Duration) {
        let pid = Pid::from_child(&self.0);
        if let (Ok(process), Ok(most)) = (pidfd_open(pid, PidfdFlags::empty()), Timespec::try_from(most)) {
            let _ = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&most));
        }
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is still to be written.
struct Feed<'a> {
    pipe: Option<File>,
    left: &'a [u8],
}

/// What is read.
struct Drain {
    pipe: Option<File>,
    kept: Vec<u8>,
    most: usize,
}

fn open(pipe: Option<OwnedFd>) -> io::Result<Option<File>> {
    pipe.iter().try_for_each(|pipe| ioctl_fionbio(pipe, true))?;
    Ok(pipe.map(File::from))
}

fn wait(feed: &Feed<'_>, output: &Drain, errors: &Drain, most: Duration) -> io::Result<()> {
    let pipes = [(&feed.pipe, PollFlags::OUT), (&output.pipe, PollFlags::IN), (&errors.pipe, PollFlags::IN)];
    let open = pipes.iter().filter_map(|(pipe, flags)| Some(PollFd::from_borrowed_fd(pipe.as_ref()?.as_fd(), *flags)));
    let most = Timespec::try_from(most).map_err(io::Error::other)?;
    match poll(&mut open.collect::<Vec<_>>(), Some(&most)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Feed<'_> {
    /// Writes what the pipe takes. Who doesn't read on has seen enough.
    fn go_on(&mut self) -> io::Result<()> {
        while let Some(pipe) = &mut self.pipe {
            match pipe.write(&self.left[..self.left.len().min(PIECE)]) {
                Ok(written) if written < self.left.len() => self.left = &self.left[written..],
                Ok(_) => self.pipe = None,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => break,
                    ErrorKind::BrokenPipe => self.pipe = None,
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }
}

impl Drain {
    /// Reads what the pipe has, up to a piece more than is kept.
    fn go_on(&mut self) -> io::Result<()> {
        while let Some(pipe) = self.pipe.as_mut().filter(|_| self.kept.len() <= self.most) {
            let mut piece = [0; PIECE];
            match pipe.read(&mut piece) {
                Ok(0) => self.pipe = None,
                Ok(read) => self.kept.extend_from_slice(&piece[..read]),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => break,
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }
}
