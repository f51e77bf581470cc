//! Whole programs, from source to the machine, with scripted workers in virtual time. The log of every run
//! gives the same run again, however it is cut.

#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    dead_code,
    reason = "tests may panic, and the host serves other tests as well"
)]

mod agents;
mod cache;
mod forks;
#[path = "../../../vm/flow-machine/tests/runs/host.rs"]
mod host;
mod injections;
mod locks;
mod source;
mod subgraphs;
mod verify;
