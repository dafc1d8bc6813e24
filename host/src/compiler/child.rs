//! The child's side: `wasgi compile`, which is for wasgi itself. It limits itself, and then reads the component.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};

use super::CompileLimits;
use crate::policy;
use crate::sandbox::{Codegen, Refusal};

/// Exit codes. Standard output is the code; or the sentence of refusal; or nothing, and standard error says why.
pub(super) const COMPILED: i32 = 0;
pub(super) const REFUSED: i32 = 65;
pub(super) const UNFIT: i32 = 69;

/// The stack of the compiling thread, in bytes: the compiler recurses with the nesting of what it compiles.
const STACK: usize = 16 << 20;

/// What the child is called with: `wasgi compile FINGERPRINT CPU MEMORY`, in seconds and bytes.
pub(super) fn arguments(fingerprint: &str, limits: &CompileLimits) -> [OsString; 4] {
    let seconds = seconds(limits).to_string();
    ["compile".to_owned(), fingerprint.to_owned(), seconds, limits.memory.to_string()].map(OsString::from)
}

/// The kernel counts whole ones.
fn seconds(limits: &CompileLimits) -> u64 {
    limits.cpu.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}

/// Compiles what comes on standard input, for the engine of `fingerprint`, within `cpu` seconds and `memory` bytes.
pub fn run(fingerprint: &str, cpu: u64, memory: u64) -> ExitCode {
    match compile(fingerprint, cpu, memory) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error:#}");
            exit(UNFIT)
        }
    }
}

fn compile(fingerprint: &str, cpu: u64, memory: u64) -> Result<ExitCode> {
    limit(cpu, memory).context("limiting the compiling process")?;
    let codegen = Codegen::new()?;
    if codegen.fingerprint() != fingerprint {
        bail!("the program that compiles is another version of wasgi than the one that serves");
    }
    match policy::compiling::confine() {
        // The limits hold without it, and the server has told its operator.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
        confined => confined.context("confining the compiling process")?,
    }
    let mut component = Vec::new();
    io::stdin().lock().read_to_end(&mut component).context("reading the component")?;
    let thread = std::thread::Builder::new().name("compile".to_owned()).stack_size(STACK);
    let compiling = thread.spawn(move || codegen.compile(&component)).context("starting a thread")?;
    let (code, bytes) = match compiling.join() {
        Ok(Ok(code)) => (COMPILED, code),
        Ok(Err(refusal)) => (REFUSED, Refusal::to_string(&refusal).into_bytes()),
        // A panic, which has said what it is.
        Err(_) => return Ok(ExitCode::from(101)),
    };
    let mut out = io::stdout().lock();
    out.write_all(&bytes).and_then(|()| out.flush()).context("handing over the code")?;
    Ok(exit(code))
}

fn exit(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

fn limit(cpu: u64, memory: u64) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let set = |resource, soft, hard| setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) });
    // At the first it is told so, which ends it and says why; at the second it is ended.
    set(Resource::Cpu, cpu, cpu.saturating_add(1))?;
    set(Resource::Data, memory, memory)?;
    set(Resource::Fsize, 0, 0)?;
    set(Resource::Core, 0, 0)?;
    Ok(())
}
