//! The Flow virtual machine for one machine: hosts that drive runs, the store that keeps them, the workers that
//! they call, and the command line.
//!
//! - **Host** ([`host`]): does what the machine says, here and now.
//! - **Testing** ([`testing`]): plays the tests of a program in virtual time.
//! - **Store** ([`store`]): runs, their events, leases; one `SQLite` file. **History** ([`history`]): states from deltas.
//! - **Worker** ([`workers`]): who does what a node calls for; one file per protocol.
//! - **Program** ([`program`]): from a file to something that runs; sources by way of [`compile`].
//! - **Config** ([`config`]): `flow.toml`. **Limits** ([`limits`]): every bound. **Error** ([`error`]): what is
//!   wrong around a program. **Hex** ([`hex`]): bytes as digits.
//! - **Arguments** ([`args`]), **commands**, **view** ([`view`]): what a person types and sees.

pub mod args;
pub mod clock;
mod commands;
pub mod compile;
pub mod config;
pub mod error;
pub mod hex;
pub mod history;
pub mod host;
pub mod limits;
pub mod program;
pub mod schema;
pub mod store;
pub mod testing;
pub mod view;
pub mod workers;

use args::{Cli, Color};

/// Runs the command line of this process; returns its exit code.
pub fn main() -> u8 {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match cli.common.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    match commands::perform(cli) {
        Ok(code) => code,
        Err(error) => {
            if !error.said {
                view::complain(&error);
            }
            if error.usage { 2 } else { 1 }
        }
    }
}
