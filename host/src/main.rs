//! The command `wasgi`.

fn main() {}
