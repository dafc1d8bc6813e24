//! System calls that a server never makes, and that whoever broke out of a sandbox would like to: they fail with EPERM.
//!
//! A list of what is refused, not of what is allowed: a library's next version may need another call for what it does, and
//! a server that fails in a rare case is worse than one more call that an attacker has. What is listed reaches other
//! processes, other users, the kernel's own settings, or parts of the kernel that were broken often.

use std::io;

use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{BackendError, BpfProgram, SeccompAction};

use super::filter::{REFUSED, Rules, all, install, old_clone, program, when};

/// Refuses them to this thread, and to all that it starts.
///
/// # Errors
/// `Unsupported` where the kernel has no filters.
pub(super) fn confine() -> io::Result<()> {
    install([old_clone(), filter()])
}

/// Other processes: their memory, their registers, their files, and what they serve. Landlock knows no sockets that have a
/// path, such as those of a service manager.
const PROCESSES: [i64; 10] = [
    libc::SYS_connect,
    libc::SYS_kcmp,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
];

/// The kernel: its code, its clock, its log, its name.
const KERNEL: [i64; 22] = [
    libc::SYS_acct,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kexec_load,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
];

/// Another view of the file system, or a way around names in it.
const MOUNTS: [i64; 16] = [
    libc::SYS_chroot,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_pivot_root,
    libc::SYS_setns,
    libc::SYS_umount2,
];

/// Another user, and what belongs to whom.
const USERS: [i64; 20] = [
    libc::SYS_capset,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_fremovexattr,
    libc::SYS_fsetxattr,
    libc::SYS_lremovexattr,
    libc::SYS_lsetxattr,
    libc::SYS_mknodat,
    libc::SYS_removexattr,
    libc::SYS_setfsgid,
    libc::SYS_setfsuid,
    libc::SYS_setgid,
    libc::SYS_setgroups,
    libc::SYS_setregid,
    libc::SYS_setresgid,
    libc::SYS_setresuid,
    libc::SYS_setreuid,
    libc::SYS_setuid,
    libc::SYS_setxattr,
    libc::SYS_unshare,
];

/// Much code in the kernel for what no server of this kind does.
const EXOTIC: [i64; 26] = [
    libc::SYS_add_key,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    libc::SYS_memfd_secret,
    libc::SYS_mq_getsetattr,
    libc::SYS_mq_notify,
    libc::SYS_mq_open,
    libc::SYS_mq_timedreceive,
    libc::SYS_mq_timedsend,
    libc::SYS_mq_unlink,
    libc::SYS_msgctl,
    libc::SYS_msgget,
    libc::SYS_msgrcv,
    libc::SYS_msgsnd,
    libc::SYS_request_key,
    libc::SYS_semctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_shmget,
    libc::SYS_userfaultfd,
    libc::SYS_vmsplice,
];

/// What only this machine has.
#[cfg(target_arch = "x86_64")]
const OF_THE_MACHINE: [i64; 10] = [
    libc::SYS_chown,
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_kexec_file_load,
    libc::SYS_lchown,
    libc::SYS_mknod,
    libc::SYS_modify_ldt,
    libc::SYS_sysfs,
    libc::SYS_uselib,
    libc::SYS_ustat,
];
#[cfg(not(target_arch = "x86_64"))]
const OF_THE_MACHINE: [i64; 0] = [];

/// Where the kernel has the x32 interface, each call has a second number with this bit, and some have one of their own.
#[cfg(target_arch = "x86_64")]
const X32: Option<(i64, [i64; 11])> = Some((0x4000_0000, [521, 523, 524, 526, 527, 528, 532, 533, 539, 540, 544]));
#[cfg(not(target_arch = "x86_64"))]
const X32: Option<(i64, [i64; 0])> = None;

/// Namespaces, by which an ordinary user gets at what is the superuser's otherwise.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// What is no stream, of what [`KIND`] leaves of a socket's type: it sends without being connected, or past the protocols.
const NO_STREAMS: [i32; 6] =
    [libc::SOCK_DGRAM, libc::SOCK_RAW, libc::SOCK_RDM, libc::SOCK_SEQPACKET, libc::SOCK_DCCP, OLD_PACKET];
const KIND: u64 = 0xf;
/// `SOCK_PACKET` of Linux 2.0, which still is another name for a family.
const OLD_PACKET: i32 = 10;
const FAST_OPEN: u64 = libc::MSG_FASTOPEN as u64;

fn filter() -> Result<BpfProgram, BackendError> {
    let calls = [&PROCESSES[..], &KERNEL, &MOUNTS, &USERS, &EXOTIC, &OF_THE_MACHINE].concat();
    let mut rules: Rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let namespace = |flag: i32| all([when(0, Qword, MaskedEq(flag as u64), flag as u64)]);
    rules.insert(libc::SYS_clone, NAMESPACES.into_iter().map(namespace).collect::<Result<_, _>>()?);
    // Streams of the file system and of the internet, and no others: the kernel has forty families.
    let other = |family: i32| when(0, Dword, Ne, family as u64);
    let mut sockets = vec![all([other(libc::AF_UNIX), other(libc::AF_INET), other(libc::AF_INET6)])?];
    for kind in NO_STREAMS {
        sockets.push(all([when(1, Dword, MaskedEq(KIND), kind as u64)])?);
    }
    rules.insert(libc::SYS_socket, sockets);
    // A stream that connects as it sends.
    let fast = |argument: u8| all([when(argument, Dword, MaskedEq(FAST_OPEN), FAST_OPEN)]);
    for (call, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
        rules.insert(call, vec![fast(flags)?]);
    }
    // What a terminal takes for typed.
    rules.insert(libc::SYS_ioctl, vec![all([when(1, Dword, Eq, libc::TIOCSTI)])?]);
    if let Some((bit, own)) = X32 {
        let again = rules.iter().map(|(call, rules)| (call | bit, rules.clone())).collect::<Vec<_>>();
        rules.extend(again);
        rules.extend(own.map(|call| (call | bit, Vec::new())));
    }
    program(rules, SeccompAction::Allow, REFUSED)
}
