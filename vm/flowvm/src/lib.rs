//! The Flow virtual machine for one machine: hosts that drive runs, the store that keeps them, the workers that
//! they call, and the command line.
//!
//! - **Host** ([`host`]): does what the machine says, here and now.
//! - **Store** ([`store`]): runs, their events, leases; one SQLite file.
//! - **Worker** ([`workers`]): who does what a node calls for; one file per protocol.
//! - **Config** ([`config`]): `flow.toml`. **Limits** ([`limits`]): every bound. **Error** ([`error`]): what is
//!   wrong around a program.

pub mod clock;
pub mod config;
pub mod error;
pub mod host;
pub mod limits;
pub mod schema;
pub mod store;
pub mod workers;
