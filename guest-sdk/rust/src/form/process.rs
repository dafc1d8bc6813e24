//! What the standard library asks the C library for wherever it panics: the standard streams, and the environment. Here
//! both come straight from the contract. The C library's own would import WASI, which every instance pays for whether it
//! uses that or not; it is still there for whoever asks for more, like clocks and random numbers.
//!
//! The linker takes these for the C library's, since it finds them first.

#![allow(unsafe_code, reason = "the C library's interface is pointers; each use says why it holds")]
#![allow(non_upper_case_globals, reason = "the C library's name")]

use std::ffi::{c_char, c_int};
use std::ptr;

use super::pieces;
use crate::bindings::lean::wasgi::gateway::request::{self, Output};

/// Bytes that `variables` gives at once.
const WORD: usize = 8;

/// What the C library has there while nobody has asked for the environment.
const UNREAD: *mut *mut c_char = ptr::without_provenance_mut(usize::MAX);

/// The environment, as the C library's `getenv` and `setenv` and the standard library know it: pointers to `NAME=value`, and
/// a null one at the end.
#[unsafe(no_mangle)]
static mut __wasilibc_environ: *mut *mut c_char = UNREAD;

/// `write` of POSIX. There are no files: of what can be written to, only the standard streams are.
///
/// # Safety
/// `bytes` are `len` bytes that can be read.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, bytes: *const u8, len: usize) -> isize {
    let to = match fd {
        1 => Output::Stdout,
        2 => Output::Stderr,
        _ => return -1,
    };
    if len > 0 {
        // SAFETY: the caller's promise.
        pieces::print(to, unsafe { std::slice::from_raw_parts(bytes, len) });
    }
    len as isize
}

/// Reads the environment, if nobody did.
#[unsafe(no_mangle)]
extern "C" fn __wasilibc_ensure_environ() {
    // SAFETY: a component has one thread.
    if unsafe { __wasilibc_environ } == UNREAD {
        __wasilibc_initialize_environ();
    }
}

/// Reads the environment.
#[unsafe(no_mangle)]
extern "C" fn __wasilibc_initialize_environ() {
    // For ever, as in every process: whoever asked for a variable may hold a pointer to it.
    let text: &'static mut [u8] = read().leak();
    let variables = text.chunk_by_mut(|byte, _| *byte != 0).map(|variable| variable.as_mut_ptr().cast());
    let pointers: &'static mut [*mut c_char] = variables.chain([ptr::null_mut()]).collect::<Vec<_>>().leak();
    // SAFETY: a component has one thread.
    unsafe { __wasilibc_environ = pointers.as_mut_ptr() };
}

/// `NAME=value` and a NUL for each variable.
fn read() -> Vec<u8> {
    let mut bytes = (0..).step_by(WORD).flat_map(|offset| request::variables(offset).to_le_bytes());
    let mut text = Vec::new();
    loop {
        let before = text.len();
        text.extend(bytes.by_ref().take_while(|byte| *byte != 0));
        // Behind the last one, all is NUL.
        if text.len() == before {
            return text;
        }
        text.push(0);
    }
}
