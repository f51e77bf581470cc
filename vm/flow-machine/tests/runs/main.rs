//! Runs of small programs on the machine: one file per matter.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::needless_for_each,
    clippy::needless_pass_by_value,
    clippy::many_single_char_names,
    clippy::type_complexity,
    dead_code,
    reason = "tests may panic, and programs written by hand read best when they are short"
)]

mod branching;
mod builder;
mod cancelling;
mod commands;
mod failing;
mod host;
mod hostile;
mod log;
mod racing;
mod random;
mod scheduling;
mod sending;
mod source;
mod standing;
mod structured;
mod transitions;
mod waiting;
