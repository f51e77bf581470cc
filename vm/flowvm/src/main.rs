//! The binary. Everything it does stands in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(flowvm::main())
}
