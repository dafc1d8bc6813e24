//! A server's processes: what they use, and their end.

use std::io;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// A process and all that it starts. Killed when it is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it with nothing to read and nobody to read what it says.
    pub(crate) fn start(command: &mut Command) -> Result<Process> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Process(command.spawn().with_context(|| format!("starting {command:?}"))?))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Children first: without their parent they would be somebody else's.
        for pid in tree(self.0.id()).into_iter().rev() {
            if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        let _ = self.0.wait();
    }
}

/// CPU that a process and those below it used so far, in microseconds.
pub(crate) fn cpu_us(pid: u32) -> Result<f64> {
    tree(pid).into_iter().map(own_cpu_us).sum()
}

fn own_cpu_us(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').context("no stat")?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).context("no CPU time");
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Ok((ticks(11)? + ticks(12)?) * 1e6 / per_second)
}

/// Has the most memory of a process and those below it counted from now on.
pub(crate) fn forget_peak(pid: u32) -> Result<()> {
    for pid in tree(pid) {
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5").with_context(|| format!("process {pid}"))?;
    }
    Ok(())
}

/// The most memory that a process and those below it had, in bytes. What they share counts for each.
pub(crate) fn peak_memory(pid: u32) -> Result<f64> {
    sum(pid, "VmHWM:")
}

/// The memory that a process and those below it have, in bytes. What they share counts for each.
pub(crate) fn memory(pid: u32) -> Result<f64> {
    sum(pid, "VmRSS:")
}

fn sum(pid: u32, field: &str) -> Result<f64> {
    tree(pid).into_iter().map(|pid| own_memory(pid, field)).sum()
}

fn own_memory(pid: u32, field: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context("no memory")?;
    let kib: f64 = line.split_whitespace().next().context("no memory")?.parse()?;
    Ok(kib * 1024.0)
}

/// A process and all below it, parents first.
fn tree(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(&pid) = found.get(at) {
        found.extend(children(pid).unwrap_or_default());
        at += 1;
    }
    found
}

fn children(pid: u32) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("children"))?;
        found.extend(text.split_whitespace().filter_map(|word| word.parse::<u32>().ok()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_measured_with_those_below_it() {
        let process = Process::start(Command::new("sh").args(["-c", "sleep 60 & wait"])).unwrap();
        while tree(process.id()).len() < 2 {
            std::thread::yield_now();
        }
        forget_peak(process.id()).unwrap();
        assert!(cpu_us(process.id()).is_ok() && peak_memory(process.id()).unwrap() > 0.0);
        let below = tree(process.id())[1];
        drop(process);
        // Gone, or a zombie until its new parent looks.
        while std::fs::read_to_string(format!("/proc/{below}/stat")).is_ok_and(|stat| !stat.contains(") Z")) {
            std::thread::yield_now();
        }
    }
}
