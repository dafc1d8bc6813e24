//! System calls: which of them a process may make. What it may not fails with EPERM.

use std::collections::BTreeMap;
use std::io;

use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Calls by number, and where it depends on their arguments, when.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Leaves this thread, and all that it starts, what a compilation takes: memory, threads, and the pipes that are open.
/// No file can be opened, no socket and no process made, and no memory be executed that wasn't by now.
///
/// # Errors
/// Where the kernel has no filters, which is no reason not to compile.
pub(crate) fn of_the_compiler() -> io::Result<()> {
    // In this order, as the second one lets no other be installed.
    match install(&old_clone().map_err(other)?).and_then(|()| install(&compiler().map_err(other)?)) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported || error.raw_os_error() == Some(libc::EINVAL) => {
            Ok(())
        }
        installed => installed,
    }
}

fn compiler() -> Result<BpfProgram, BackendError> {
    let free = [
        libc::SYS_close,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_clone3,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_restart_syscall,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_getrandom,
    ];
    let mut rules: Rules = free.into_iter().map(|call| (call, Vec::new())).collect();
    // The component, the code, and what there is to say: no descriptor that was inherited beside them.
    rules.insert(libc::SYS_read, vec![all([when(0, Dword, Eq, 0)])?]);
    for call in [libc::SYS_write, libc::SYS_writev] {
        rules.insert(call, vec![all([when(0, Dword, Eq, 1)])?, all([when(0, Dword, Eq, 2)])?]);
    }
    // Memory of no file, and none to be executed.
    let (executable, anonymous) = (libc::PROT_EXEC as u64, libc::MAP_ANONYMOUS as u64);
    let not_executable = || when(2, Dword, MaskedEq(executable), 0);
    rules.insert(libc::SYS_mmap, vec![all([not_executable(), when(3, Dword, MaskedEq(anonymous), anonymous)])?]);
    rules.insert(libc::SYS_mprotect, vec![all([not_executable()])?]);
    // Threads, and no processes.
    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, vec![all([when(0, Qword, MaskedEq(thread), thread)])?]);
    // An abort, and no other process's end.
    rules.insert(libc::SYS_tgkill, vec![all([when(0, Dword, Eq, std::process::id().into())])?]);
    // A thread's name, and no more.
    rules.insert(libc::SYS_prctl, vec![all([when(0, Dword, Eq, libc::PR_SET_NAME as u64)])?]);
    // A look at its own limits.
    rules.insert(libc::SYS_prlimit64, vec![all([when(0, Dword, Eq, 0), when(2, Qword, Eq, 0)])?]);
    program(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)
}

/// The arguments of `clone3` lie in memory, where no filter sees them: without it, libraries use `clone`.
fn old_clone() -> Result<BpfProgram, BackendError> {
    let rules = Rules::from([(libc::SYS_clone3, Vec::new())]);
    program(rules, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))
}

/// An argument's value, for [`all`].
fn when(
    argument: u8,
    length: SeccompCmpArgLen,
    is: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, length, is, value)
}

/// A rule that holds where each condition does.
fn all<const N: usize>(conditions: [Result<SeccompCondition, BackendError>; N]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)
}

fn program(rules: Rules, others: SeccompAction, listed: SeccompAction) -> Result<BpfProgram, BackendError> {
    let machine = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, others, listed, machine)?.try_into()
}

fn install(program: &BpfProgram) -> io::Result<()> {
    seccompiler::apply_filter(program).map_err(|error| match error {
        Error::Prctl(error) | Error::Seccomp(error) => error,
        error => other(error),
    })
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}
