//! Components → machine code: in a child process under limits, or in this one.
//!
//! A compiler reads what a stranger made, and nothing bounds what a component can ask of it. So it runs in a process of
//! its own, which is wasgi's own binary: the component goes in and the code comes out by pipes, and time, memory and
//! whatever a process may ask of the kernel are bounded there ([`child`]). What an attacker gains by the compiler's own
//! defects is a process that can do nothing but compile; what it hands over is still run, as code of any compiler is.

pub mod child;
mod pipes;

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Instant;

use rustix::process::Signal;
use thiserror::Error;

use self::pipes::{Cut, Ended};
pub use crate::config::CompileLimits;
use crate::sandbox::{Codegen, Refusal};
use crate::units::{ByteSize, Period};

/// The largest code that is taken from a child, in bytes: CPython with Django has 76 MiB.
const LARGEST_CODE: usize = 512 << 20;

/// The threads of a child at most. Each has memory of its own, and more would bring little.
const MOST_THREADS: usize = 8;

/// How components are compiled. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Compiler(How);

#[derive(Clone, Debug)]
enum How {
    Here,
    Child { program: PathBuf, limits: CompileLimits },
}

/// Why there is no code.
#[derive(Debug, Error)]
pub enum NotCompiled {
    /// The component will never do.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It may do later: one sentence for people.
    #[error("{0}")]
    Unlucky(String),
    /// The code is not wanted any more.
    #[error("it is not wanted any more")]
    Unwanted,
}

impl Compiler {
    /// In this process, without limits.
    pub fn here() -> Compiler {
        Compiler(How::Here)
    }

    /// In a child process that runs `program`, which is a `wasgi` of this very version.
    pub fn child(program: impl Into<PathBuf>, limits: CompileLimits) -> Compiler {
        Compiler(How::Child { program: program.into(), limits })
    }

    /// In a child process of the binary that runs, even where that is replaced or deleted by now.
    pub(crate) fn own(limits: CompileLimits) -> Compiler {
        Compiler::child("/proc/self/exe", limits)
    }

    /// Compiles a component for the engine of this `fingerprint`, as long as it is `wanted`. Blocks.
    ///
    /// # Errors
    /// Where it isn't an application or goes beyond the limits, and where no child can be started.
    pub fn compile(
        &self,
        fingerprint: &str,
        component: &[u8],
        wanted: impl Fn() -> bool,
    ) -> Result<Vec<u8>, NotCompiled> {
        match &self.0 {
            How::Here => here(component),
            How::Child { program, limits } => {
                let mut command = Command::new(program);
                let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
                command.args(child::arguments(fingerprint, limits)).env_clear();
                command.env("RAYON_NUM_THREADS", threads.to_string());
                let deadline = Instant::now() + limits.wall;
                let ended = pipes::talk(&mut command, component, LARGEST_CODE, deadline, wanted).map_err(|error| {
                    NotCompiled::Unlucky(format!("can't compile it with {}: {error}", program.display()))
                })?;
                judge(ended, limits)
            }
        }
    }
}

fn here(component: &[u8]) -> Result<Vec<u8>, NotCompiled> {
    let compile = || Codegen::new().map(|codegen| codegen.compile(component));
    match catch_unwind(AssertUnwindSafe(compile)) {
        Ok(Ok(compiled)) => Ok(compiled?),
        Ok(Err(error)) => Err(NotCompiled::Unlucky(format!("can't compile here: {error:#}"))),
        Err(_) => Err(defect("it panicked").into()),
    }
}

fn defect(how: impl fmt::Display) -> Refusal {
    Refusal::new(format!("the compiler failed on it, which is a defect of wasgi ({how})"))
}

/// What a child's end means.
fn judge(ended: Result<Ended, Cut>, limits: &CompileLimits) -> Result<Vec<u8>, NotCompiled> {
    let beyond = |what: String| Err(Refusal::new(format!("compiling it takes more than {what}")).into());
    let ended = match ended {
        Ok(ended) => ended,
        Err(Cut::Deadline) => return beyond(Period(limits.wall).to_string()),
        Err(Cut::TooLong) => {
            let most = ByteSize(LARGEST_CODE as u64);
            return Err(Refusal::new(format!("it has more than {most} of machine code")).into());
        }
        Err(Cut::Unwanted) => return Err(NotCompiled::Unwanted),
    };
    let said = String::from_utf8_lossy(&ended.errors).trim().replace('\n', " ");
    match Verdict::of(ended.status, &said) {
        Verdict::Compiled => Ok(ended.output),
        Verdict::Refused => Err(Refusal::new(String::from_utf8_lossy(&ended.output)).into()),
        Verdict::Cpu => beyond(format!("{} of CPU", Period(limits.cpu))),
        Verdict::Memory => beyond(format!("{} of memory", ByteSize(limits.memory))),
        Verdict::Killed => Err(NotCompiled::Unlucky("compiling it was ended from outside".to_owned())),
        Verdict::Unfit => Err(NotCompiled::Unlucky(format!("can't compile it: {said}"))),
        Verdict::Crashed => {
            tracing::warn!(status = %ended.status, said, "the compiler failed");
            Err(defect(ended.status).into())
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Compiled,
    Refused,
    Cpu,
    Memory,
    /// Not by us, and not for what it did: most likely the kernel was short of memory.
    Killed,
    /// It did not begin.
    Unfit,
    Crashed,
}

impl Verdict {
    fn of(status: ExitStatus, said: &str) -> Verdict {
        let signal = |signal: Signal| Some(signal.as_raw());
        match (status.code(), status.signal()) {
            (Some(child::COMPILED), _) => Verdict::Compiled,
            (Some(child::REFUSED), _) => Verdict::Refused,
            // Any program says so with 1 or 2 that can't do what it was called for: it is no wasgi, or another version.
            (Some(child::UNFIT | 1 | 2), _) => Verdict::Unfit,
            (_, number) if number == signal(Signal::XCPU) => Verdict::Cpu,
            (_, number) if number == signal(Signal::KILL) || number == signal(Signal::TERM) => Verdict::Killed,
            // What the standard library says before it aborts, and what it says of threads for which there is no room.
            _ if said.contains("memory allocation of") || said.contains("Cannot allocate memory") => Verdict::Memory,
            _ => Verdict::Crashed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What a shell's end means that reads no component, and has `wall` for it.
    fn ends(script: &str, wall: Duration) -> Result<Vec<u8>, NotCompiled> {
        let limits = CompileLimits { wall, ..CompileLimits::default() };
        let deadline = Instant::now() + limits.wall;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        judge(pipes::talk(&mut command, &vec![7; 1 << 20], 1000, deadline, || true).unwrap(), &limits)
    }

    #[test]
    fn each_end_has_its_sentence() {
        let long = Duration::from_secs(60);
        assert_eq!(ends("printf code", long).unwrap(), b"code");
        for (script, sentence) in [
            ("printf 'it is bad'; exit 65", "it is bad"),
            ("printf half; kill -XCPU $$", "compiling it takes more than 1m of CPU"),
            (
                "echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$",
                "compiling it takes more than 2GiB of memory",
            ),
            ("exec >&- 2>&-; exec sleep 60", "compiling it was ended from outside"),
            ("exec head -c 1001 /dev/zero", "it has more than 512MiB of machine code"),
            ("echo another version >&2; exit 69", "can't compile it: another version"),
            ("kill -SEGV $$", "the compiler failed on it, which is a defect of wasgi (signal: 11"),
            ("exit 101", "the compiler failed on it, which is a defect of wasgi (exit status: 101"),
        ] {
            let error = ends(script, long).unwrap_err().to_string();
            assert!(error.starts_with(sentence), "{script}: {error}");
        }
        let error = ends("exec sleep 60", Duration::from_millis(300)).unwrap_err().to_string();
        assert_eq!(error, "compiling it takes more than 300ms");
    }

    #[test]
    fn a_program_that_is_not_there_is_no_refusal() {
        let compiler = Compiler::child("/nowhere/wasgi", CompileLimits::default());
        let error = compiler.compile("", b"", || true).unwrap_err();
        assert!(matches!(&error, NotCompiled::Unlucky(said) if said.contains("/nowhere/wasgi")), "{error}");
    }

    #[test]
    fn what_is_not_wanted_any_more_is_given_up() {
        let compiler = Compiler::child("/bin/cat", CompileLimits::default());
        assert!(matches!(compiler.compile("", b"", || false), Err(NotCompiled::Unwanted)));
    }
}
