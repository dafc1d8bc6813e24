//! Running other programs: to their end or for a bounded time, with one line to say where they
//! fail.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// Runs `command` and gives what it wrote to stdout. Kills it after `limit`. `tick` is called
/// every so often while it runs.
///
/// What it writes goes to files, not pipes: there is nobody to fill them, so no thread to drain
/// them, and a grandchild that outlives the child can't keep this waiting.
pub(super) fn run(command: &mut Command, limit: Duration, tick: impl FnMut()) -> anyhow::Result<String> {
    let ended = output(command, limit, tick)?;
    if ended.status.success() {
        return Ok(ended.out);
    }
    bail!("{}: {}", command.get_program().to_string_lossy(), complaint(&ended.err, ended.status))
}

/// What a program left that ran to its end, well or not.
pub(super) struct Ended {
    /// How it ended.
    pub(super) status: ExitStatus,
    /// What it wrote to stdout.
    pub(super) out: String,
    /// What it wrote to stderr.
    pub(super) err: String,
}

/// As [`run`], for who makes something of a program's failure.
pub(super) fn output(command: &mut Command, limit: Duration, mut tick: impl FnMut()) -> anyhow::Result<Ended> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut out = tempfile::tempfile().context("no temporary file")?;
    let mut err = tempfile::tempfile().context("no temporary file")?;
    command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(err.try_clone()?);
    match wait(command, limit, &mut tick).with_context(|| format!("cannot run {program}"))? {
        Some(status) => Ok(Ended { status, out: contents(&mut out)?, err: contents(&mut err)? }),
        None => bail!("{program} had no end after {} s", limit.as_secs()),
    }
}

fn wait(command: &mut Command, limit: Duration, tick: &mut impl FnMut()) -> io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    let mut child = command.spawn()?;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        tick();
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn contents(file: &mut File) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The one line of stderr that says most: the first error, or else the last line.
fn complaint(stderr: &str, status: ExitStatus) -> String {
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().find_map(|line| line.strip_prefix("error: ").or(line.strip_prefix("E: ")));
    match error.or(lines().next_back()) {
        Some(line) => line.to_owned(),
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> anyhow::Result<String> {
        run(Command::new("sh").args(["-c", script]), limit, || ())
    }

    #[test]
    fn gives_the_output() {
        let minute = Duration::from_secs(60);
        assert_eq!(shell("echo yes; echo no >&2", minute).unwrap(), "yes\n");
    }

    #[test]
    fn says_the_first_error() {
        let script = "echo info: x >&2; echo error: no net >&2; echo bye >&2; exit 3";
        let error = shell(script, Duration::from_secs(60)).unwrap_err();
        assert_eq!(error.to_string(), "sh: no net");
        let error = shell("exit 3", Duration::from_secs(60)).unwrap_err();
        assert_eq!(error.to_string(), "sh: exit status: 3");
    }

    #[test]
    fn ends_what_hangs() {
        let error = shell("exec sleep 1000", Duration::from_millis(20)).unwrap_err();
        assert_eq!(error.to_string(), "sh had no end after 0 s");
    }

    #[test]
    fn names_a_missing_program() {
        let error = run(&mut Command::new("no-such-program"), Duration::from_secs(1), || ()).unwrap_err();
        assert_eq!(error.to_string(), "cannot run no-such-program");
    }
}
