//! What the compiling process may ask of the kernel: a short list, and everything else fails with EPERM.

use std::io;

use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{BackendError, BpfProgram, SeccompAction};

use super::filter::{REFUSED, Rules, all, install, old_clone, program, when};

/// Leaves this thread, and all that it starts, what a compilation takes: memory, threads, and the pipes that are open.
/// No file can be opened, no socket and no process made, and no memory be executed that wasn't by now.
///
/// # Errors
/// `Unsupported` where the kernel has no filters.
pub(crate) fn confine() -> io::Result<()> {
    // In this order, as the second one lets no other be installed.
    install([old_clone(), filter()])
}

/// What may be done with whatever arguments.
const FREE: [i64; 24] = [
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_clone3,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
];

fn filter() -> Result<BpfProgram, BackendError> {
    let mut rules: Rules = FREE.into_iter().map(|call| (call, Vec::new())).collect();
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
    program(rules, REFUSED, SeccompAction::Allow)
}
