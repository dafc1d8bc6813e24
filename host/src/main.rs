//! The command `wasgi`.

use std::process::ExitCode;

fn main() -> ExitCode {
    wasgi::cli::main()
}
