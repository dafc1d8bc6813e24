//! What a process of wasgi's may ask of the kernel, as a second line behind the sandbox.

pub(crate) mod calls;
