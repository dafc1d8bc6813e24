//! Filters of system calls, put together: what the compiling and the serving process have in common.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Calls by number, and where it depends on their arguments, when: by one rule or another.
pub(super) type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// What a filter answers to a call that may not be made.
pub(super) const REFUSED: SeccompAction = SeccompAction::Errno(libc::EPERM as u32);

/// An argument's value, for [`all`].
pub(super) fn when(
    argument: u8,
    length: SeccompCmpArgLen,
    is: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, length, is, value)
}

/// A rule that holds where each condition does.
pub(super) fn all<const N: usize>(
    conditions: [Result<SeccompCondition, BackendError>; N],
) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)
}

/// A filter that answers calls by `rules` with `listed`, and the `others` with that.
pub(super) fn program(rules: Rules, others: SeccompAction, listed: SeccompAction) -> Result<BpfProgram, BackendError> {
    let machine = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, others, listed, machine)?.try_into()
}

/// The arguments of `clone3` lie in memory, where no filter sees them: without it, libraries use `clone`.
pub(super) fn old_clone() -> Result<BpfProgram, BackendError> {
    let rules = Rules::from([(libc::SYS_clone3, Vec::new())]);
    program(rules, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))
}

/// Puts this thread, and all that it starts, under the filters, one after the other, and takes the right to new
/// privileges. None of this can be taken back.
///
/// # Errors
/// `Unsupported` where the kernel has no filters.
pub(super) fn install<const N: usize>(programs: [Result<BpfProgram, BackendError>; N]) -> io::Result<()> {
    for program in programs {
        seccompiler::apply_filter(&program.map_err(io::Error::other)?).map_err(|error| match error {
            Error::Prctl(error) | Error::Seccomp(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                io::Error::new(io::ErrorKind::Unsupported, error)
            }
            Error::Prctl(error) | Error::Seccomp(error) => error,
            error => io::Error::other(error),
        })?;
    }
    Ok(())
}
