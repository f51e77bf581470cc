//! `flowc`: check, draw, build and explain Flow programs. Arguments are in `args`, what a verb does
//! in `commands`, files in `files`, output in `report`.

mod args;
mod commands;
mod files;
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match args::Cli::read() {
        Ok(cli) => cli,
        Err(code) => return ExitCode::from(code),
    };
    ExitCode::from(commands::perform(&cli).code())
}
