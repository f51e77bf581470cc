//! The Flow virtual machine for one machine: hosts that drive runs, the store that keeps them, the workers that
//! they call, and the command line.
//!
//! - **Store** ([`store`]): runs, their events, leases; one SQLite file.
//! - **Worker** ([`workers`]): who does what a node calls for; one file per protocol.
//! - **Config** ([`config`]): `flow.toml`. **Limits** ([`limits`]): every bound. **Error** ([`error`]): what is
//!   wrong around a program.

pub mod clock;
pub mod config;
pub mod error;
pub mod limits;
pub mod store;
pub mod workers;
